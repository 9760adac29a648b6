"""Waiting times are the documented ones, for each kind of failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from ingest.errors import (
    BudgetExhaustedError,
    ConnectionLostError,
    HttpFaultError,
    RateLimitedError,
    SourceRefusedError,
    StoreError,
)
from ingest.events import SourceEvent
from ingest.metric_names import RECONNECTS
from ingest.sources.reconnect import Backoff, Kind, Reconnector
from ingest.status import Status
from ingest.telemetry import Meter
from tests.fakes.ingest import MORNING, FakeTime, run


def waits(kind: Kind, count: int, *, established: bool = False) -> list[float]:
    backoff = Backoff()
    return [backoff.delay(kind, established=established) for _ in range(count)]


def test_network_errors_back_off_linearly_by_250_ms_up_to_16_s() -> None:
    delays = waits(Kind.NETWORK, 70)
    assert delays[:4] == [0.25, 0.5, 0.75, 1.0]
    assert (delays[63], delays[69]) == (16.0, 16.0)


def test_the_first_loss_of_an_established_connection_is_not_waited_for() -> None:
    assert waits(Kind.NETWORK, 3, established=True) == [0.0, 0.25, 0.5]


def test_http_errors_back_off_exponentially_from_5_to_320_s() -> None:
    assert waits(Kind.HTTP, 8) == [5, 10, 20, 40, 80, 160, 320, 320]


def test_rate_limits_back_off_exponentially_from_a_minute() -> None:
    assert waits(Kind.RATE_LIMIT, 6) == [60, 120, 240, 480, 900, 900]


def test_another_kind_of_failure_starts_anew() -> None:
    backoff = Backoff()
    kinds = (Kind.HTTP, Kind.HTTP, Kind.NETWORK, Kind.HTTP)
    assert [backoff.delay(kind) for kind in kinds] == [5, 10, 0.25, 5]


Connect = Callable[[], AsyncGenerator[SourceEvent, None]]


def connections(*scripts: tuple[float, Exception | None], time: FakeTime) -> Connect:
    """Connections that yield an event if they hold for some seconds, and end by an error or by themselves."""
    remaining = iter(scripts)

    async def connect() -> AsyncGenerator[SourceEvent, None]:
        seconds, error = next(remaining, (0.0, SourceRefusedError("the script is over")))
        if seconds:
            yield SourceEvent(checkpoint="c")
            time.unix += seconds
        if error is not None:
            raise error

    return connect


def play(*scripts: tuple[float, Exception | None]) -> tuple[FakeTime, Meter, Status]:
    time, meter, status = FakeTime(), Meter("x-stream", "test"), Status()
    reconnector = Reconnector(time, meter, status)

    async def scenario() -> int:
        async with aclosing(reconnector.run(connections(*scripts, time=time))) as events:
            return len([event async for event in events])

    with pytest.raises(SourceRefusedError):
        run(scenario())
    return time, meter, status


def test_a_clean_end_of_a_long_connection_is_followed_by_the_next_at_once() -> None:
    time, meter, _ = play((3600, None), (3600, ConnectionLostError("reset")))
    assert time.slept == []
    assert meter.total(RECONNECTS) == 2


def test_a_server_that_accepts_and_drops_at_once_is_called_ever_more_slowly() -> None:
    time, *_ = play(*[(0.1, None)] * 5)
    assert time.slept == [0.25, 0.5, 0.75, 1.0]


def test_a_connection_that_held_makes_failures_forgotten() -> None:
    time, *_ = play((0, HttpFaultError(503)), (0, HttpFaultError(503)), (60, None), (0, HttpFaultError(503)))
    assert time.slept == [5, 10, 5]


def test_a_rate_limit_is_waited_for_until_its_reset() -> None:
    time, *_ = play((0, RateLimitedError(MORNING + 700)))
    assert time.slept == [700]


def test_a_reset_that_is_sooner_than_the_back_off_does_not_shorten_it() -> None:
    time, *_ = play((0, RateLimitedError(MORNING + 3)), (0, RateLimitedError()))
    assert time.slept == [60, 120]


def test_a_store_that_fails_is_waited_for() -> None:
    time, *_ = play((0, StoreError("no table")), (0, StoreError("no table")))
    assert time.slept == [0.25, 0.5]


def test_an_exhausted_budget_rests_until_midnight_utc() -> None:
    time, meter, status = play((1, BudgetExhaustedError("spent")))
    assert time.slept == [15 * 3600 - 1 + 1]
    assert (meter.total(RECONNECTS), status.resting) == (0, False)


def test_the_status_says_whether_there_is_a_connection() -> None:
    time, status = FakeTime(), Status()
    reconnector = Reconnector(time, Meter("x-stream", "test"), status)

    async def scenario() -> bool:
        async with aclosing(reconnector.run(connections((1, None), time=time))) as events:
            await anext(events)
            return status.connected

    assert run(scenario())
    *_, after_the_end = play((1, None))
    assert not after_the_end.connected
