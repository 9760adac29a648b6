"""The shapes that pass through the poller: a mapping's settings, a stream's records, the event a function gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

FOREVER: Final = -1
"""Lambda's value for "no limit" of retries and of age."""

MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024
"""The largest event of a synchronous invocation (Lambda quotas, "Invocation payload")."""

_ENVELOPE_BYTES: Final = len('{"Records":[]}')


@dataclass(frozen=True)
class Mapping:
    """The settings of one event source mapping, by the names of Lambda's API in lower case.

    Attributes:
        uuid: of the mapping; part of the key of failure objects.
        function_arn: what is invoked, with its qualifier.
        stream_arn: what is read.
        batch_size: most records of an invocation (1 to 10,000).
        window: ``MaximumBatchingWindowInSeconds``, how long to gather a batch, in seconds (0 to 300).
        bisect: ``BisectBatchOnFunctionError``.
        max_retries: ``MaximumRetryAttempts``; -1 retries until the record expires.
        max_age: ``MaximumRecordAgeInSeconds``; -1 keeps trying until the stream's retention ends.
        parallelization: ``ParallelizationFactor``, batches of one shard at the same time (1 to 10).
        report_failures: whether ``ReportBatchItemFailures`` is among the response types.
        starting_position: ``TRIM_HORIZON``, ``LATEST`` or ``AT_TIMESTAMP``.
        starting_timestamp: seconds since the epoch, for ``AT_TIMESTAMP``.
        destination: ARN of the bucket, queue or topic for what is given up.
        retention: of the stream, in seconds.
    """

    uuid: str
    function_arn: str
    stream_arn: str
    batch_size: int = 100
    window: float = 0.0
    bisect: bool = False
    max_retries: int = FOREVER
    max_age: float = FOREVER
    parallelization: int = 1
    report_failures: bool = False
    starting_position: str = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    destination: str | None = None
    retention: float = 24 * 3600.0

    @property
    def function_name(self) -> str:
        """The function's bare name."""
        return self.function_arn.split(":")[6]

    @property
    def stream_name(self) -> str:
        """The stream's bare name."""
        return self.stream_arn.rsplit("/", 1)[1]

    @property
    def region(self) -> str:
        """The region of the stream."""
        return self.stream_arn.split(":")[3]

    @property
    def age_limit(self) -> float:
        """Seconds after which a record is not tried any more: the mapping's limit or the stream's retention."""
        return self.retention if self.max_age < 0 else min(self.max_age, self.retention)


def read_mapping(described: Dictionary[str, Any], *, retention_hours: int = 24) -> Mapping:
    """The settings in an answer of ``GetEventSourceMapping`` or ``ListEventSourceMappings``.

    Args:
        described: the API's answer. What it leaves out has the default that Lambda documents.
        retention_hours: of the stream, from ``DescribeStreamSummary``.
    """
    started = described.get("StartingPositionTimestamp")
    destination = described.get("DestinationConfig") or {}
    return Mapping(
        uuid=described["UUID"],
        function_arn=described["FunctionArn"],
        stream_arn=described["EventSourceArn"],
        batch_size=int(described.get("BatchSize", 100)),
        window=float(described.get("MaximumBatchingWindowInSeconds") or 0),
        bisect=bool(described.get("BisectBatchOnFunctionError", False)),
        max_retries=int(described.get("MaximumRetryAttempts", FOREVER)),
        max_age=float(described.get("MaximumRecordAgeInSeconds", FOREVER)),
        parallelization=int(described.get("ParallelizationFactor") or 1),
        report_failures="ReportBatchItemFailures" in (described.get("FunctionResponseTypes") or []),
        starting_position=described.get("StartingPosition") or "TRIM_HORIZON",
        starting_timestamp=started.timestamp() if isinstance(started, datetime) else started,
        destination=(destination.get("OnFailure") or {}).get("Destination"),
        retention=retention_hours * 3600.0,
    )


@dataclass(frozen=True)
class Record:
    """One record of a shard.

    Attributes:
        sequence: the sequence number as the stream wrote it; compare by :attr:`number`.
        partition_key: decides the order that must be kept.
        data: the raw bytes.
        arrived_at: approximate arrival, seconds since the epoch.
    """

    sequence: str
    partition_key: str
    data: bytes
    arrived_at: float

    @cached_property
    def number(self) -> int:
        """The sequence number as a number: its text has no fixed width."""
        return int(self.sequence)

    @cached_property
    def encoded(self) -> str:
        """The bytes as they stand in an event."""
        return base64.b64encode(self.data).decode("ascii")


def event_of(mapping: Mapping, shard_id: str, records: Sequence[Record]) -> bytes:
    """The event that Lambda would send for these records, as JSON."""
    return json.dumps({"Records": [_entry(mapping, shard_id, record) for record in records]}).encode()


def event_size(mapping: Mapping, shard_id: str, record: Record) -> int:
    """Bytes that one record adds to an event, its comma included."""
    empty = Record(record.sequence, record.partition_key, b"", record.arrived_at)
    return len(json.dumps(_entry(mapping, shard_id, empty))) + len(record.encoded) + len(", ")


def fitting(sizes: Sequence[int], *, limit: int = MAX_PAYLOAD_BYTES) -> int:
    """How many records, from the first on, fit in one payload; at least one, as Kinesis limits a record to 1 MB."""
    total = _ENVELOPE_BYTES
    for count, size in enumerate(sizes):
        total += size
        if total > limit:
            return max(count, 1)
    return len(sizes)


def _entry(mapping: Mapping, shard_id: str, record: Record) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence,
            "data": record.encoded,
            "approximateArrivalTimestamp": record.arrived_at,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record.sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/local",
        "awsRegion": mapping.region,
        "eventSourceARN": mapping.stream_arn,
    }
