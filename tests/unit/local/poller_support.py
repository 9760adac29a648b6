"""A shard with a clock in the hand, for the tests of the poller's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local.poller.records import Mapping, Record
from local.poller.response import Failed, NotInvoked, Outcome, Processed
from local.poller.shard import BackOff, Discard, Invoke, Shard

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/tweet_events"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:classify:live"
SHARD = "shardId-000000000000"


def mapping(**settings: Any) -> Mapping:
    return Mapping(uuid="a-mapping", function_arn=FUNCTION, stream_arn=STREAM, **settings)


def record(number: int, *, key: str | None = None, size: int = 2, arrived_at: float = 0.0) -> Record:
    return Record(str(number), key or f"key-{number}", b"x" * size, arrived_at)


def numbers(batch: Any) -> list[int]:
    return [item.number for item in batch.records]


Function = Callable[[list[int]], Outcome]


def poison(*bad: int) -> Function:
    """A function that fails as a whole when one of these is in its batch."""
    return lambda batch: Failed() if set(bad) & set(batch) else Processed()


def reports(*bad: int) -> Function:
    """A function that reports the first of these in its batch."""
    return lambda batch: Processed(next((i for i, number in enumerate(batch) if number in bad), None))


def throttled(_batch: list[int]) -> Outcome:
    return NotInvoked()


class Drive:
    """Runs a shard to its end, on a clock that jumps to the next moment at which there is something to do."""

    def __init__(self, settings: Mapping, records: Sequence[Record], function: Function, *, now: float = 0.0) -> None:
        self.shard = Shard(SHARD, settings, back_off=BackOff(first=1.0, ceiling=60.0))
        self.function = function
        self.now = now
        self.calls: list[tuple[float, list[int]]] = []
        self.discards: list[Discard] = []
        self.checkpoints: list[str | None] = []
        self.shard.accept(records, now)

    def run(self, *, until: float = 10_000.0, at_most: int = 1_000) -> Drive:
        for _ in range(at_most):
            tasks = self.shard.ready(self.now)
            for task in tasks:
                self.perform(task)
            if tasks:
                continue
            wake = self.shard.wake_at(self.now)
            if wake is None or wake > until:
                return self
            self.now = wake if wake > self.now else self.now + 0.001
        raise AssertionError("the shard never came to rest")

    def perform(self, task: Invoke | Discard) -> None:
        outcome = None
        if isinstance(task, Discard):
            self.discards.append(task)
        else:
            self.calls.append((self.now, numbers(task.batch)))
            outcome = self.function(numbers(task.batch))
        self.shard.resolve(task, outcome, self.now)
        self.checkpoints.append(self.shard.checkpoint)

    @property
    def batches(self) -> list[list[int]]:
        return [batch for _, batch in self.calls]

    @property
    def discarded(self) -> list[tuple[str, list[int]]]:
        return [(task.condition.value, numbers(task.batch)) for task in self.discards]
