"""Effects: once per tweet and policy, counted, capped, each sink on its own, safe to be killed and repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import pytest

from lambdas.common.kinesis import BatchResponse, decode_batch, respond
from lambdas.common.metric_names import (
    DUPLICATES_SKIPPED,
    LATENCY,
    RECORDS_PARKED,
    REFERRALS_RECORDED,
    SINK_FAILED,
    WARNINGS_HELD,
    WARNINGS_ISSUED,
)
from lambdas.common.parking import Parking
from lambdas.common.tweet_traces import TweetTraces
from lambdas.warn.engine import Engine
from lambdas.warn.entries import Status
from lambdas.warn.ledger import DynamoLedger, LedgerUnavailableError
from lambdas.warn.service import WarnService
from lambdas.warn.sinks import EventSink, NotificationSink, Sink
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.messages import ClassificationEvent, Decision, decode_classification_event, encode
from moderation.tracing import Place
from tests.fakes import records
from tests.fakes.aws import FakeEvents, FakeS3, FakeSns, Killed, as_client
from tests.fakes.dynamodb import FakeDynamoDB, cancelled
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import noted_retry
from tests.fakes.warning import MemoryLedger, MemorySink

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class World:
    """The engine with a ledger and sinks in memory."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    notifications: MemorySink = field(default_factory=lambda: MemorySink("notifications", [Effect.NOTIFY]))
    events: MemorySink = field(
        default_factory=lambda: MemorySink("events", [Effect.ANNOUNCE_FLAGGED, Effect.ANNOUNCE_REFERRED])
    )
    meter: RecordingMeter = field(default_factory=RecordingMeter)

    def apply(self, *verdicts: ClassificationEvent) -> int | None:
        sinks: tuple[Sink, ...] = (self.notifications, self.events)
        return Engine(DEFAULT_POLICY, self.ledger, sinks, self.meter, now=lambda: NOW).apply(verdicts)


@pytest.fixture
def world() -> World:
    return World()


def flag(identifier: str, version: str = "7") -> ClassificationEvent:
    return records.verdict(identifier, Decision.FLAG, version=version)


def test_a_flagged_tweet_is_recorded_notified_and_announced(world: World) -> None:
    assert world.apply(flag("1")) is None
    assert world.ledger.entries["1#default-1"].status is Status.ISSUED
    assert world.ledger.entries["1#default-1"].done == {Effect.NOTIFY, Effect.ANNOUNCE_FLAGGED}
    assert world.notifications.sent == [(Effect.NOTIFY, "1")]
    assert world.events.sent == [(Effect.ANNOUNCE_FLAGGED, "1")]
    assert world.meter.total(WARNINGS_ISSUED) == 1


def test_a_referred_tweet_is_announced_and_nobody_is_warned(world: World) -> None:
    assert world.apply(records.verdict("1", Decision.REFER)) is None
    assert world.ledger.entries["1#default-1"].status is Status.REFERRED
    assert world.notifications.sent == []
    assert world.events.sent == [(Effect.ANNOUNCE_REFERRED, "1")]
    assert world.meter.total(REFERRALS_RECORDED) == 1
    assert world.meter.total(WARNINGS_ISSUED) == 0


def test_a_tweet_that_passes_leaves_no_trace(world: World) -> None:
    world.ledger.unavailable = True
    assert world.apply(records.verdict("1", Decision.PASS)) is None
    assert world.ledger.entries == {}


def test_a_verdict_delivered_again_does_nothing(world: World) -> None:
    for _ in range(3):
        assert world.apply(flag("1"), records.verdict("2", Decision.REFER)) is None
    assert len(world.notifications.sent) == 1
    assert len(world.events.sent) == 2
    assert world.meter.total(WARNINGS_ISSUED) == 1
    assert world.meter.total(DUPLICATES_SKIPPED) == 4


def test_a_tweet_that_comes_twice_in_one_batch_is_acted_upon_once(world: World) -> None:
    assert world.apply(flag("1"), flag("1")) is None
    assert len(world.notifications.sent) == 1
    assert world.meter.total(DUPLICATES_SKIPPED) == 1


def test_another_models_verdict_on_the_same_tweet_changes_nothing(world: World) -> None:
    world.apply(records.verdict("1", Decision.REFER))
    world.apply(flag("1", version="8"))
    assert world.ledger.entries["1#default-1"].status is Status.REFERRED
    assert world.notifications.sent == []


def test_a_failing_sink_does_not_stop_the_other_and_is_retried_alone(world: World) -> None:
    world.notifications.broken = True
    assert world.apply(flag("1"), flag("2")) == 0
    assert len(world.events.sent) == 2
    assert world.meter.by["SinkFailed", "notifications"] == 2
    world.notifications.broken = False
    assert world.apply(flag("1"), flag("2")) is None
    assert len(world.notifications.sent) == 2
    assert len(world.events.sent) == 2, "announced once only"
    assert world.meter.total(WARNINGS_ISSUED) == 2


def test_one_failing_tweet_names_its_own_position(world: World) -> None:
    world.events.broken = {"3"}
    verdicts = [records.verdict("0", Decision.PASS), *(flag(str(number)) for number in range(1, 5))]
    assert world.apply(*verdicts) == 3
    assert len(world.events.sent) == 3
    assert len(world.notifications.sent) == 4


def test_over_the_quota_warnings_are_held_and_stay_held(world: World) -> None:
    world.ledger.quota = 2
    assert world.apply(*(flag(str(number)) for number in range(5))) is None
    assert len(world.notifications.sent) == len(world.events.sent) == 2
    assert world.meter.total(WARNINGS_HELD) == 3
    world.ledger.quota = 100
    assert world.apply(flag("4")) is None
    assert world.ledger.entries["4#default-1"].status is Status.HELD
    assert len(world.notifications.sent) == 2


def test_a_verdict_that_was_not_recorded_has_no_effect_and_is_retried(world: World) -> None:
    world.ledger.lose = {"2#default-1"}
    assert world.apply(flag("1"), flag("2"), flag("3")) == 1
    assert [tweet for _, tweet in world.notifications.sent] == ["1", "3"]


def test_without_the_ledger_nothing_is_done(world: World) -> None:
    world.ledger.unavailable = True
    with pytest.raises(LedgerUnavailableError):
        world.apply(flag("1"))
    assert world.notifications.sent == world.events.sent == []


def test_what_was_sent_is_not_retried_because_it_could_not_be_remembered(world: World) -> None:
    world.ledger.forgetful = True
    assert world.apply(flag("1")) is None
    assert world.meter.by["SinkFailed", "ledger"] == 1


def test_an_entry_of_an_older_delivery_decides_what_is_still_due(world: World) -> None:
    world.apply(flag("1"))
    entry = world.ledger.entries["1#default-1"]
    world.ledger.entries["1#default-1"] = msgspec.structs.replace(entry, done=frozenset({Effect.ANNOUNCE_FLAGGED}))
    assert world.apply(records.verdict("1", Decision.REFER)) is None
    assert world.notifications.sent == [(Effect.NOTIFY, "1")] * 2
    assert len(world.events.sent) == 1


@dataclass
class Cloud:
    """The function with fakes of the services, which outlive it."""

    table: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    sns: FakeSns = field(default_factory=FakeSns)
    bus: FakeEvents = field(default_factory=FakeEvents)
    s3: FakeS3 = field(default_factory=FakeS3)
    meter: RecordingMeter = field(default_factory=RecordingMeter)

    def handle(self, *payloads: bytes) -> BatchResponse:
        retry = noted_retry(attempts=3)
        engine = Engine(
            DEFAULT_POLICY,
            DynamoLedger(as_client(self.table), "warnings", 1000, retry),
            (
                NotificationSink(as_client(self.sns), "arn:aws:sns:us-east-1:1:w.fifo", retry),
                EventSink(as_client(self.bus), "bus", "dev", retry),
            ),
            self.meter,
            now=lambda: NOW,
        )
        parking = Parking(as_client(self.s3), "failed", "warn", self.meter)
        service = WarnService(engine, parking, self.meter, TweetTraces("dev", Place.VERDICT_PUT, Place.WARN))
        event = records.event(payloads, arn=records.VERDICTS_ARN)
        return respond(event["Records"], service.run(decode_batch(event["Records"], decode_classification_event)))


BATCH = [encode(flag(str(number))) for number in range(30)]


@pytest.mark.parametrize(
    ("service", "call"),
    [
        *(("table", call) for call in range(4)),  # look up, count, record, remember
        *(("sns", call) for call in range(3)),
        *(("bus", call) for call in range(3)),
    ],
)
def test_killed_at_any_call_and_delivered_again_everybody_is_warned_once(service: str, call: int) -> None:
    cloud = Cloud()
    fake = getattr(cloud, service)
    fake.faults.extend([None] * call + [Killed()])
    with pytest.raises(Killed):
        cloud.handle(*BATCH)
    assert cloud.handle(*BATCH) == {"batchItemFailures": []}
    assert len(cloud.sns.delivered) == len(BATCH)
    announced = {event["Detail"] for event in cloud.bus.events}
    assert len(announced) == len(BATCH)
    assert cloud.table.items["quota#2026-11-23"]["issued"] == {"N": str(len(BATCH))}
    calls = len(cloud.sns.calls)
    cloud.handle(*BATCH)
    assert len(cloud.sns.calls) == calls, "by then everything is remembered"


def test_throttled_by_every_service_it_still_gets_there() -> None:
    cloud = Cloud(bus=FakeEvents(refuse=["ThrottlingException", None, "InternalFailure"]))
    cloud.table.unprocessed.append(5)
    cloud.table.faults.extend([None, None, None, cancelled(["TransactionConflict"])])
    assert cloud.handle(*BATCH) == {"batchItemFailures": []}
    assert len(cloud.sns.delivered) == len(cloud.bus.events) == len(BATCH)
    assert cloud.meter.total(SINK_FAILED) == 0


def test_a_verdict_that_is_none_is_set_aside_and_the_others_are_acted_upon() -> None:
    cloud = Cloud()
    assert cloud.handle(BATCH[0], b'{"schema_version": 99}', BATCH[1]) == {"batchItemFailures": []}
    assert len(cloud.sns.delivered) == 2
    assert cloud.meter.by[RECORDS_PARKED.name, "not_to_contract"] == 1
    (key,) = cloud.s3.keys("failed")
    assert key.startswith("warn/poison/dt=2026-11-23/cyberbullying_dev_tweet_classification/")
    assert len(cloud.meter.values[LATENCY.name]) == 3


def test_a_failed_sink_is_reported_at_the_record_that_held_the_verdict() -> None:
    cloud = Cloud(sns=FakeSns(refuse={"1": "InvalidParameter"}))
    answer = cloud.handle(b"nope", BATCH[0], b"nope", BATCH[1])
    assert answer == {"batchItemFailures": [{"itemIdentifier": records.sequence(3)}]}


def test_a_thousand_warnings_take_few_calls() -> None:
    cloud = Cloud()
    cloud.handle(*(encode(flag(str(number))) for number in range(1000)))
    assert len(cloud.table.calls) == 11 + 1 + 11 + 10, "look up (the author too), count, record, remember"
    assert len(cloud.sns.calls) == len(cloud.bus.calls) == 100
