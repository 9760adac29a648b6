"""Where effects go, and how each place refuses them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.common.delivery import NOT_TRIED
from lambdas.warn.entries import new_entry
from lambdas.warn.sinks import Due, EventSink, NotificationSink
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.messages import Decision
from tests.fakes import records
from tests.fakes.aws import FakeEvents, FakeSns, as_client, client_error
from tests.fakes.time import noted_retry

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def due(number: int, effect: Effect = Effect.NOTIFY, author: str | None = "author") -> list[Due]:
    decision = Decision.REFER if effect is Effect.ANNOUNCE_REFERRED else Decision.FLAG
    return [
        Due(effect, new_entry(records.verdict(str(position), decision, author=author), DEFAULT_POLICY, NOW))
        for position in range(number)
    ]


def notifications(sns: FakeSns) -> NotificationSink:
    return NotificationSink(as_client(sns), "arn:aws:sns:us-east-1:111122223333:w.fifo", noted_retry(attempts=3))


def events(bus: FakeEvents) -> EventSink:
    return EventSink(as_client(bus), "bus", "dev", noted_retry(attempts=3))


def test_notifications_go_out_ten_at_a_time() -> None:
    sns = FakeSns()
    assert notifications(sns).send(due(25)).failed == {}
    assert len(sns.calls) == 3
    assert len(sns.delivered) == 25


def test_a_notification_published_twice_arrives_once() -> None:
    sns = FakeSns()
    for _ in range(2):
        assert notifications(sns).send(due(3)).failed == {}
    assert len(sns.delivered) == 3


@pytest.mark.parametrize("author", ["author", None, "Ünïcode and spaces", "x" * 500])
def test_group_and_deduplication_ids_are_of_the_form_that_sns_takes(author: str | None) -> None:
    sns = FakeSns()
    notifications(sns).send(due(2, author=author))
    first, second = sns.delivered
    for entry in (first, second):
        assert re.fullmatch(r"[0-9a-f]{64}", entry["MessageDeduplicationId"])
        assert re.fullmatch(r"[0-9a-f]{64}", entry["MessageGroupId"])
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]
    assert (first["MessageGroupId"] == second["MessageGroupId"]) == (author is not None), "one group an author"


def test_a_notification_says_who_is_warned_for_what_and_holds_no_text() -> None:
    sns = FakeSns()
    notifications(sns).send(due(1))
    assert json.loads(sns.delivered[0]["Message"]) == {
        "schema_version": 1,
        "id": "0#default-1",
        "tweet_id": "0",
        "policy": "default-1",
        "decision": "flag",
        "classification": "religion",
        "confidence": 0.95,
        "version": "7",
        "recorded_at": "2026-11-23T12:00:00.000Z",
        "author_id": "author",
        "source": "test",
    }
    assert sns.delivered[0]["MessageAttributes"]["classification"]["StringValue"] == "religion"


def test_a_message_that_sns_faults_the_sender_for_is_not_sent_again_and_stops_no_other() -> None:
    sns = FakeSns(refuse={"3": "InvalidParameter"})
    assert notifications(sns).send(due(12)).failed == {3: "InvalidParameter"}
    assert len(sns.delivered) == 11
    assert len(sns.calls) == 2


def test_a_message_that_sns_faults_itself_for_is_sent_again() -> None:
    sns = FakeSns(refuse={"3": "InternalError"})
    assert notifications(sns).send(due(4)).failed == {3: "InternalError"}
    assert len(sns.calls) == 3


@pytest.mark.parametrize("fault", [client_error("InternalError"), EndpointConnectionError(endpoint_url="https://sns")])
def test_a_topic_that_is_down_fails_everything_after_one_call(fault: Exception) -> None:
    sns = FakeSns(faults=[fault])
    failed = notifications(sns).send(due(15)).failed
    assert set(failed) == set(range(15))
    assert failed[14] == NOT_TRIED
    assert len(sns.calls) == 1


@pytest.mark.parametrize(
    ("effect", "detail_type"),
    [(Effect.ANNOUNCE_FLAGGED, "CyberbullyingFlagged"), (Effect.ANNOUNCE_REFERRED, "TweetReferred")],
)
def test_events_are_announced_by_kind(effect: Effect, detail_type: str) -> None:
    bus = FakeEvents()
    assert events(bus).send(due(11, effect)).failed == {}
    assert len(bus.calls) == 2
    event = bus.events[0]
    assert (event["Source"], event["DetailType"], event["EventBusName"]) == ("cyberbullying.dev", detail_type, "bus")
    assert json.loads(event["Detail"])["id"] == "0#default-1"


def test_throttled_events_are_put_again() -> None:
    bus = FakeEvents(refuse=[None, "ThrottlingException", None])
    assert events(bus).send(due(3, Effect.ANNOUNCE_FLAGGED)).failed == {}
    assert len(bus.events) == 3


def test_an_event_that_is_refused_for_good_is_put_once() -> None:
    bus = FakeEvents(refuse=["NotAuthorizedForSourceException", None])
    assert events(bus).send(due(2, Effect.ANNOUNCE_FLAGGED)).failed == {0: "NotAuthorizedForSourceException"}
    assert len(bus.calls) == 1


def test_nothing_due_is_no_call() -> None:
    sns, bus = FakeSns(), FakeEvents()
    notifications(sns).send([])
    events(bus).send([])
    assert sns.calls == bus.calls == []
