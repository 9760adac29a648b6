"""The wire contracts: what is read, what is refused and with which reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import PoisonRecordError, Rejection
from moderation.labels import LABELS, Label
from moderation.messages import (
    MAX_RECORD_BYTES,
    MAX_TEXT_CHARACTERS,
    ClassificationEvent,
    Decision,
    Prediction,
    Reason,
    Tweet,
    TweetEvent,
    decode_classification_event,
    decode_tweet_event,
    encode,
    timestamp,
)


def verdict() -> ClassificationEvent:
    return ClassificationEvent(
        schema_version=1,
        model="cyberbullying",
        version="7",
        prediction=Prediction(
            tweet_id="123",
            classification=Label.RELIGION,
            confidence=0.93,
            scores=dict.fromkeys(LABELS, 0.0) | {Label.RELIGION: 0.93, Label.NOT_CYBERBULLYING: 0.07},
            decision=Decision.FLAG,
            reasons=[Reason(text="go home", weight=1.7, start=3, end=10)],
        ),
        author_id="a1",
        source="x",
        tweeted_at="2026-11-22T09:00:00Z",
        classified_at="2026-11-22T09:00:01.000Z",
    )


def test_the_documented_tweet_event_is_read() -> None:
    record = (
        b'{"tweet_id": "123", "tweet": {"tweet_text": "hello"}, "author_id": "a1",'
        b' "created_at": "2026-11-22T09:00:00Z", "lang": "en", "source": "x"}'
    )
    assert decode_tweet_event(record) == TweetEvent(
        tweet_id="123",
        tweet=Tweet(tweet_text="hello"),
        author_id="a1",
        created_at="2026-11-22T09:00:00Z",
        lang="en",
        source="x",
    )


def test_only_id_and_text_are_required_and_unknown_fields_are_ignored() -> None:
    event = decode_tweet_event(b'{"tweet_id": "1", "tweet": {"tweet_text": "a", "likes": 3}, "new": [1]}')
    assert event == TweetEvent(tweet_id="1", tweet=Tweet(tweet_text="a"))


@pytest.mark.parametrize(
    ("record", "rejection"),
    [
        (b"", Rejection.NOT_JSON),
        (b"not json", Rejection.NOT_JSON),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": "a"}', Rejection.NOT_JSON),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": "\xff"}}', Rejection.NOT_JSON),
        (b"[]", Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "1"}', Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": 1, "tweet": {"tweet_text": "a"}}', Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "", "tweet": {"tweet_text": "a"}}', Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": null}}', Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": ""}}', Rejection.EMPTY_TEXT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": " \\n\\t\\u3000"}}', Rejection.EMPTY_TEXT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": "\\u200b\\ufeff\\u2060"}}', Rejection.EMPTY_TEXT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": "\\u0000 \\u00ad"}}', Rejection.EMPTY_TEXT),
        (b'{"tweet_id": "' + b"1" * 129 + b'", "tweet": {"tweet_text": "a"}}', Rejection.NOT_TO_CONTRACT),
        (b" " * (MAX_RECORD_BYTES + 1), Rejection.OVERSIZED),
        (
            b'{"tweet_id": "1", "tweet": {"tweet_text": "' + b"a" * (MAX_TEXT_CHARACTERS + 1) + b'"}}',
            Rejection.OVERSIZED,
        ),
    ],
)
def test_a_bad_tweet_event_is_refused_with_its_reason(record: bytes, rejection: Rejection) -> None:
    with pytest.raises(PoisonRecordError) as caught:
        decode_tweet_event(record)
    assert caught.value.rejection is rejection


@pytest.mark.parametrize("text", ["a", "\u200b!", "\U0001f642", "\u0e01", "\u200d\u2764\ufe0f"])
def test_a_text_with_anything_to_see_is_read(text: str) -> None:
    assert decode_tweet_event(encode(TweetEvent(tweet_id="1", tweet=Tweet(tweet_text=text)))).tweet.tweet_text == text


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(record: bytes) -> None:
    try:
        event = decode_tweet_event(record)
    except PoisonRecordError:
        return
    assert event.tweet.tweet_text.strip()


def test_a_verdict_survives_the_wire_and_keeps_its_first_class_fields() -> None:
    sent = verdict()
    wire = encode(sent)
    assert decode_classification_event(wire) == sent
    plain = json.loads(wire)
    assert (plain["schema_version"], plain["model"], plain["version"]) == (1, "cyberbullying", "7")
    assert plain["prediction"]["tweet_id"] == "123"
    assert plain["prediction"]["classification"] == "religion"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("model",), None),
        (("prediction", "classification"), "my private words"),
        (("prediction", "scores"), {"age": 1.0}),
        (("prediction", "decision"), "ban"),
    ],
)
def test_a_bad_verdict_is_refused_without_quoting_it(path: tuple[str, ...], value: object) -> None:
    plain = json.loads(encode(verdict()))
    target = plain
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(PoisonRecordError) as caught:
        decode_classification_event(json.dumps(plain).encode())
    assert caught.value.rejection is Rejection.NOT_TO_CONTRACT
    assert "private" not in str(caught.value)


def test_timestamps_are_utc_with_milliseconds() -> None:
    east = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(east) == "2026-11-22T09:00:00.123Z"
    assert datetime.fromisoformat(timestamp()) <= datetime.now(UTC)
