"""What each consumer needs of what its producer really writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lambdas.common.failed_records import read_object
from lambdas.common.kinesis import Poison, decode_batch
from lambdas.common.parking import parked
from lambdas.warn.entries import Notice, new_entry
from lambdas.warn.sinks import Due, EventSink, NotificationSink
from moderation.classifier import Classifier
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.errors import PoisonRecordError, Rejection
from moderation.labels import LABELS, Label
from moderation.messages import Decision, decode_classification_event, decode_tweet_event, encode
from tests.fakes import records
from tests.fakes.artefact import DOUBTFUL, HARMLESS_TEXT, insult, keyword_model
from tests.fakes.aws import FakeEvents, FakeSns, as_client

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = {Decision.PASS: HARMLESS_TEXT, Decision.FLAG: f"you {insult(Label.AGE)}", Decision.REFER: f"maybe {DOUBTFUL}"}


def verdict_on_the_wire(decision: Decision) -> bytes:
    tweet = decode_tweet_event(encode(records.tweet("1801", TEXTS[decision], author="a1")))
    return encode(Classifier(keyword_model(), version="7").classify([tweet])[0])


@pytest.mark.parametrize("decision", Decision)
def test_the_original_projects_consumers_find_their_fields(decision: Decision) -> None:
    verdict = json.loads(verdict_on_the_wire(decision))
    assert verdict["model"] == "cyberbullying"
    assert verdict["version"] == "7"
    assert verdict["prediction"]["tweet_id"] == "1801"
    assert verdict["prediction"]["classification"] in [label.value for label in LABELS]


@pytest.mark.parametrize("decision", Decision)
def test_warn_finds_what_it_acts_on(decision: Decision) -> None:
    verdict = decode_classification_event(verdict_on_the_wire(decision))
    assert verdict.prediction.decision is decision
    assert verdict.author_id == "a1", "who is to be warned"
    assert verdict.source == "test", "and where"
    assert DEFAULT_POLICY.key_of(verdict) == "1801#default-1"


def test_a_person_who_reviews_finds_what_the_decision_rests_on() -> None:
    verdict = json.loads(verdict_on_the_wire(Decision.FLAG))
    assert sum(verdict["prediction"]["scores"].values()) == pytest.approx(1.0, abs=1e-4)
    (reason, *_) = verdict["prediction"]["reasons"]
    assert TEXTS[Decision.FLAG][reason["start"] : reason["end"]] == reason["text"] == insult(Label.AGE)


def test_a_verdict_of_another_schema_version_is_refused_and_not_misread() -> None:
    verdict = json.loads(verdict_on_the_wire(Decision.FLAG)) | {"schema_version": 2}
    with pytest.raises(PoisonRecordError) as failure:
        decode_classification_event(json.dumps(verdict).encode())
    assert failure.value.rejection is Rejection.NOT_TO_CONTRACT


def matches(pattern: dict[str, list[str]], event: dict[str, Any]) -> bool:
    """EventBridge's matching, as far as equal values of top-level fields go."""
    return all(event.get(field) in values for field, values in pattern.items())


@pytest.mark.parametrize(
    ("decision", "effect", "detail_type"),
    [
        (Decision.FLAG, Effect.ANNOUNCE_FLAGGED, "CyberbullyingFlagged"),
        (Decision.REFER, Effect.ANNOUNCE_REFERRED, "TweetReferred"),
    ],
)
def test_a_rule_on_source_and_detail_type_is_routed_its_events_and_no_others(
    decision: Decision, effect: Effect, detail_type: str
) -> None:
    bus = FakeEvents()
    entry = new_entry(decode_classification_event(verdict_on_the_wire(decision)), DEFAULT_POLICY, NOW)
    EventSink(as_client(bus), "bus", "dev").send([Due(effect, entry)])
    event = {"source": bus.events[0]["Source"], "detail-type": bus.events[0]["DetailType"]}
    assert matches({"source": ["cyberbullying.dev"], "detail-type": [detail_type]}, event)
    assert not matches({"source": ["cyberbullying.prod"]}, event)
    other = {"CyberbullyingFlagged", "TweetReferred"} - {detail_type}
    assert not matches({"detail-type": list(other)}, event)


def test_notification_and_event_tell_the_same_and_never_what_was_written() -> None:
    sns, bus = FakeSns(), FakeEvents()
    entry = new_entry(decode_classification_event(verdict_on_the_wire(Decision.FLAG)), DEFAULT_POLICY, NOW)
    NotificationSink(as_client(sns), "arn").send([Due(Effect.NOTIFY, entry)])
    EventSink(as_client(bus), "bus", "dev").send([Due(Effect.ANNOUNCE_FLAGGED, entry)])
    message, detail = sns.delivered[0]["Message"], bus.events[0]["Detail"]
    assert message == detail
    assert insult(Label.AGE) not in message
    notice = msgspec.json.decode(message, type=Notice)
    assert (notice.tweet_id, notice.author_id, notice.classification) == ("1801", "a1", Label.AGE)


def test_redrive_reads_what_parking_writes() -> None:
    record = records.record(b"nope", key="1801")
    (poison,) = decode_batch([record], decode_tweet_event).poison
    assert poison == Poison(0, Rejection.NOT_JSON, poison.detail)
    (failed,) = read_object(msgspec.json.Encoder().encode_lines([parked(record, poison)]))
    assert failed == ("cyberbullying_dev_tweet_events", "1801", b"nope", "not_json")
