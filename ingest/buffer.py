"""The only place where events wait: bounded in number and in bytes, so that a slow stream slows the source down."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

RECORDS_A_CALL: Final = 500
BYTES_A_CALL: Final = 5 * 1024 * 1024
"""Limits of Kinesis PutRecords (API reference, PutRecords): records, and bytes of data and partition keys together."""


@dataclass(slots=True)
class Parcel:
    """One event, ready to be sent.

    Attributes:
        key: the tweet's identifier, which is the record's partition key.
        data: what is sent; empty where there is only a checkpoint.
        announce: the detail-type, for what goes to the event bus instead of the stream.
        checkpoint: valid once this and everything before it is delivered.
        happened_at: Unix time to measure the lag with.
    """

    key: str = ""
    data: bytes = b""
    announce: str | None = None
    checkpoint: str | None = None
    happened_at: float | None = None

    @property
    def size(self) -> int:
        """Bytes as Kinesis counts them."""
        return len(self.data) + len(self.key.encode())


class Buffer:
    """A queue from which batches are taken.

    ``put`` waits while the buffer is full, ``take`` until a batch is full or has waited long enough.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._parcels: deque[Parcel] = deque()
        self._bytes = 0
        self._closed = False
        self._room = asyncio.Event()
        self._some = asyncio.Event()
        self._full = asyncio.Event()

    def __len__(self) -> int:
        """Events that wait."""
        return len(self._parcels)

    @property
    def bytes_waiting(self) -> int:
        """Their bytes."""
        return self._bytes

    async def put(self, parcel: Parcel) -> None:
        """Add a parcel, as soon as there is room for it."""
        if not parcel.data and self._parcels:  # a checkpoint alone needs no place of its own
            self._parcels[-1].checkpoint = parcel.checkpoint or self._parcels[-1].checkpoint
            return
        while self._parcels and not self._has_room(parcel):
            self._room.clear()
            await self._room.wait()
        self._parcels.append(parcel)
        self._bytes += parcel.size
        self._some.set()
        if len(self._parcels) >= RECORDS_A_CALL or self._bytes >= BYTES_A_CALL:
            self._full.set()

    async def take(self, *, linger: float, idle: float) -> list[Parcel]:
        """The next batch.

        Args:
            linger: seconds that an incomplete batch waits for more.
            idle: seconds after which an empty list is returned if nothing has come at all.

        Returns:
            Parcels within the limits of one PutRecords call; none when idle, or when closed and empty.
        """
        if not self._some.is_set() and not self._closed:
            try:
                await asyncio.wait_for(self._some.wait(), idle)
            except TimeoutError:
                return []
        if not self._full.is_set() and not self._closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), linger)
        return self._pop()

    def close(self) -> None:
        """Nothing more will be put; what waits can be taken without lingering."""
        self._closed = True
        self._some.set()
        self._full.set()

    @property
    def drained(self) -> bool:
        """Closed, and everything taken."""
        return self._closed and not self._parcels

    def _has_room(self, parcel: Parcel) -> bool:
        return len(self._parcels) < self._max_events and self._bytes + parcel.size <= self._max_bytes

    def _pop(self) -> list[Parcel]:
        batch: list[Parcel] = []
        total = 0
        while self._parcels and len(batch) < RECORDS_A_CALL:
            size = self._parcels[0].size
            if batch and total + size > BYTES_A_CALL:
                break
            batch.append(self._parcels.popleft())
            total += size
        self._bytes -= total
        self._room.set()
        if not self._closed:
            if not self._parcels:
                self._some.clear()
            if len(self._parcels) < RECORDS_A_CALL and self._bytes < BYTES_A_CALL:
                self._full.clear()
        return batch
