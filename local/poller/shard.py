"""The state machine of one shard: which batch is to be invoked next, and what follows from its outcome.

Pure: it does no reading and no invoking, and is told the time. Records go in with :meth:`Shard.accept`, tasks come
out of :meth:`Shard.ready`, and each task is answered with :meth:`Shard.resolve`. A shard has as many lanes as its
mapping's parallelization factor; a partition key always has the same lane, and a lane has one task at a time, so the
order per key holds.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile

from local.poller.records import Mapping, Record, event_size, fitting
from local.poller.response import Failed, NotInvoked, Outcome, Processed

_BUFFERED_BATCHES = 4
"""Batches per lane that are read ahead."""


class Condition(StrEnum):
    """Why records were given up; the ``condition`` of a failure record."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"


@dataclass(frozen=True)
class BackOff:
    """Seconds between tries: ``first``, then twice as long each time, at most ``ceiling``."""

    first: float = 0.2
    ceiling: float = 10.0

    def after(self, failures: int) -> float:
        """The wait after so many failures in a row (one or more)."""
        return float(min(self.ceiling, self.first * 2 ** min(failures - 1, 16)))


@dataclass(frozen=True)
class Batch:
    """Records that are invoked together.

    ``invocations`` counts calls that reached the function, those of the batch it was split from included; ``retries``
    is what it has used up of the mapping's quota; ``function_error`` is the last call's.
    """

    records: tuple[Record, ...]
    invocations: int = 0
    retries: int = 0
    function_error: str | None = None

    def part(self, start: int, end: int | None = None) -> Batch:
        """The same batch with some of its records."""
        return replace(self, records=self.records[start:end])


@dataclass(frozen=True)
class Invoke:
    """Call the function with a batch, then :meth:`Shard.resolve` the task with its outcome."""

    lane: int
    batch: Batch


@dataclass(frozen=True)
class Discard:
    """Send a batch to the failure destination, then :meth:`Shard.resolve` the task."""

    lane: int
    batch: Batch
    condition: Condition


Task = Invoke | Discard


@dataclass(frozen=True)
class _Waiting:
    record: Record
    received_at: float
    size: int


class _Lane:
    """A queue of records and, before it, the batches that are still to be tried again."""

    def __init__(self) -> None:
        self.queue: deque[_Waiting] = deque()
        self.again: deque[Batch] = deque()
        self.given_up: Batch | None = None
        self.busy = False
        self.failures = 0
        self.not_before = 0.0


class Shard:
    """One shard of one mapping.

    Args:
        shard_id: of the stream.
        mapping: the settings to honour.
        back_off: waits between tries.
    """

    def __init__(self, shard_id: str, mapping: Mapping, *, back_off: BackOff | None = None) -> None:
        self.shard_id = shard_id
        self._mapping = mapping
        self._back_off = back_off or BackOff()
        self._lanes = [_Lane() for _ in range(mapping.parallelization)]
        self._order: deque[Record] = deque()
        self._done: set[int] = set()
        self.checkpoint: str | None = None
        """The sequence number up to which everything is done with, None before the first."""

    @property
    def room(self) -> int:
        """How many more records to read ahead; 0 while the lanes are full."""
        most = _BUFFERED_BATCHES * self._mapping.batch_size * self._mapping.parallelization
        return max(0, most - len(self._order))

    @property
    def outstanding(self) -> int:
        """Records that were accepted and are not done with."""
        return len(self._order) - len(self._done)

    @property
    def oldest_arrival(self) -> float | None:
        """When the oldest outstanding record arrived, seconds since the epoch."""
        return self._order[0].arrived_at if self._order else None

    def accept(self, records: Iterable[Record], now: float) -> None:
        """Take records that were read, in the order of the shard."""
        for record in records:
            self._order.append(record)
            size = event_size(self._mapping, self.shard_id, record)
            self._lanes[self._lane_of(record)].queue.append(_Waiting(record, now, size))

    def ready(self, now: float) -> list[Task]:
        """What is to be done now: at most one task per lane, none for a lane that has one already."""
        tasks = []
        for index, lane in enumerate(self._lanes):
            task = None if lane.busy else self._next_task(index, lane, now)
            if task is not None:
                lane.busy = True
                tasks.append(task)
        return tasks

    def wake_at(self, now: float) -> float | None:
        """When :meth:`ready` is next worth asking without new records or outcomes; None if it is not."""
        moments = [moment for lane in self._lanes if (moment := self._lane_wakes_at(lane)) is not None]
        return max(now, min(moments)) if moments else None

    def resolve(self, task: Task, outcome: Outcome | None, now: float) -> None:
        """Say how a task ended. The outcome of a :class:`Discard` is None."""
        lane = self._lanes[task.lane]
        lane.busy = False
        match task, outcome:
            case Discard(batch=batch), _:
                self._finish(batch.records)
                lane.failures = 0
            case Invoke(batch=batch), Processed(failed_from=None):
                self._finish(batch.records)
                lane.failures = 0
            case Invoke(batch=batch), NotInvoked():
                # Nothing was tried, so nothing is used up: only age ends this.
                lane.again.appendleft(batch)
                self._wait(lane, now)
            case Invoke(batch=batch), Processed(failed_from=int(position)) if position > 0:
                self._finish(batch.records[:position])
                self._progressed(lane, batch.part(position), now)
            case Invoke(batch=batch), Processed():
                self._failed(lane, replace(batch, invocations=batch.invocations + 1, function_error=None), now)
            case Invoke(batch=batch), Failed(function_error=error):
                self._failed(lane, replace(batch, invocations=batch.invocations + 1, function_error=error), now)
            case _:
                raise ValueError(f"an invocation needs an outcome, got {outcome}")

    def _lane_of(self, record: Record) -> int:
        digest = hashlib.md5(record.partition_key.encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:8], "big") % len(self._lanes)

    def _next_task(self, index: int, lane: _Lane, now: float) -> Task | None:
        if lane.given_up is not None:
            given_up, lane.given_up = lane.given_up, None
            return Discard(index, given_up, Condition.RETRIES)
        batch = self._next_batch(lane, now)
        if batch is None:
            return None
        expired = len(list(takewhile(lambda record: self._expired(record, now), batch.records)))
        if expired == 0:
            return Invoke(index, batch)
        if expired < len(batch.records):
            lane.again.appendleft(batch.part(expired))
        return Discard(index, batch.part(0, expired), Condition.AGE)

    def _next_batch(self, lane: _Lane, now: float) -> Batch | None:
        if lane.again:
            oldest = lane.again[0].records[0]
            waiting = now < lane.not_before and not self._expired(oldest, now)
            return None if waiting else lane.again.popleft()
        if not lane.queue:
            return None
        count, full = self._gathered(lane)
        if not full and now - lane.queue[0].received_at < self._mapping.window:
            return None
        return Batch(tuple(lane.queue.popleft().record for _ in range(count)))

    def _expired(self, record: Record, now: float) -> bool:
        return now - record.arrived_at > self._mapping.age_limit

    def _gathered(self, lane: _Lane) -> tuple[int, bool]:
        """How many records the next batch would have, and whether it cannot grow any more."""
        count = min(len(lane.queue), self._mapping.batch_size)
        fit = fitting([lane.queue[position].size for position in range(count)])
        return fit, fit < count or count == self._mapping.batch_size

    def _lane_wakes_at(self, lane: _Lane) -> float | None:
        if lane.busy:
            return None
        if lane.given_up is not None:
            return 0.0
        if lane.again:
            return min(lane.not_before, lane.again[0].records[0].arrived_at + self._mapping.age_limit)
        if not lane.queue:
            return None
        return 0.0 if self._gathered(lane)[1] else lane.queue[0].received_at + self._mapping.window

    def _progressed(self, lane: _Lane, rest: Batch, now: float) -> None:
        """Some records were done with; the rest is tried again from the one that failed."""
        lane.failures = 0
        rest = replace(rest, invocations=rest.invocations + 1, function_error=None)
        if self._mapping.bisect:
            # Split at the number that was returned, which does not use up a retry.
            lane.again.appendleft(rest)
            return
        self._retry(lane, rest, now)

    def _failed(self, lane: _Lane, batch: Batch, now: float) -> None:
        """Nothing of a batch was done with."""
        if self._mapping.bisect and len(batch.records) > 1:
            middle = len(batch.records) // 2
            lane.again.extendleft((batch.part(middle), batch.part(0, middle)))
            return
        self._retry(lane, batch, now)

    def _retry(self, lane: _Lane, batch: Batch, now: float) -> None:
        if 0 <= self._mapping.max_retries <= batch.retries:
            lane.given_up = batch
            return
        lane.again.appendleft(replace(batch, retries=batch.retries + 1))
        self._wait(lane, now)

    def _wait(self, lane: _Lane, now: float) -> None:
        lane.failures += 1
        lane.not_before = now + self._back_off.after(lane.failures)

    def _finish(self, records: Iterable[Record]) -> None:
        self._done.update(record.number for record in records)
        while self._order and self._order[0].number in self._done:
            record = self._order.popleft()
            self._done.remove(record.number)
            self.checkpoint = record.sequence
