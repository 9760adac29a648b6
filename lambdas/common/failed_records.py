"""Reading what was set aside: by our functions (parked records), or by Lambda itself (its S3 failure destination).

Lambda's objects are described in "Retain discarded batch records for a Kinesis Data Streams event source in Lambda" of
the AWS Lambda developer guide: JSON with metadata of the invocation, and the whole event as an escaped string.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import NamedTuple

import msgspec

from lambdas.common.parking import ParkedRecord, stream_name


class UnreadableObjectError(Exception):
    """An object that is neither of the two. Its message says where it stops making sense."""


class FailedRecord(NamedTuple):
    """One record as it was in its stream, and why it is here."""

    stream: str
    partition_key: str
    data: bytes
    reason: str


class _RequestContext(msgspec.Struct, frozen=True):
    condition: str = "Unknown"


class _Destination(msgspec.Struct, frozen=True, rename={"request_context": "requestContext"}):
    payload: str
    request_context: _RequestContext = _RequestContext()


class _Data(msgspec.Struct, frozen=True, rename={"partition_key": "partitionKey"}):
    partition_key: str
    data: str


class _Record(msgspec.Struct, frozen=True, rename={"stream_arn": "eventSourceARN"}):
    kinesis: _Data
    stream_arn: str


class _Event(msgspec.Struct, frozen=True, rename={"records": "Records"}):
    records: list[_Record]


_line_decoder = msgspec.json.Decoder(ParkedRecord)
_destination_decoder = msgspec.json.Decoder(_Destination)
_event_decoder = msgspec.json.Decoder(_Event)


def read_object(body: bytes) -> list[FailedRecord]:
    """The records of one object, in order.

    Raises:
        UnreadableObjectError: it is in neither format, or a record's data is not base64.
    """
    try:
        destination = _destination_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [_parked(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    return _destination(destination)


def _destination(destination: _Destination) -> list[FailedRecord]:
    try:
        event = _event_decoder.decode(destination.payload)
    except msgspec.DecodeError as error:
        raise UnreadableObjectError(f"its payload is no Kinesis event: {error}") from None
    return [
        _record(f"record {number}", record.stream_arn, record.kinesis.partition_key, record.kinesis.data, reason)
        for reason in [destination.request_context.condition]
        for number, record in enumerate(event.records, 1)
    ]


def _parked(number: int, line: bytes) -> FailedRecord:
    try:
        parked = _line_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableObjectError(f"line {number} is no parked record: {error}") from None
    return _record(f"line {number}", parked.stream_arn, parked.partition_key, parked.data, parked.reason)


def _record(where: str, stream_arn: str, partition_key: str, data: str, reason: str) -> FailedRecord:
    try:
        return FailedRecord(stream_name(stream_arn), partition_key, a2b_base64(data, strict_mode=True), reason)
    except ValueError:
        raise UnreadableObjectError(f"the data of {where} is not base64") from None
