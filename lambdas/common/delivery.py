"""Sending many entries to a service that takes a few at a time and may refuse some of them.

Kinesis PutRecords, SNS PublishBatch and EventBridge PutEvents share one shape: so many entries and bytes a call, and an
answer which accepts some entries and refuses others. Refused ones are sent again, with exponential backoff and full
jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), and only then reported.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

E = TypeVar("E")

RequestFaults: Final = (ClientError, BotoCoreError)
"""What boto3 raises when a call as a whole fails, after its own retries."""

OVERSIZED: Final = "Oversized"
NOT_TRIED: Final = "NotTried"


class Limits(NamedTuple):
    """Of one call: entries, bytes in total, bytes of one entry."""

    entries: int
    total: int
    entry: int


class Fault(NamedTuple):
    """Why one entry was refused, by the service's code, and whether sending it again at once may help."""

    code: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently refused entries are sent again.

    Attributes:
        attempts: in all.
        base: seconds, the longest pause after the first attempt; doubles with every further one.
        cap: seconds, the longest pause of all.
        sleep: waits for so many seconds.
        jitter: a number from [0, 1).
    """

    attempts: int = 5
    base: float = 0.1
    cap: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def pause(self, attempt: int) -> None:
        """Wait after an attempt, of which the first is 0."""
        self.sleep(self.jitter() * min(self.cap, self.base * 2.0**attempt))


@dataclass(slots=True)
class Delivery:
    """What became of the entries: positions and codes of those that were not accepted, and how many were sent again."""

    failed: dict[int, str] = field(default_factory=dict)
    retried: int = 0

    @property
    def first_failed(self) -> int | None:
        """The lowest position that was not accepted."""
        return min(self.failed, default=None)


Send = Callable[[Sequence[E]], "Sequence[Fault | None]"]
"""Makes one call; answers with one item for each entry, None where it was accepted. May raise RequestFaults."""


def chunks(sizes: Sequence[int], limits: Limits) -> Iterator[range]:
    """Cut positions into runs that each fit into one call, in order. No size may exceed ``limits.total``."""
    start = total = 0
    for position, size in enumerate(sizes):
        if position > start and (position - start == limits.entries or total + size > limits.total):
            yield range(start, position)
            start, total = position, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


def deliver(
    entries: Sequence[E], sizes: Sequence[int], send: Send[E], *, limits: Limits, retry: Retry, in_order: bool
) -> Delivery:
    """Send all entries.

    Args:
        entries: what to send.
        sizes: the bytes of each, as the service counts them.
        send: makes one call.
        limits: of one call.
        retry: what to do about refused entries.
        in_order: whether everything after the first refused entry will be sent again anyway. If so, nothing is sent
            after the call which it was part of. If not, only a call that is refused as a whole ends the delivery: the
            service is down, and finding that out again for every call would take longer than the function has.
    """
    outcome = Delivery()
    small = [position for position, size in enumerate(sizes) if size <= limits.entry]
    outcome.failed.update({position: OVERSIZED for position, size in enumerate(sizes) if size > limits.entry})
    for run in chunks([sizes[position] for position in small], limits):
        positions = small[run.start : run.stop]
        refused = _deliver_chunk(entries, positions, send, retry, outcome)
        outcome.failed.update(refused)
        if len(refused) == len(positions) or (in_order and outcome.failed):
            outcome.failed.update(dict.fromkeys(small[run.stop :], NOT_TRIED))
            break
    return outcome


def _deliver_chunk(
    entries: Sequence[E], positions: list[int], send: Send[E], retry: Retry, outcome: Delivery
) -> dict[int, str]:
    """Send the entries at some positions in one call, and again those refused; returns the ones never accepted."""
    final: dict[int, str] = {}
    for attempt in range(retry.attempts):
        try:
            faults = send([entries[position] for position in positions])
        except RequestFaults as error:  # boto3 has retried the call already
            return final | dict.fromkeys(positions, fault_code(error))
        refused = {position: fault for position, fault in zip(positions, faults, strict=True) if fault is not None}
        final.update({position: fault.code for position, fault in refused.items() if not fault.retryable})
        again = {position: fault.code for position, fault in refused.items() if fault.retryable}
        if not again:
            return final
        if attempt + 1 == retry.attempts:
            return final | again
        retry.pause(attempt)
        positions = list(again)
        outcome.retried += len(positions)
    return final


def fault_code(error: Exception) -> str:
    """A service's own code for an error, or the class of one that never reached the service. Safe to log."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "Unknown")
    return type(error).__name__
