"""Where tombstones go, and messages that can never be processed."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from lambdas.common.delivery import Delivery, Fault, Limits, Retry, deliver
from moderation.errors import PoisonRecordError
from moderation.tombstones import FOLDER, Tombstone, encode_lines

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ARCHIVE_PREFIX: Final = f"archive/{FOLDER}/"
"""Beside the streams in the archive: drift reports read it, and it goes with the same lifecycle."""

LABELLED_PREFIX: Final = f"labelled/{FOLDER}/"
"""Among the labelled tweets, so that the job that prepares them is given it with them."""

SEND_LIMITS: Final = Limits(entries=10, total=1024 * 1024, entry=1024 * 1024)
"""Messages a call, bytes a call, bytes a message (SQS API reference, SendMessageBatch)."""

_ATTRIBUTE_ROOM: Final = 1024


class Folder(NamedTuple):
    """Where tombstones are put."""

    bucket: str
    prefix: str


class Graveyard:
    """Puts tombstones beside the data that they are about.

    Args:
        client: of S3.
        folders: each gets all of them.
    """

    def __init__(self, client: S3Client, folders: Sequence[Folder]) -> None:
        self._client = client
        self._folders = folders

    def put(self, tombstones: Sequence[Tombstone], now: datetime | None = None) -> None:
        """Put tombstones, in one object a folder, named by the hour and by what it holds.

        Raises:
            RequestFaults: a bucket did not take them.
        """
        lines = encode_lines(tombstones)
        hour = (now or datetime.now(UTC)).strftime("dt=%Y-%m-%d/hour=%H")
        key = f"{hour}/{sha256(lines).hexdigest()[:32]}.jsonl.gz"
        for folder in self._folders:
            self._client.put_object(
                Bucket=folder.bucket,
                Key=f"{folder.prefix}{key}",
                Body=gzip.compress(lines, mtime=0),
                ContentType="application/gzip",
            )


class DeadLetters:
    """Keeps messages that can never be processed, whole, with their reason as attributes.

    Args:
        client: of SQS.
        queue_url: of the queue.
        retry: for throttles.
    """

    def __init__(self, client: SQSClient, queue_url: str, retry: Retry | None = None) -> None:
        self._client = client
        self._queue_url = queue_url
        self._retry = retry or Retry()

    def keep(self, messages: Sequence[tuple[str, PoisonRecordError]]) -> Delivery:
        """Keep the bodies of messages with what is wrong with each."""
        entries = [_entry(position, body, error) for position, (body, error) in enumerate(messages)]
        sizes = [len(entry["MessageBody"].encode()) + _ATTRIBUTE_ROOM for entry in entries]
        return deliver(entries, sizes, self._send, limits=SEND_LIMITS, retry=self._retry, in_order=False)

    def _send(self, entries: Sequence[SendMessageBatchRequestEntryTypeDef]) -> list[Fault | None]:
        answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=list(entries))
        faults = {item["Id"]: Fault(item["Code"], not item["SenderFault"]) for item in answer.get("Failed", [])}
        return [faults.get(entry["Id"]) for entry in entries]


def _entry(position: int, body: str, error: PoisonRecordError) -> SendMessageBatchRequestEntryTypeDef:
    return {
        "Id": str(position),
        "MessageBody": body,
        "MessageAttributes": {
            "reason": {"DataType": "String", "StringValue": error.rejection.value},
            "detail": {"DataType": "String", "StringValue": error.detail},
        },
    }
