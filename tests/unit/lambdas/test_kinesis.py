"""Records of a Kinesis event, decoded; a bad one fails alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdas.common.kinesis import decode_batch, respond, sample_latencies
from moderation.errors import Rejection
from moderation.messages import MAX_RECORD_BYTES, decode_classification_event, decode_tweet_event, encode
from tests.fakes import records

EVENTS = Path(__file__).parents[2] / "events"


def test_an_event_as_lambda_documents_it() -> None:
    event = json.loads((EVENTS / "kinesis_tweet_events.json").read_bytes())
    batch = decode_batch(event["Records"], decode_tweet_event)
    assert [tweet.tweet_id for tweet in batch.messages] == ["1801", "1802"]
    assert batch.positions == [0, 2]
    assert [(item.position, item.rejection) for item in batch.poison] == [(1, Rejection.NOT_JSON)]


def test_an_event_of_verdicts() -> None:
    event = json.loads((EVENTS / "kinesis_tweet_classification.json").read_bytes())
    (verdict,) = decode_batch(event["Records"], decode_classification_event).messages
    assert verdict.prediction.tweet_id == "1801"


@pytest.mark.parametrize(
    ("data", "rejection"),
    [
        ("%%%", Rejection.NOT_BASE64),
        ("e30", Rejection.NOT_BASE64),
        ("é===", Rejection.NOT_BASE64),
        (b"", Rejection.NOT_JSON),
        (b"\xff\xfe", Rejection.NOT_JSON),
        (b"[]", Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "1"}', Rejection.NOT_TO_CONTRACT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": " \\n"}}', Rejection.EMPTY_TEXT),
        (b'{"tweet_id": "1", "tweet": {"tweet_text": "' + b"a" * MAX_RECORD_BYTES + b'"}}', Rejection.OVERSIZED),
    ],
)
def test_each_kind_of_bad_record_fails_alone_with_its_reason(data: bytes | str, rejection: Rejection) -> None:
    good = encode(records.tweet("good"))
    batch = decode_batch(records.event([good, data, good])["Records"], decode_tweet_event)
    assert batch.positions == [0, 2]
    assert [(item.position, item.rejection) for item in batch.poison] == [(1, rejection)]


def test_the_answer_names_the_first_failed_record_only() -> None:
    event = records.tweets_event([records.tweet(str(number)) for number in range(3)])
    assert respond(event["Records"], None) == {"batchItemFailures": []}
    assert respond(event["Records"], 1) == {"batchItemFailures": [{"itemIdentifier": records.sequence(1)}]}


def test_latencies_are_sampled_evenly_from_the_first_record_on() -> None:
    batch = records.tweets_event([records.tweet(str(number)) for number in range(100)])["Records"]
    now = records.ARRIVED_AT + 1.0
    latencies = sample_latencies(batch, now, most=4)
    assert latencies == pytest.approx([1000.0, 975.0, 950.0, 925.0], abs=0.01)
    assert len(sample_latencies(batch[:3], now, most=20)) == 3
    assert sample_latencies([], now) == []


def test_a_clock_that_is_behind_gives_no_negative_latency() -> None:
    batch = records.tweets_event([records.tweet()])["Records"]
    assert sample_latencies(batch, records.ARRIVED_AT - 5.0) == [0.0]
