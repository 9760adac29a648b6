"""Records that can never be processed are kept whole, with their reason, where a person can look at them.

One object of JSON lines a batch, under a key made of the first such record, so that a batch delivered twice overwrites
what it wrote before. ``python -m lambdas.redrive`` puts them back into their stream.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lambdas.common.delivery import RequestFaults, fault_code
from lambdas.common.kinesis import Batch, KinesisRecord, Poison
from lambdas.common.metric_names import PARKING_FAILED, RECORDS_PARKED
from lambdas.common.telemetry import Meter, logger
from moderation.messages import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHARD_SEPARATOR: Final = ":"


class ParkedRecord(msgspec.Struct, frozen=True):
    """One line. ``data`` is the record as it came, in base64; ``arrived_at`` is when the stream took it."""

    reason: str
    detail: str
    stream_arn: str
    shard_id: str
    sequence_number: str
    partition_key: str
    arrived_at: str
    data: str


class Parking:
    """Sets records aside.

    Attributes:
        client: of S3.
        bucket: for failed records.
        function: whose records these are; the first part of the keys.
    """

    def __init__(self, client: S3Client, bucket: str, function: str, meter: Meter) -> None:
        self.client = client
        self.bucket = bucket
        self.function = function
        self.meter = meter

    def park(self, batch: Batch[Any], first_failed: int | None) -> int | None:
        """Set the poison of a batch aside, up to the first record that will be delivered again anyway.

        Args:
            batch: its poison is parked.
            first_failed: position of the first record to be retried, if any. Poison after it comes back with the retry.

        Returns:
            The position of the first record to be retried now: ``first_failed``, or the first poison if it could not be
            kept.
        """
        poison = [item for item in batch.poison if first_failed is None or item.position < first_failed]
        if not poison:
            return first_failed
        lines = [parked(batch.records[item.position], item) for item in poison]
        try:
            self.client.put_object(
                Bucket=self.bucket,
                Key=object_key(self.function, lines[0]),
                Body=msgspec.json.Encoder().encode_lines(lines),
                ContentType="application/x-ndjson",
            )
        except RequestFaults as error:
            logger.error("records could not be parked", records=len(lines), fault=fault_code(error))
            self.meter.count(PARKING_FAILED, len(lines))
            return poison[0].position
        for reason, number in Counter(line.reason for line in lines).items():
            self.meter.count(RECORDS_PARKED, number, by=reason)
        return first_failed


def parked(record: KinesisRecord, poison: Poison) -> ParkedRecord:
    """The line for a record."""
    data = record["kinesis"]
    return ParkedRecord(
        reason=poison.rejection.value,
        detail=poison.detail,
        stream_arn=record["eventSourceARN"],
        shard_id=record["eventID"].partition(SHARD_SEPARATOR)[0],
        sequence_number=data["sequenceNumber"],
        partition_key=data["partitionKey"],
        arrived_at=timestamp(datetime.fromtimestamp(data["approximateArrivalTimestamp"], UTC)),
        data=data["data"],
    )


def object_key(function: str, first: ParkedRecord) -> str:
    """Where a batch's poison is kept: by function, day of arrival, stream, shard and first sequence number."""
    day = first.arrived_at[:10]
    stream = stream_name(first.stream_arn)
    return f"{function}/poison/dt={day}/{stream}/{first.shard_id}/{first.sequence_number}.jsonl"


def stream_name(arn: str) -> str:
    """The name in a stream's ARN (``arn:aws:kinesis:<region>:<account>:stream/<name>``)."""
    return arn.rpartition("/")[2]
