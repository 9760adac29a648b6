"""Tweets from a file, at a rate: CSV with a column ``tweet_text``, or JSON lines of tweet events.

The checkpoint is the number of the last row, so that a replay that was stopped goes on where it was. Identifiers are
the file's own (``tweet_id``), or its name and the number of the row: the same in every replay.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Final

from ingest.clock import Clock
from ingest.errors import SourceRefusedError
from ingest.events import SourceEvent, SourceName
from ingest.metric_names import MALFORMED_MESSAGES
from ingest.status import Status
from ingest.telemetry import Meter
from moderation.errors import PoisonRecordError
from moderation.messages import MAX_TEXT_CHARACTERS, Tweet, TweetEvent, decode_tweet_event

_LOG = logging.getLogger(__name__)

SOURCE: Final = "replay"
TEXT: Final = "tweet_text"
_CATCH_UP: Final = 0.005

csv.field_size_limit(16 * MAX_TEXT_CHARACTERS)


class Replay:
    """Plays a file once."""

    name: Final = SourceName.REPLAY

    def __init__(self, path: Path, *, rate: float, clock: Clock, meter: Meter, status: Status) -> None:
        """Make the source.

        Args:
            path: a ``.csv``, ``.jsonl`` or ``.ndjson`` file.
            rate: tweets a second; 0 for as fast as they are taken.
            clock: keeps the pace.
            meter: counts rows that are no tweets.
            status: is told that the source is there.
        """
        self._path = path
        self._rate = rate
        self._clock = clock
        self._meter = meter
        self._status = status

    async def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        """Play the file from the row after the checkpoint to its end."""
        done = int(checkpoint) if checkpoint and checkpoint.isdecimal() else 0
        started = self._clock.monotonic()
        self._status.connected = True
        played = 0
        for number, tweet in enumerate(self._rows(), start=1):
            if number <= done:
                continue
            await self._keep_pace(started, played)
            played += 1
            languages = (tweet.lang,) if tweet and tweet.lang else ()
            yield SourceEvent(tweet, checkpoint=str(number), languages=languages)

    async def _keep_pace(self, started: float, played: int) -> None:
        if self._rate > 0:
            early = started + played / self._rate - self._clock.monotonic()
            if early > _CATCH_UP:
                await self._clock.sleep(early)

    def _rows(self) -> Iterator[TweetEvent | None]:
        """The rows; None for one that is no tweet."""
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                yield from self._csv(csv.DictReader(file)) if self._path.suffix == ".csv" else self._lines(file)
        except OSError as error:
            raise SourceRefusedError(f"{self._path} cannot be read: {error.strerror}") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceRefusedError(
                f"{self._path} is not readable as {self._path.suffix or 'text'}: {error}"
            ) from error

    def _csv(self, rows: csv.DictReader[str]) -> Iterator[TweetEvent | None]:
        if TEXT not in (rows.fieldnames or ()):
            raise SourceRefusedError(f"{self._path} has no column {TEXT}; it has {', '.join(rows.fieldnames or ())}")
        for number, row in enumerate(rows, start=1):
            yield TweetEvent(
                tweet_id=row.get("tweet_id") or f"{self._path.stem[:100]}-{number}",
                tweet=Tweet(row[TEXT] or ""),
                author_id=row.get("author_id") or None,
                lang=row.get("lang") or None,
                source=SOURCE,
            )

    def _lines(self, lines: Iterator[str]) -> Iterator[TweetEvent | None]:
        for number, line in enumerate(lines, start=1):
            try:
                yield decode_tweet_event(line.strip().encode())
            except PoisonRecordError as error:
                self._meter.count(MALFORMED_MESSAGES)
                _LOG.warning("line %d is no tweet event: %s", number, error.rejection.value)
                yield None
