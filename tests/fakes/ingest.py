"""Stand-ins for what a tweet source works with: time, a sink, a source that plays what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, Final, TypeVar

from ingest.buffer import Parcel
from ingest.checkpoint import MemoryStore
from ingest.errors import StoreError
from ingest.events import SourceEvent, SourceName
from moderation.messages import Tweet, TweetEvent
from tests.waiting import PATIENCE_SECONDS

T = TypeVar("T")

_LONGEST_SECONDS: Final = 3 * PATIENCE_SECONDS

MORNING: Final = 1_795_424_400.0
"""2026-11-23 09:00 UTC."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, but not for ever."""

    async def limited() -> T:
        return await asyncio.wait_for(coroutine, _LONGEST_SECONDS)

    return asyncio.run(limited())


class FakeTime:
    """Time that passes only by sleeping, at once."""

    def __init__(self, now: float = MORNING) -> None:
        self.unix = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.unix

    def monotonic(self) -> float:
        return self.unix

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.unix += seconds
        await asyncio.sleep(0)


class MemorySink:
    """Keeps what it is given. While ``open_`` is cleared it accepts nothing, like a stalled stream."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.batches: list[int] = []
        self.open_ = asyncio.Event()
        self.open_.set()

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        await self.open_.wait()
        self.parcels.extend(parcels)
        self.batches.append(len(parcels))

    @property
    def keys(self) -> list[str]:
        return [parcel.key for parcel in self.parcels if not parcel.announce]


class ScriptedSource:
    """Yields events, raises errors, and waits for ever at ``...``."""

    name = SourceName.REPLAY

    def __init__(self, script: Sequence[SourceEvent | Exception | Any]) -> None:
        self.script = script
        self.started_from: list[str | None] = []
        self.yielded = 0
        self.closed = False

    async def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        self.started_from.append(checkpoint)
        try:
            for step in self.script:
                if step is ...:
                    await asyncio.Event().wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    self.yielded += 1
                    yield step
        finally:
            self.closed = True


class FaultyStore(MemoryStore):
    """Fails to save so many times."""

    def __init__(self, faults: int) -> None:
        super().__init__()
        self.faults = faults

    def save(self, checkpoint: str) -> None:
        if self.faults > 0:
            self.faults -= 1
            raise StoreError("made to happen")
        super().save(checkpoint)


def tweet(tweet_id: str, text: str = "what a day", **fields: Any) -> TweetEvent:
    return TweetEvent(tweet_id=tweet_id, tweet=Tweet(text), **fields)


def tweets(count: int, text: str = "what a day") -> list[SourceEvent]:
    """Tweets 1 to ``count``, each with its number as checkpoint."""
    return [SourceEvent(tweet(str(number), text), checkpoint=str(number)) for number in range(1, count + 1)]
