"""A sink puts everything, however often it takes, and never more in one call than a call takes."""

from __future__ import annotations

import io
from typing import Any

from ingest.buffer import Parcel
from ingest.metric_names import DELIVERY_RETRIES
from ingest.sinks import AwsSink, LineSink
from ingest.status import Status
from ingest.telemetry import Meter
from tests.fakes.aws import FakeEvents, FakeKinesis, client_error
from tests.fakes.ingest import FakeTime, run


class Setup:
    def __init__(self, kinesis: FakeKinesis | None = None, events: FakeEvents | None = None) -> None:
        self.kinesis = kinesis or FakeKinesis()
        self.events = events or FakeEvents()
        aws: Any = (self.kinesis, self.events)
        self.time, self.meter, self.status = FakeTime(), Meter("x-stream", "test"), Status()
        self.sink = AwsSink(
            *aws,
            stream="tweets",
            bus="bus",
            event_source="cyberbullying.test",
            clock=self.time,
            meter=self.meter,
            status=self.status,
            jitter=lambda: 1.0,
        )


def records(count: int) -> list[Parcel]:
    return [Parcel(key=str(number), data=b"{}") for number in range(count)]


def withdrawals(count: int) -> list[Parcel]:
    return [Parcel(key=str(number), data=b'{"a":1}', announce="TweetWithdrawn") for number in range(count)]


def test_the_partition_key_is_the_tweets_identifier() -> None:
    setup = Setup()
    run(setup.sink.deliver(records(3)))
    assert setup.kinesis.records == [("0", b"{}"), ("1", b"{}"), ("2", b"{}")]
    assert setup.time.slept == []


def test_only_refused_entries_are_put_again() -> None:
    setup = Setup(FakeKinesis(refuse=lambda call, position: call < 3 and position % 2 == 1))
    run(setup.sink.deliver(records(4)))
    assert sorted(key for key, _ in setup.kinesis.records) == ["0", "1", "2", "3"]
    assert setup.kinesis.sizes == [4, 2, 1]
    assert setup.meter.total(DELIVERY_RETRIES) == 3


def test_a_call_that_fails_is_repeated_ever_more_slowly_and_never_given_up() -> None:
    setup = Setup(FakeKinesis(faults=[client_error("InternalFailure")] * 40))
    run(setup.sink.deliver(records(1)))
    assert len(setup.kinesis.records) == 1
    assert setup.time.slept[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(setup.time.slept) == setup.time.slept[-1] == 10.0


def test_a_stall_is_told_and_taken_back() -> None:
    setup = Setup()
    told: list[float] = []

    def refuse(call: int, position: int) -> bool:
        told.append(setup.status.stalled_for(setup.time.unix))
        return call < 4

    setup.kinesis.refuse = refuse
    run(setup.sink.deliver(records(1)))
    assert [round(seconds, 2) for seconds in told] == [0.0, 0.1, 0.3, 0.7]
    assert setup.status.stalled_since is None


def test_withdrawals_go_to_the_bus_ten_at_a_time_and_after_the_tweets() -> None:
    setup = Setup()
    run(setup.sink.deliver([*withdrawals(12), *records(1)]))
    assert setup.events.calls == ["put_events", "put_events"]
    assert len(setup.kinesis.records) == 1
    assert setup.events.events[0] == {
        "EventBusName": "bus",
        "Source": "cyberbullying.test",
        "DetailType": "TweetWithdrawn",
        "Detail": '{"a":1}',
    }


def test_a_refused_withdrawal_is_put_again() -> None:
    setup = Setup(events=FakeEvents(refuse=[None, "ThrottlingException"]))
    run(setup.sink.deliver(withdrawals(3)))
    assert len(setup.events.events) == 3


def test_lines_are_tweets_only() -> None:
    out = io.BytesIO()
    run(LineSink(out).deliver([*records(2), *withdrawals(1)]))
    assert out.getvalue() == b"{}\n{}\n"
