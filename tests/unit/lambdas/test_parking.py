"""Records that cannot be processed are kept whole, with their reason."""

from __future__ import annotations

import base64

import msgspec

from lambdas.common.kinesis import Batch, decode_batch
from lambdas.common.metric_names import PARKING_FAILED, RECORDS_PARKED
from lambdas.common.parking import ParkedRecord, Parking
from moderation.messages import TweetEvent, decode_tweet_event, encode
from tests.fakes import records
from tests.fakes.aws import FakeS3, as_client, client_error
from tests.fakes.meter import RecordingMeter

GOOD = encode(records.tweet())
KEY = (
    "classify/poison/dt=2026-11-23/cyberbullying_dev_tweet_events/shardId-000000000000/"
    "49600000000000000000000000000000000000000000000000000001.jsonl"
)


def batch_of(*payloads: bytes | str) -> Batch[TweetEvent]:
    return decode_batch(records.event(payloads)["Records"], decode_tweet_event)


def parking(s3: FakeS3) -> tuple[Parking, RecordingMeter]:
    meter = RecordingMeter()
    return Parking(as_client(s3), "failed", "classify", meter), meter


def test_one_object_a_batch_under_a_key_of_its_first_bad_record() -> None:
    s3 = FakeS3()
    parker, meter = parking(s3)
    assert parker.park(batch_of(GOOD, b"nope", GOOD, "%%%"), None) is None
    assert s3.keys("failed") == [KEY]
    first, second = msgspec.json.Decoder(ParkedRecord).decode_lines(s3.objects["failed", KEY])
    assert first == ParkedRecord(
        reason="not_json",
        detail="the record is not UTF-8 JSON",
        stream_arn=records.TWEETS_ARN,
        shard_id="shardId-000000000000",
        sequence_number=records.sequence(1),
        partition_key="k",
        arrived_at="2026-11-23T00:00:00.501Z",
        data=base64.b64encode(b"nope").decode(),
    )
    assert second.data == "%%%"
    assert meter.by["RecordsParked", "not_json"] == 1
    assert meter.by["RecordsParked", "not_base64"] == 1


def test_a_batch_delivered_twice_overwrites_itself() -> None:
    s3 = FakeS3()
    parker, _ = parking(s3)
    batch = batch_of(GOOD, b"nope")
    parker.park(batch, None)
    once = dict(s3.objects)
    parker.park(batch, None)
    assert s3.objects == once


def test_poison_after_the_first_record_to_be_retried_is_left_for_the_retry() -> None:
    s3 = FakeS3()
    parker, meter = parking(s3)
    assert parker.park(batch_of(b"nope", GOOD, b"nope"), 1) == 1
    assert len(next(iter(s3.objects.values())).splitlines()) == 1
    assert meter.total(RECORDS_PARKED) == 1


def test_nothing_to_park_is_no_call() -> None:
    s3 = FakeS3()
    assert parking(s3)[0].park(batch_of(GOOD, b"nope"), 0) == 0
    assert s3.calls == []


def test_what_could_not_be_parked_is_retried_from_the_first_bad_record() -> None:
    parker, meter = parking(FakeS3(faults=[client_error("SlowDown")]))
    assert parker.park(batch_of(GOOD, b"nope", GOOD, b"nope"), 3) == 1
    assert meter.total(PARKING_FAILED) == 1
    assert meter.total(RECORDS_PARKED) == 0
