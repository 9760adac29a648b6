"""Carries events from a source to a sink: reading on one side, sending on the other, a bounded buffer between them.

The checkpoint is written after delivery, never before. So a process that is killed at any moment loses nothing: it
reads again what came after its last checkpoint, and repeats at most what was on its way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from ingest.buffer import Buffer, Parcel
from ingest.checkpoint import Store
from ingest.clock import Clock
from ingest.errors import StoreError
from ingest.events import TweetSource
from ingest.filters import Filter
from ingest.metric_names import CHECKPOINT_FAILED, TWEET_LAG, TWEETS_DELIVERED, WITHDRAWALS_ANNOUNCED
from ingest.sinks import Sink
from ingest.telemetry import Meter

_LOG = logging.getLogger(__name__)

_IDLE: float = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """When things happen.

    Attributes:
        linger: seconds that an incomplete batch waits for more.
        checkpoint: seconds between writes of the checkpoint, at least.
        drain: seconds after a stop signal within which what was read must be delivered.
    """

    linger: float = 1.0
    checkpoint: float = 1.0
    drain: float = 25.0


class Pump:
    """Runs one source until it ends or is told to stop."""

    def __init__(
        self,
        source: TweetSource,
        sink: Sink,
        store: Store,
        *,
        buffer: Buffer,
        filter_: Filter,
        meter: Meter,
        clock: Clock,
        pace: Pace,
    ) -> None:
        """Put the parts together.

        Args:
            source: what to read.
            sink: where it goes.
            store: keeps the checkpoint.
            buffer: holds what was read and not yet delivered.
            filter_: decides what is delivered.
            meter: counts.
            clock: tells the lag.
            pace: when things happen.
        """
        self._source = source
        self._sink = sink
        self._store = store
        self._buffer = buffer
        self._filter = filter_
        self._meter = meter
        self._clock = clock
        self._pace = pace
        self._unsaved: str | None = None
        self._saved_at = clock.monotonic()
        self._in_flight = 0

    async def run(self, stop: asyncio.Event) -> int:
        """Read and deliver until the source ends or ``stop`` is set; then deliver what was read.

        Returns:
            Events that were read but could not be delivered in time after the stop. They come before no checkpoint, so
            the next run reads them again.

        Raises:
            SourceRefusedError: the source cannot be read.
            StoreError: the checkpoint cannot be read.
        """
        checkpoint = await asyncio.to_thread(self._store.load)
        _LOG.info("reading %s from %s", self._source.name.value, "the checkpoint" if checkpoint else "the beginning")
        reader = asyncio.create_task(self._read(checkpoint), name="read")
        sender = asyncio.create_task(self._send(), name="send")
        stopper = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait((reader, sender, stopper), return_when=asyncio.FIRST_COMPLETED)
            stopped = not reader.done()
            await _cancel(reader)
            self._buffer.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(sender), self._pace.drain if stopped else None)
        finally:
            for task in (reader, sender, stopper):
                await _cancel(task)
            await self._save(force=True)
        for task in (sender, reader):
            if task.done() and not task.cancelled():
                task.result()
        return self._in_flight + len(self._buffer)

    async def _read(self, checkpoint: str | None) -> None:
        async with aclosing(self._source.events(checkpoint)) as events:
            async for event in events:
                await self._buffer.put(self._filter.parcel(event))

    async def _send(self) -> None:
        while not self._buffer.drained:
            batch = await self._buffer.take(linger=self._pace.linger, idle=_IDLE)
            await self._deliver(batch)
            await self._save()

    async def _deliver(self, batch: Sequence[Parcel]) -> None:
        loaded = [parcel for parcel in batch if parcel.data]
        if loaded:
            self._in_flight = len(loaded)
            await self._sink.deliver(loaded)
            self._in_flight = 0
            self._count(loaded)
        self._unsaved = next((parcel.checkpoint for parcel in reversed(batch) if parcel.checkpoint), self._unsaved)

    def _count(self, parcels: Sequence[Parcel]) -> None:
        announced = sum(parcel.announce is not None for parcel in parcels)
        if announced:
            self._meter.count(WITHDRAWALS_ANNOUNCED, announced)
        if announced < len(parcels):
            self._meter.count(TWEETS_DELIVERED, len(parcels) - announced)
        oldest = min((parcel.happened_at for parcel in parcels if parcel.happened_at), default=None)
        if oldest is not None:
            self._meter.gauge(TWEET_LAG, max(0.0, self._clock.now() - oldest))

    async def _save(self, *, force: bool = False) -> None:
        """Write the checkpoint of what has been delivered, if it is time to."""
        due = force or self._clock.monotonic() - self._saved_at >= self._pace.checkpoint
        if self._unsaved is None or not due:
            return
        try:
            await asyncio.to_thread(self._store.save, self._unsaved)
        except StoreError as error:  # reading on costs nothing but a longer repetition after a restart
            self._meter.count(CHECKPOINT_FAILED)
            _LOG.warning("%s", error)
            return
        self._unsaved = None
        self._saved_at = self._clock.monotonic()


async def _cancel(task: asyncio.Task[object]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
