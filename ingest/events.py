"""What a source yields, and what every source has in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from moderation.messages import AuthorWithdrawn, TweetEvent, TweetWithdrawn


class SourceName(StrEnum):
    """The sources, by the name that a setting chooses them with."""

    X_STREAM = "x-stream"
    X_SEARCH = "x-search"
    BLUESKY = "bluesky"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event of a source.

    Attributes:
        body: a tweet, a withdrawal, or None where the source only got further.
        checkpoint: from which the source can go on without missing anything once this event and all before it have
            been delivered; None where it could not.
        languages: all languages that the source gives for a tweet; the tweet itself carries the first of them.
        happened_at: Unix time at which the source saw it, to measure the lag with; None if it does not say.
        wanted: False for a tweet that arrived (and was paid for) but is not ours to classify.
    """

    body: TweetEvent | TweetWithdrawn | AuthorWithdrawn | None = None
    checkpoint: str | None = None
    languages: tuple[str, ...] = ()
    happened_at: float | None = None
    wanted: bool = True


class TweetSource(Protocol):
    """A source of tweets."""

    @property
    def name(self) -> SourceName:
        """Which source it is."""

    def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        """Read on from a checkpoint, or from now (a file: from its start) without one.

        Reconnects by itself; ends only where the source has an end. Closing the generator closes the connection.

        Raises:
            SourceRefusedError: the source cannot be read, and waiting cannot help.
        """
