"""Records of a Kinesis event: what Lambda hands over, decoded, and what it wants back.

Event and answer are described in "Using Lambda to process records from Amazon Kinesis Data Streams" and "Configuring
partial batch response with Kinesis Data Streams and Lambda" of the AWS Lambda developer guide.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

from moderation.errors import PoisonRecordError, Rejection

T = TypeVar("T")


class KinesisData(TypedDict):
    """The part of a record that Kinesis knows. ``data`` is base64, the timestamp in seconds since 1970."""

    partitionKey: str
    sequenceNumber: str
    data: str
    approximateArrivalTimestamp: float


class KinesisRecord(TypedDict):
    """One record as Lambda hands it over; ``eventID`` is ``<shard id>:<sequence number>``."""

    kinesis: KinesisData
    eventID: str
    eventSourceARN: str


class KinesisEvent(TypedDict):
    """A batch: records of one shard, in order."""

    Records: list[KinesisRecord]


class BatchItemFailure(TypedDict):
    """Names a failed record by its sequence number."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What a mapping with ReportBatchItemFailures wants back."""

    batchItemFailures: list[BatchItemFailure]


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that can never be processed: its position in the batch and why."""

    position: int
    rejection: Rejection
    detail: str


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """A decoded batch.

    Attributes:
        records: as they came.
        messages: those that decoded, in order.
        positions: for each message, the position of its record.
        poison: the others.
    """

    records: Sequence[KinesisRecord]
    messages: list[T]
    positions: list[int]
    poison: list[Poison]


def decode_batch(records: Sequence[KinesisRecord], read: Callable[[bytes], T]) -> Batch[T]:
    """Decode the records of a batch; a bad one fails alone.

    Args:
        records: of one shard, in order.
        read: makes a message of a record's bytes, or raises PoisonRecordError.
    """
    batch: Batch[T] = Batch(records, [], [], [])
    keep, place = batch.messages.append, batch.positions.append
    for position, record in enumerate(records):
        try:
            data = a2b_base64(record["kinesis"]["data"], strict_mode=True)
        except ValueError:  # binascii.Error is one; so are characters outside ASCII
            batch.poison.append(Poison(position, Rejection.NOT_BASE64, "the record's data is not base64"))
            continue
        try:
            keep(read(data))
            place(position)
        except PoisonRecordError as error:
            batch.poison.append(Poison(position, error.rejection, error.detail))
    return batch


def respond(records: Sequence[KinesisRecord], first_failed: int | None) -> BatchResponse:
    """The answer for a batch whose record at a position is the first to be retried, or of which none is.

    Lambda retries a stream's batch from the lowest sequence number reported, so that one is all it needs.
    """
    if first_failed is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": records[first_failed]["kinesis"]["sequenceNumber"]}]}


def sample_latencies(records: Sequence[KinesisRecord], now: float, most: int = 20) -> list[float]:
    """Milliseconds since the arrival of evenly chosen records, the first one among them.

    A sample, because a metric's log line holds at most 100 values.

    Args:
        records: in order of arrival.
        now: seconds since 1970.
        most: how many records to look at.
    """
    step = -(-len(records) // most) or 1
    return [max(0.0, (now - record["kinesis"]["approximateArrivalTimestamp"]) * 1000.0) for record in records[::step]]
