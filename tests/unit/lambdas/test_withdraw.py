"""What a source took back is forgotten: once or often, in any order, known or not, and never half."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lambdas.common.metric_names import (
    DUPLICATES_SKIPPED,
    WARNINGS_ISSUED,
    WARNINGS_WITHDRAWN,
    WITHDRAWALS_APPLIED,
    WITHDRAWALS_FAILED,
    WITHDRAWALS_REFUSED,
)
from lambdas.warn.engine import Engine
from lambdas.warn.entries import WithdrawnTweet
from lambdas.warn.ledger import DynamoLedger
from lambdas.withdraw.events import QueueMessage, read_withdrawal
from lambdas.withdraw.ledger import WithdrawalLedger
from lambdas.withdraw.service import WithdrawService
from lambdas.withdraw.stores import ARCHIVE_PREFIX, LABELLED_PREFIX, DeadLetters, Folder, Graveyard
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.errors import PoisonRecordError, Rejection
from moderation.messages import AuthorWithdrawn, ClassificationEvent, TweetWithdrawn, Withdrawal, encode
from moderation.tombstones import Tombstone
from moderation.withdrawn import Withdrawn
from tests.fakes import records
from tests.fakes.aws import FakeS3, FakeSqs, as_client, client_error
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import noted_retry
from tests.fakes.warning import MemorySink

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT = "2026-11-23T12:00:00.000Z"
THROTTLED = client_error("ProvisionedThroughputExceededException", "UpdateItem")


def deleted(tweet_id: str, reason: Withdrawal = Withdrawal.DELETED, replaced_by: str | None = None) -> TweetWithdrawn:
    return TweetWithdrawn(
        tweet_id=tweet_id, source="bluesky", reason=reason, withdrawn_at=AT, author_id="Ada", replaced_by=replaced_by
    )


def edited(tweet_id: str, replaced_by: str) -> TweetWithdrawn:
    return deleted(tweet_id, Withdrawal.EDITED, replaced_by)


def gone(author_id: str) -> AuthorWithdrawn:
    return AuthorWithdrawn(author_id=author_id, source="bluesky", reason=Withdrawal.SUSPENDED, withdrawn_at=AT)


def message(event: TweetWithdrawn | AuthorWithdrawn, identifier: str = "m") -> QueueMessage:
    envelope = {
        "version": "0",
        "source": "cyberbullying.dev",
        "detail-type": type(event).__name__,
        "detail": json.loads(encode(event)),
    }
    return {"messageId": identifier, "body": json.dumps(envelope)}


@dataclass
class World:
    """The function, and `warn` beside it, on one table."""

    table: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    s3: FakeS3 = field(default_factory=FakeS3)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    meter: RecordingMeter = field(default_factory=RecordingMeter)
    sink: MemorySink = field(default_factory=lambda: MemorySink("notifications", [Effect.NOTIFY]))

    def withdraw(self, *events: TweetWithdrawn | AuthorWithdrawn) -> list[str]:
        return self.run([message(event, str(position)) for position, event in enumerate(events)])

    def run(self, messages: Iterable[QueueMessage]) -> list[str]:
        service = WithdrawService(
            WithdrawalLedger(as_client(self.table), "warnings", "author", (DEFAULT_POLICY.name,)),
            Graveyard(as_client(self.s3), (Folder("archive", ARCHIVE_PREFIX), Folder("data", LABELLED_PREFIX))),
            DeadLetters(as_client(self.sqs), "https://queue", noted_retry(attempts=2)),
            self.meter,
        )
        return service.run(list(messages))

    def warn(self, *verdicts: ClassificationEvent) -> None:
        ledger = DynamoLedger(as_client(self.table), "warnings", 1000, noted_retry())
        assert Engine(DEFAULT_POLICY, ledger, (self.sink,), self.meter, now=lambda: NOW).apply(verdicts) is None

    def item(self, tweet_id: str) -> dict[str, Any]:
        item = self.table.items[f"{tweet_id}#default-1"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def status(self, tweet_id: str) -> str:
        return str(self.item(tweet_id)["status"])

    def tombstones(self, bucket: str = "archive") -> list[Tombstone]:
        lines = [gzip.decompress(body).splitlines() for (where, _), body in self.s3.objects.items() if where == bucket]
        return [msgspec.json.decode(line, type=Tombstone) for some in lines for line in some]

    def withdrawn(self, bucket: str = "archive") -> Withdrawn:
        return Withdrawn(msgspec.json.encode(each) for each in self.tombstones(bucket))


@pytest.fixture
def world() -> World:
    return World()


def test_a_warning_is_taken_back_and_its_author_forgotten(world: World) -> None:
    world.warn(records.verdict("1", author="Ada"), records.verdict("2", author="Eve"))
    assert world.withdraw(deleted("1")) == []
    item = world.item("1")
    assert (item["status"], item["reason"], item["withdrawn_at"]) == ("withdrawn", "deleted", AT)
    assert set(item) == {
        "pk", "tweet_id", "policy", "status", "withdrawn_at", "reason", "expires_at", "for_good",
    }  # fmt: skip
    assert "Ada" not in str(world.table.items)
    assert world.status("2") == "issued"
    assert world.meter.total(WARNINGS_WITHDRAWN) == world.meter.total(WITHDRAWALS_APPLIED) == 1


@pytest.mark.parametrize("bucket", ["archive", "data"])
def test_what_cannot_be_edited_gets_a_tombstone(world: World, bucket: str) -> None:
    world.withdraw(deleted("1"), gone("Eve"))
    withdrawn = world.withdrawn(bucket)
    assert withdrawn.holds("1")
    assert withdrawn.holds("1@later")
    assert withdrawn.holds("2", "Eve", "2026-11-23T11:00:00.000Z")
    assert not withdrawn.holds("2", "Eve", "2026-11-24T11:00:00.000Z"), "the account came back"
    assert not withdrawn.holds("2", "Ada", "2026-11-23T11:00:00.000Z")
    (key,) = world.s3.keys(bucket)
    prefix = {"archive": "archive/withdrawn/", "data": "labelled/withdrawn/"}[bucket]
    assert key.startswith(f"{prefix}dt=")


def test_a_tweet_whose_verdict_is_still_on_its_way_is_not_acted_upon(world: World) -> None:
    world.withdraw(deleted("1"))
    world.warn(records.verdict("1"), records.verdict("2"))
    assert [tweet for _, tweet in world.sink.sent] == ["2"]
    assert world.status("1") == "withdrawn"
    assert world.meter.total(WARNINGS_ISSUED) == 1
    assert world.meter.total(DUPLICATES_SKIPPED) == 1
    assert world.meter.total(WARNINGS_WITHDRAWN) == 0


def test_a_verdict_that_comes_again_finds_nothing_to_do(world: World) -> None:
    world.sink.broken = True
    ledger = DynamoLedger(as_client(world.table), "warnings", 1000, noted_retry())
    engine = Engine(DEFAULT_POLICY, ledger, (world.sink,), world.meter, now=lambda: NOW)
    assert engine.apply([records.verdict("1")]) == 0
    world.withdraw(deleted("1"))
    world.sink.broken = False
    world.warn(records.verdict("1"))
    assert world.sink.sent == [], "what was still owed to it is not sent any more"


def test_a_tweet_that_is_withdrawn_while_it_is_recorded_stays_withdrawn(world: World) -> None:
    ledger = DynamoLedger(as_client(world.table), "warnings", 1000, noted_retry())

    def meddle() -> None:
        world.withdraw(deleted("1"))

    world.table.meddle = meddle
    engine = Engine(DEFAULT_POLICY, ledger, (world.sink,), world.meter, now=lambda: NOW)
    assert engine.apply([records.verdict("1")]) is None
    assert world.sink.sent == []
    assert ledger.read(["1#default-1"]) == {"1#default-1": WithdrawnTweet("1#default-1")}


def test_remembering_what_was_sent_does_not_bring_it_back(world: World) -> None:
    world.warn(records.verdict("1"))
    world.withdraw(deleted("1"))
    DynamoLedger(as_client(world.table), "warnings", 1000, noted_retry()).mark({"1#default-1": [Effect.NOTIFY]})
    assert world.status("1") == "withdrawn"
    world.withdraw(deleted("1"))
    assert "done" not in world.item("1")


def test_the_same_message_again_changes_nothing(world: World) -> None:
    world.warn(records.verdict("1"))
    world.withdraw(deleted("1"))
    before = {key: {**item, "expires_at": None} for key, item in world.table.items.items()}
    world.withdraw(deleted("1"))
    assert {key: {**item, "expires_at": None} for key, item in world.table.items.items()} == before
    assert world.meter.total(WARNINGS_WITHDRAWN) == 1
    assert len(world.s3.objects) == 2, "the same tombstones are the same object"


def test_a_deletion_takes_every_revision_with_it(world: World) -> None:
    world.withdraw(edited("1", "1@a"), edited("1", "1@b"))
    world.warn(records.verdict("1@b"))
    assert world.status("1@a") == "withdrawn"
    assert world.status("1@b") == "issued"
    world.withdraw(deleted("1"))
    assert world.status("1@b") == "withdrawn"


@pytest.mark.parametrize("order", [("1@a", "1@b"), ("1@b", "1@a")], ids=["in order", "the later first"])
def test_the_latest_revision_stands_in_whatever_order_edits_come(world: World, order: tuple[str, str]) -> None:
    world.warn(records.verdict("1"), records.verdict("1@a"), records.verdict("1@b"))
    for revision in order:
        world.withdraw(edited("1", revision))
    assert [world.status(tweet) for tweet in ("1", "1@a", "1@b")] == ["withdrawn", "withdrawn", "issued"]
    withdrawn = world.withdrawn()
    assert [withdrawn.holds(tweet) for tweet in ("1", "1@a", "1@b")] == [True, True, False]


def test_an_edit_that_comes_after_the_deletion_is_withdrawn_too(world: World) -> None:
    world.withdraw(deleted("1"))
    world.warn(records.verdict("1@a"))
    world.withdraw(edited("1", "1@a"))
    assert world.status("1@a") == "withdrawn"


def test_an_edit_under_another_id_withdraws_the_old_one_alone(world: World) -> None:
    world.warn(records.verdict("1"), records.verdict("2"))
    world.withdraw(edited("1", "2"))
    assert (world.status("1"), world.status("2")) == ("withdrawn", "issued")


def test_all_that_is_kept_of_an_author_is_forgotten(world: World) -> None:
    world.table.page = 2
    world.warn(*(records.verdict(str(number), author="Ada") for number in range(5)), records.verdict("x", author="Eve"))
    world.withdraw(gone("Ada"))
    assert {world.status(str(number)) for number in range(5)} == {"withdrawn"}
    assert world.status("x") == "issued"
    assert world.meter.total(WARNINGS_WITHDRAWN) == 5
    world.withdraw(gone("Ada"), gone("nobody"), gone(""))
    assert world.meter.total(WARNINGS_WITHDRAWN) == 5


def test_what_an_author_wrote_and_is_still_on_its_way_is_not_acted_upon(world: World) -> None:
    world.withdraw(gone("Ada"))
    written = {"1": "2026-11-23T11:59:00Z", "2": "2026-11-23T12:01:00Z", "3": "2026-12-31T00:00:00Z", "4": None}
    verdicts = [
        msgspec.structs.replace(records.verdict(tweet, author="Ada"), tweeted_at=moment, classified_at=classified)
        for (tweet, moment), classified in zip(
            written.items(),
            [
                "2026-11-23T12:30:00.000Z",
                "2026-11-23T12:30:00.000Z",
                "2026-11-23T11:59:30.000Z",
                "2026-11-23T12:30:00.000Z",
            ],
            strict=True,
        )
    ]
    world.warn(*verdicts, records.verdict("5", author="Eve"), records.verdict("6", author=None))
    # The second came after the account's return; the third's clock is ahead; of the fourth only the verdict is dated.
    assert {tweet for _, tweet in world.sink.sent} == {"2", "4", "5", "6"}
    assert {"1#default-1", "3#default-1"}.isdisjoint(world.table.items)
    assert world.meter.total(DUPLICATES_SKIPPED) == 2


def test_the_mark_of_an_author_is_no_name_and_the_latest_moment_stands(world: World) -> None:
    later, earlier = gone("Ada"), msgspec.structs.replace(gone("Ada"), withdrawn_at="2026-11-22T00:00:00.000Z")
    assert world.withdraw(later, earlier) == []
    assert "Ada" not in str(world.table.items)
    ledger = DynamoLedger(as_client(world.table), "warnings", 1000, noted_retry())
    assert ledger.look_up([], {"Ada", "Eve"}) == ({}, {"Ada": AT})


def test_a_table_that_throttles_has_the_rest_delivered_again(world: World) -> None:
    world.table.faults.extend([None, THROTTLED])
    assert world.withdraw(deleted("1"), deleted("2"), deleted("3")) == ["1", "2"]
    assert world.table.calls == ["update_item"] * 2, "it is not asked again for each message"
    assert [tombstone.tweet_id for tombstone in world.tombstones()] == ["1"]
    assert world.meter.total(WITHDRAWALS_FAILED) == 2
    assert world.withdraw(deleted("2"), deleted("3")) == []
    assert [world.status(tweet) for tweet in ("1", "2", "3")] == ["withdrawn"] * 3


@pytest.mark.parametrize("fault", [[client_error("SlowDown")], [None, client_error("AccessDenied")]])
def test_tombstones_that_could_not_be_written_have_the_messages_delivered_again(
    world: World, fault: list[BaseException | None]
) -> None:
    world.s3.faults.extend(fault)
    assert world.withdraw(deleted("1"), deleted("2")) == ["0", "1"]
    assert world.meter.total(WITHDRAWALS_APPLIED) == 0
    assert world.withdraw(deleted("1"), deleted("2")) == []
    assert world.withdrawn("data").holds("2")


POISON = {
    "not JSON": ("{", Rejection.NOT_JSON),
    "no event": ("[]", Rejection.NOT_TO_CONTRACT),
    "another event": ('{"detail-type": "TweetReferred", "detail": {}}', Rejection.NOT_TO_CONTRACT),
    "no tweet": ('{"detail-type": "TweetWithdrawn", "detail": {"source": "x"}}', Rejection.NOT_TO_CONTRACT),
    "no reason of ours": (
        message(deleted("1"))["body"].replace('"deleted"', '"Ada said so"'),
        Rejection.NOT_TO_CONTRACT,
    ),
}


@pytest.mark.parametrize("body", POISON)
def test_poison_is_set_aside_with_its_reason_and_its_neighbours_are_acted_upon(world: World, body: str) -> None:
    text, rejection = POISON[body]
    assert world.run([message(deleted("1")), {"messageId": "bad", "body": text}, message(deleted("2"))]) == []
    (kept,) = world.sqs.messages
    assert kept["MessageBody"] == text
    assert kept["MessageAttributes"]["reason"]["StringValue"] == rejection.value
    assert "Ada" not in kept["MessageAttributes"]["detail"]["StringValue"]
    assert world.meter.total(WITHDRAWALS_REFUSED) == 1
    assert world.status("2") == "withdrawn"


@pytest.mark.parametrize("world", [World(sqs=FakeSqs(faults=[THROTTLED])), World(sqs=FakeSqs(refuse=["Busy", "Busy"]))])
def test_poison_that_could_not_be_set_aside_comes_again(world: World) -> None:
    assert world.run([{"messageId": "bad", "body": "{"}, message(deleted("1"), "good")]) == ["bad"]
    assert world.meter.total(WITHDRAWALS_REFUSED) == 0
    assert world.status("1") == "withdrawn"


def test_an_event_of_the_bus_is_read_as_what_it_is() -> None:
    assert read_withdrawal(message(deleted("1"))["body"]) == deleted("1")
    assert read_withdrawal(message(gone("Ada"))["body"]) == gone("Ada")
    with pytest.raises(PoisonRecordError):
        read_withdrawal("null")
