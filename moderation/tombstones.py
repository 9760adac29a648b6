"""What stands in for tweets that were withdrawn, beside data that cannot be edited: the archive, and labelled tweets.

Archived lines lie in compressed objects of up to 64 MB, which nobody rewrites for one tweet. Instead a tombstone is put
beside them, and whoever reads the data leaves out what has one (``moderation/withdrawn.py``). The data itself goes with
its lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from moderation.messages import ClassificationEvent

FOLDER: Final = "withdrawn"
"""Holds the tombstones, below the prefix of the data: JSON lines, compressed or not."""

REVISION: Final = "@"
"""Stands between a tweet's id and its revision, where an edited tweet keeps its id."""

_encoder: Final = msgspec.json.Encoder()


class Tombstone(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One tweet, or all tweets of an author until a moment, that must not be used any more.

    Attributes:
        withdrawn_at: when the source said so, as on the wire.
        tweet_id: of the tweet.
        revisions: whether every revision of it is withdrawn with it.
        author_id: of the author, in place of a tweet.
    """

    withdrawn_at: str
    tweet_id: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    revisions: bool = False
    author_id: Annotated[str, msgspec.Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse tombstones of nothing."""
        if (self.tweet_id is None) == (self.author_id is None):
            raise ValueError("a tombstone is of a tweet or of an author")


def written_at(verdict: ClassificationEvent) -> str:
    """By when the tweet of a verdict was written, as on the wire: what its author said, or its verdict's moment.

    The earlier of the two, as authors' clocks may be ahead.
    """
    return min(verdict.tweeted_at or verdict.classified_at, verdict.classified_at)


def encode_lines(tombstones: Iterable[Tombstone]) -> bytes:
    """Tombstones as JSON lines."""
    return _encoder.encode_lines(tombstones)
