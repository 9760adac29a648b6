"""Connecting again, as patiently as each kind of failure asks for.

The waiting times are those which X documents ("Handling disconnections", docs.x.com): an established connection that
drops is reopened at once; network errors back off linearly in steps of 250 ms up to 16 s; HTTP errors exponentially
from 5 s to 320 s; HTTP 429 exponentially from one minute, and never less than the rate limit's own reset time.
Jetstream documents none, so that it is treated the same way.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import Enum, auto
from typing import Final

from ingest.clock import Clock, seconds_to_midnight
from ingest.errors import (
    BudgetExhaustedError,
    ConnectionLostError,
    HttpFaultError,
    IngestError,
    NotReadyError,
    RateLimitedError,
    StoreError,
)
from ingest.events import SourceEvent
from ingest.metric_names import RECONNECTS
from ingest.status import Status
from ingest.telemetry import Meter

_LOG = logging.getLogger(__name__)

NETWORK_STEP: Final = 0.25
NETWORK_CAP: Final = 16.0
HTTP_FIRST: Final = 5.0
HTTP_CAP: Final = 320.0
RATE_LIMIT_FIRST: Final = 60.0
RATE_LIMIT_CAP: Final = 900.0
"""X counts requests in windows of 15 minutes, so that a longer wait gains nothing."""
SETTLED: Final = 10.0
"""Seconds that a connection must hold before failures are forgotten; else a server which accepts and drops at once
would be called without a pause."""

_PASSING: Final = (ConnectionLostError, HttpFaultError, BudgetExhaustedError, NotReadyError, StoreError)


class Kind(Enum):
    """Kinds of failure that are waited for differently."""

    NETWORK = auto()
    HTTP = auto()
    RATE_LIMIT = auto()


class Backoff:
    """How long to wait before the next attempt."""

    def __init__(self) -> None:
        self._kind: Kind | None = None
        self._failures = 0

    def settled(self) -> None:
        """A connection has held: forget earlier failures."""
        self._failures = 0

    def delay(self, kind: Kind, *, established: bool = False) -> float:
        """Seconds to wait after a failure.

        Args:
            kind: of the failure.
            established: whether the connection had been open; its first loss is not waited for.
        """
        if kind is not self._kind:
            self._kind, self._failures = kind, 0
        before, self._failures = self._failures, self._failures + 1
        if kind is Kind.NETWORK:
            return min(NETWORK_CAP, NETWORK_STEP * (before if established else before + 1))
        first, cap = (HTTP_FIRST, HTTP_CAP) if kind is Kind.HTTP else (RATE_LIMIT_FIRST, RATE_LIMIT_CAP)
        return min(cap, first * 2.0 ** min(before, 16))


class Reconnector:
    """Runs connections of a source, one after the other."""

    def __init__(self, clock: Clock, meter: Meter, status: Status) -> None:
        self._clock = clock
        self._meter = meter
        self._status = status
        self._backoff = Backoff()

    async def run(self, connect: Callable[[], AsyncGenerator[SourceEvent, None]]) -> AsyncGenerator[SourceEvent, None]:
        """Yield what connections yield; wait between them.

        Args:
            connect: opens a connection and yields its events. May raise any :class:`IngestError`; to end without an
                error counts as a lost connection.

        Raises:
            SourceRefusedError: passed on from ``connect``, as everything that no waiting can cure.
        """
        while True:
            started: float | None = None
            failure: IngestError = ConnectionLostError("the connection was closed")
            try:
                async with aclosing(connect()) as events:
                    async for event in events:
                        started = self._clock.monotonic() if started is None else started
                        self._status.connected = True
                        yield event
            except _PASSING as error:
                failure = error
            self._status.connected = False
            if started is not None and self._clock.monotonic() - started >= SETTLED:
                self._backoff.settled()
            await self._wait(failure, established=started is not None)

    async def _wait(self, failure: IngestError, *, established: bool) -> None:
        if isinstance(failure, BudgetExhaustedError):
            await self._rest()
            return
        seconds = self._delay(failure, established=established)
        self._meter.count(RECONNECTS)
        _LOG.warning("%s; connecting again in %.2f s", failure, seconds)
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _delay(self, failure: IngestError, *, established: bool) -> float:
        if isinstance(failure, RateLimitedError):
            seconds = self._backoff.delay(Kind.RATE_LIMIT)
            return max(seconds, (failure.reset_at or 0.0) - self._clock.now())
        if isinstance(failure, (HttpFaultError, NotReadyError)):
            return self._backoff.delay(Kind.HTTP)
        return self._backoff.delay(Kind.NETWORK, established=established)

    async def _rest(self) -> None:
        """Wait for the next day's budget."""
        seconds = seconds_to_midnight(self._clock.now()) + 1
        _LOG.error("the day's budget of paid reads is spent; reading goes on in %.0f s, at midnight UTC", seconds)
        self._status.resting = True
        try:
            await self._clock.sleep(seconds)
        finally:
            self._status.resting = False
