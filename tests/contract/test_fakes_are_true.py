"""The fakes of AWS behave as the emulator does: each test runs against both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from lambdas.common.champion import ParameterPointer, S3Artefacts
from lambdas.common.streams import Outgoing, StreamWriter
from lambdas.redrive import Redriver, Report
from lambdas.warn.entries import Entry, Status, WithdrawnTweet, new_entry
from lambdas.warn.held import HeldWarnings
from lambdas.warn.ledger import DynamoLedger
from lambdas.warn.sinks import Due, EventSink, NotificationSink
from lambdas.withdraw.ledger import WithdrawalLedger
from local import emulator
from local.aws import Clients
from local.processes import Supervisor
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.errors import BadArtefactError
from moderation.messages import AuthorWithdrawn, Decision, TweetWithdrawn, Withdrawal
from tests.fakes import records
from tests.fakes.aws import FakeEvents, FakeKinesis, FakeS3, FakeSns, FakeSsm, as_client
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.time import noted_retry

pytestmark = pytest.mark.emulator

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = "2026-11-23"
PARKED = (Path(__file__).parents[1] / "events" / "parked_records.jsonl").read_bytes()


@pytest.fixture(scope="module")
def emulated() -> Iterator[Clients]:
    with Supervisor() as supervisor:
        endpoint, _ = emulator.start(supervisor)
        yield Clients(endpoint)


@pytest.fixture(params=["fake", "emulator"])
def real(request: pytest.FixtureRequest) -> Clients | None:
    """The emulator's clients, or None for the turn of the fakes."""
    return request.getfixturevalue("emulated") if request.param == "emulator" else None


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


@pytest.fixture
def table(real: Clients | None) -> tuple[Any, str]:
    if real is None:
        return as_client(FakeDynamoDB()), "table"
    name = unique("table")
    real["dynamodb"].create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "author_id")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "author",
                "KeySchema": [{"AttributeName": "author_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return real["dynamodb"], name


@pytest.fixture
def bucket(real: Clients | None) -> tuple[Any, str]:
    if real is None:
        return as_client(FakeS3()), "bucket"
    name = unique("bucket")
    real["s3"].create_bucket(Bucket=name)
    return real["s3"], name


def entries(first: int, last: int) -> list[Entry]:
    verdicts = (records.verdict(str(number), Decision.FLAG) for number in range(first, last))
    return [new_entry(verdict, DEFAULT_POLICY, NOW) for verdict in verdicts]


def statuses(made: dict[str, Entry]) -> list[Status]:
    return [entry.status for entry in made.values()]


def test_the_ledger_records_holds_finds_and_remembers(table: tuple[Any, str]) -> None:
    ledger = DynamoLedger(*table, quota=120, retry=noted_retry())
    first = ledger.record(entries(0, 130), DAY)
    assert statuses(first.made) == [Status.ISSUED] * 120 + [Status.HELD] * 10
    again = DynamoLedger(*table, quota=125, retry=noted_retry()).record(entries(125, 135), DAY)
    assert set(again.found) == {f"{number}#default-1" for number in range(125, 130)}
    assert statuses(again.made) == [Status.ISSUED] * 5
    ledger.mark({"0#default-1": [Effect.NOTIFY], "1#default-1": [Effect.NOTIFY]})
    ledger.mark({"0#default-1": [Effect.ANNOUNCE_FLAGGED]})
    found = ledger.read([f"{number}#default-1" for number in range(140)])
    assert len(found) == 135
    done = {key: item.done for key, item in found.items() if isinstance(item, Entry)}
    assert done["0#default-1"] == {Effect.NOTIFY, Effect.ANNOUNCE_FLAGGED}
    assert done["1#default-1"] == {Effect.NOTIFY}
    assert found["2#default-1"] == entries(2, 3)[0]


def test_a_tweet_is_withdrawn_with_its_revisions_and_an_author_with_all(table: tuple[Any, str]) -> None:
    ledger = DynamoLedger(*table, quota=120, retry=noted_retry())
    ledger.record(entries(0, 4), DAY)
    withdrawals = WithdrawalLedger(*table, "author", ("default-1",))
    at = {"source": "test", "withdrawn_at": "2026-11-23T12:00:00.000Z"}
    edit = TweetWithdrawn(tweet_id="1", reason=Withdrawal.EDITED, replaced_by="1@a", **at)
    assert withdrawals.withdraw(edit).warnings == 1
    for revision, tombstones in (("1@c", 2), ("1@b", 3)):
        later = msgspec.structs.replace(edit, replaced_by=revision)
        assert len(withdrawals.withdraw(later).tombstones) == tombstones
    deletion = TweetWithdrawn(tweet_id="1", reason=Withdrawal.DELETED, **at)
    assert [tombstone.tweet_id for tombstone in withdrawals.withdraw(deletion).tombstones] == ["1", "1@a", "1@b", "1@c"]
    found = ledger.read(["1#default-1", "1@c#default-1", "2#default-1"])
    assert [type(each) for each in found.values()].count(WithdrawnTweet) == 2
    author = AuthorWithdrawn(author_id="author", reason=Withdrawal.SUSPENDED, **at)
    assert withdrawals.withdraw(author).warnings == 3
    assert withdrawals.withdraw(author).warnings == 0
    before = msgspec.structs.replace(author, withdrawn_at="2026-11-22T12:00:00.000Z")
    assert withdrawals.withdraw(before).warnings == 0
    _, gone = ledger.look_up(["2#default-1"], {"author", "other"})
    assert gone == {"author": author.withdrawn_at}


def test_held_warnings_are_found_and_decided_about_once(table: tuple[Any, str]) -> None:
    ledger = DynamoLedger(*table, quota=1, retry=noted_retry())
    ledger.record(entries(0, 4), DAY)
    held = HeldWarnings(*table, now=lambda: NOW)
    first, second, third = sorted(held.find(DEFAULT_POLICY), key=lambda entry: entry.key)
    assert held.settle(first, Status.DROPPED) is not None
    assert held.settle(first, Status.ISSUED) is None
    released = held.settle(second, Status.ISSUED)
    assert released is not None
    assert list(ledger.read([second.key]).values()) == [released]
    assert sorted(entry.key for entry in held.find(DEFAULT_POLICY)) == [second.key, third.key]
    ledger.mark({second.key: [Effect.NOTIFY, Effect.ANNOUNCE_FLAGGED]})
    assert [entry.key for entry in held.find(DEFAULT_POLICY)] == [third.key]


class OutOfDate(DynamoLedger):
    """Reads the day's count as it was before anybody else counted, the first time."""

    read_once = False

    def _used(self, day: str) -> int:
        used, self.read_once = (super()._used(day) if self.read_once else 0), True
        return used


def test_the_count_in_the_table_decides_and_not_the_one_that_was_read(table: tuple[Any, str]) -> None:
    DynamoLedger(*table, quota=10, retry=noted_retry()).record(entries(0, 8), DAY)
    recorded = OutOfDate(*table, quota=10, retry=noted_retry()).record(entries(20, 25), DAY)
    assert statuses(recorded.made) == [Status.ISSUED] * 2 + [Status.HELD] * 3


def test_a_missing_artefact_file_is_told_from_a_store_that_is_down(bucket: tuple[Any, str], tmp_path: Path) -> None:
    s3, name = bucket
    s3.put_object(Bucket=name, Key="models/1/manifest.json", Body=b"{}")
    with pytest.raises(BadArtefactError, match=r"model\.npz"):
        S3Artefacts(s3).fetch(f"s3://{name}/models/1", tmp_path / "found")
    assert (tmp_path / "found" / "manifest.json").read_bytes() == b"{}"


def test_failed_records_are_listed_put_back_and_moved(bucket: tuple[Any, str], real: Clients | None) -> None:
    s3, name = bucket
    keys = [f"classify/poison/dt=2026-11-23/s/shard/{number}.jsonl" for number in range(3)]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=PARKED)
    stream = "cyberbullying_dev_tweet_events"
    kinesis = as_client(FakeKinesis()) if real is None else real["kinesis"]
    if real is not None:
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    redriver = Redriver(s3, StreamWriter(kinesis, stream, noted_retry()), name, stream)
    assert redriver.keys("classify/") == keys
    report = Report()
    for key in redriver.keys(""):
        redriver.redrive(key, report)
    assert (report.moved, report.reasons.total(), report.problems) == (3, 6, {})
    assert redriver.keys("") == []
    assert s3.get_object(Bucket=name, Key=f"redriven/{keys[0]}")["Body"].read() == PARKED


def test_a_stream_that_is_not_there_fails_every_record(emulated: Clients) -> None:
    delivery = StreamWriter(emulated["kinesis"], unique("none"), noted_retry()).put([Outgoing("k", b"x")] * 2)
    assert delivery.failed == {0: "ResourceNotFoundException", 1: "ResourceNotFoundException"}


def test_a_parameter_is_read(real: Clients | None) -> None:
    if real is None:
        client, name = as_client(FakeSsm("none")), "champion"
    else:
        client, name = real["ssm"], f"/{unique('champion')}"
        client.put_parameter(Name=name, Value="none", Type="String")
    assert ParameterPointer(client, name).read() == "none"


def due(number: int, effect: Effect) -> list[Due]:
    return [Due(effect, entry) for entry in entries(0, number)]


def test_a_topic_takes_a_warning_once(emulated: Clients) -> None:
    sns, sqs = emulated["sns"], emulated["sqs"]
    topic = sns.create_topic(Name=f"{unique('warnings')}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    queue = sqs.create_queue(QueueName=f"{unique('inbox')}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    fake = FakeSns()
    for _ in range(2):
        assert NotificationSink(sns, topic, noted_retry()).send(due(12, Effect.NOTIFY)).failed == {}
        NotificationSink(as_client(fake), topic, noted_retry()).send(due(12, Effect.NOTIFY))
    count = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert int(count["Attributes"]["ApproximateNumberOfMessages"]) == len(fake.delivered) == 12


def test_a_bus_takes_events(real: Clients | None) -> None:
    bus = unique("bus")
    client = as_client(FakeEvents()) if real is None else real["events"]
    if real is not None:
        client.create_event_bus(Name=bus)
    assert EventSink(client, bus, "dev", noted_retry()).send(due(12, Effect.ANNOUNCE_FLAGGED)).failed == {}
