"""Writing to a Kinesis stream within PutRecords' limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from lambdas.common.delivery import Delivery, Fault, Limits, Retry, deliver

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

PUT_RECORDS_LIMITS: Final = Limits(entries=500, total=5 * 2**20, entry=2**20)
"""Records a call, bytes a call, bytes a record; partition keys count (Kinesis API reference, PutRecords)."""


class Outgoing(NamedTuple):
    """One record to write."""

    key: str
    data: bytes


class StreamWriter:
    """Writes records to one stream."""

    def __init__(self, client: KinesisClient, stream: str, retry: Retry | None = None) -> None:
        self._client = client
        self._stream = stream
        self._retry = retry or Retry()

    def put(self, records: Sequence[Outgoing]) -> Delivery:
        """Write records in order; what follows a record that could not be written is not tried."""
        entries: list[PutRecordsRequestEntryTypeDef] = [{"Data": data, "PartitionKey": key} for key, data in records]
        sizes = [len(data) + len(key.encode()) for key, data in records]
        return deliver(entries, sizes, self._send, limits=PUT_RECORDS_LIMITS, retry=self._retry, in_order=True)

    def _send(self, entries: Sequence[PutRecordsRequestEntryTypeDef]) -> list[Fault | None]:
        answer = self._client.put_records(StreamName=self._stream, Records=entries)
        if not answer.get("FailedRecordCount"):
            return [None] * len(entries)
        # ProvisionedThroughputExceededException or InternalFailure: both pass.
        return [Fault(item["ErrorCode"], True) if item.get("ErrorCode") else None for item in answer["Records"]]
