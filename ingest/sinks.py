"""Where events go: tweets into the Kinesis stream, withdrawals onto the event bus; or lines on standard output.

A sink returns only when everything it was given has been accepted. Whatever is refused is put again, with exponential
backoff and full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), for as long as it
takes: giving up would lose tweets, and while the sink waits the full buffer holds the source back.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ingest.buffer import Parcel
from ingest.clock import Clock
from ingest.metric_names import DELIVERY_RETRIES
from ingest.status import Status
from ingest.telemetry import Meter

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_kinesis.client import KinesisClient

_LOG = logging.getLogger(__name__)

EVENTS_A_CALL: Final = 10
"""Limit of EventBridge PutEvents (API reference)."""

BACKOFF_FIRST: Final = 0.1
BACKOFF_CAP: Final = 10.0

E = TypeVar("E")


class Sink(Protocol):
    """Takes batches, in order."""

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Return when all of them have been accepted."""


class AwsSink:
    """Tweets into a stream, withdrawals onto a bus."""

    def __init__(
        self,
        kinesis: KinesisClient,
        events: EventBridgeClient,
        *,
        stream: str,
        bus: str,
        event_source: str,
        clock: Clock,
        meter: Meter,
        status: Status,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make the sink.

        Args:
            kinesis: client; should give up early, retrying is done here.
            events: client, likewise.
            stream: name of ``tweet_events``.
            bus: name of the event bus.
            event_source: ``source`` of the events.
            clock: waits between attempts.
            meter: counts entries put again.
            status: is told while nothing is accepted.
            jitter: a number from [0, 1).
        """
        self._kinesis = kinesis
        self._events = events
        self._stream = stream
        self._bus = bus
        self._event_source = event_source
        self._clock = clock
        self._meter = meter
        self._status = status
        self._jitter = jitter

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Put tweets first, then withdrawals, so that no withdrawal overtakes its tweet."""
        await self._until_accepted([parcel for parcel in parcels if not parcel.announce], self._put_records)
        for chunk in _chunks([parcel for parcel in parcels if parcel.announce], EVENTS_A_CALL):
            await self._until_accepted(chunk, self._put_events)

    async def _until_accepted(
        self, parcels: Sequence[Parcel], put: Callable[[Sequence[Parcel]], dict[int, str]]
    ) -> None:
        """Put parcels, and again those refused. ``put`` returns the codes of those by their positions."""
        attempt = 0
        while parcels:
            try:
                refused = await asyncio.to_thread(put, parcels)
            except (ClientError, BotoCoreError) as error:
                refused = dict.fromkeys(range(len(parcels)), _code(error))
            if len(refused) < len(parcels):
                self._status.stalled_since = None
                attempt = 0
            elif self._status.stalled_since is None:
                self._status.stalled_since = self._clock.monotonic()
            if not refused:
                return
            await self._pause(attempt, refused)
            parcels = [parcels[position] for position in sorted(refused)]
            attempt += 1

    async def _pause(self, attempt: int, refused: dict[int, str]) -> None:
        self._meter.count(DELIVERY_RETRIES, len(refused))
        _LOG.warning(
            "%d entries refused (%s); putting them again", len(refused), ", ".join(sorted(set(refused.values())))
        )
        await self._clock.sleep(self._jitter() * min(BACKOFF_CAP, BACKOFF_FIRST * 2.0 ** min(attempt, 16)))

    def _put_records(self, parcels: Sequence[Parcel]) -> dict[int, str]:
        response = self._kinesis.put_records(
            StreamName=self._stream,
            Records=[{"Data": parcel.data, "PartitionKey": parcel.key} for parcel in parcels],
        )
        codes = (result.get("ErrorCode") for result in response["Records"])
        return {position: code for position, code in enumerate(codes) if code}

    def _put_events(self, parcels: Sequence[Parcel]) -> dict[int, str]:
        response = self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": self._event_source,
                    "DetailType": parcel.announce or "",
                    "Detail": parcel.data.decode(),
                }
                for parcel in parcels
            ]
        )
        codes = (result.get("ErrorCode") for result in response["Entries"])
        return {position: code for position, code in enumerate(codes) if code}


class LineSink:
    """Tweets as JSON lines, for whatever reads a pipe. Withdrawals are left out: there is nothing to withdraw from."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Write them; a reader that is slow to read is waited for."""
        lines = b"".join(parcel.data + b"\n" for parcel in parcels if not parcel.announce)
        await asyncio.to_thread(self._write, lines)

    def _write(self, lines: bytes) -> None:
        self._out.write(lines)
        self._out.flush()


def _chunks(entries: Sequence[E], size: int) -> Iterator[Sequence[E]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def _code(error: Exception) -> str:
    """A service's own code for an error, or the class of one that never reached the service. Safe to log."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "Unknown")
    return type(error).__name__
