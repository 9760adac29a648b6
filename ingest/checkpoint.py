"""Where a source remembers how far it has got and how much it has read today.

A checkpoint is written only after everything before it has been delivered; what the process forgets when it is killed
is read and delivered once more. A file on one machine, a DynamoDB item in the cloud.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ingest.clock import unix
from ingest.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_KEPT_SECONDS: Final = 7 * 24 * 3600


class Store(Protocol):
    """What a source needs of a checkpoint store. Methods may block, and are called in a thread."""

    def load(self) -> str | None:
        """The last checkpoint.

        Raises:
            StoreError: it could not be read.
        """

    def save(self, checkpoint: str) -> None:
        """Remember a checkpoint.

        Raises:
            StoreError: it could not be written.
        """

    def reserve_reads(self, day: str, reads: int, limit: int) -> tuple[int, int]:
        """Count paid reads of a UTC day, but no more than its limit.

        Returns:
            How many of the reads were granted, and how many are counted for the day now.

        Raises:
            StoreError: the count could not be read or written.
        """


class _State(msgspec.Struct, omit_defaults=True):
    checkpoint: str | None = None
    day: str = ""
    reads: int = 0


class FileStore:
    """A small JSON file, replaced as a whole so that a kill leaves the old one or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # checkpoints and reads are written by different threads

    def load(self) -> str | None:
        """The last checkpoint."""
        return self._read().checkpoint

    def save(self, checkpoint: str) -> None:
        """Remember a checkpoint."""
        with self._lock:
            state = self._read()
            state.checkpoint = checkpoint
            self._write(state)

    def reserve_reads(self, day: str, reads: int, limit: int) -> tuple[int, int]:
        """Count paid reads of a UTC day, but no more than its limit."""
        with self._lock:
            state = self._read()
            if state.day != day:
                state.day, state.reads = day, 0
            granted = max(0, min(reads, limit - state.reads))
            state.reads += granted
            self._write(state)
            return granted, state.reads

    def _read(self) -> _State:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_State)
        except FileNotFoundError:
            return _State()
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(f"the checkpoint file {self._path} cannot be read: {type(error).__name__}") from error

    def _write(self, state: _State) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=self._path.name, delete=False) as file:
                temporary = Path(file.name)
                try:
                    file.write(msgspec.json.encode(state))
                    file.flush()
                    os.fsync(file.fileno())
                    temporary.replace(self._path)
                except OSError:
                    with contextlib.suppress(OSError):
                        temporary.unlink()
                    raise
        except OSError as error:
            raise StoreError(f"the checkpoint file {self._path} cannot be written: {error.strerror}") from error


class DynamoDbStore:
    """Items of one table with the key ``pk``: ``checkpoint#<source>``, and ``reads#<source>#<day>`` with a count.

    The count is changed by conditional updates, so that two tasks of one source share a budget.
    """

    def __init__(self, client: DynamoDBClient, table: str, source: str) -> None:
        self._client = client
        self._table = table
        self._source = source

    def load(self) -> str | None:
        """The last checkpoint."""
        item = self._item(f"checkpoint#{self._source}")
        return item.get("token")

    def save(self, checkpoint: str) -> None:
        """Remember a checkpoint."""
        item = {"pk": {"S": f"checkpoint#{self._source}"}, "token": {"S": checkpoint}}
        try:
            self._client.put_item(TableName=self._table, Item=item)
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"the checkpoint could not be written: {_code(error)}") from error

    def reserve_reads(self, day: str, reads: int, limit: int) -> tuple[int, int]:
        """Count paid reads of a UTC day, but no more than its limit."""
        key = f"reads#{self._source}#{day}"
        wanted = min(reads, limit)
        for _ in range(8):  # somebody else can only be faster so often
            if wanted < 1:
                return 0, limit
            try:
                return wanted, self._add(key, wanted, limit)
            except self._client.exceptions.ConditionalCheckFailedException:
                used = int(self._item(key).get("used", "0"))
                if used >= limit:
                    return 0, used
                wanted = min(reads, limit - used)
            except (ClientError, BotoCoreError) as error:
                raise StoreError(f"paid reads could not be counted: {_code(error)}") from error
        raise StoreError("paid reads could not be counted: the count keeps changing")

    def _add(self, key: str, reads: int, limit: int) -> int:
        response = self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": key}},
            UpdateExpression="ADD used :reads SET expires_at = if_not_exists(expires_at, :expires)",
            ConditionExpression="attribute_not_exists(used) OR used <= :room",
            ExpressionAttributeValues={
                ":reads": {"N": str(reads)},
                ":room": {"N": str(limit - reads)},
                ":expires": {"N": str(_expiry(key))},
            },
            ReturnValues="UPDATED_NEW",
        )
        return int(response["Attributes"]["used"]["N"])

    def _item(self, key: str) -> dict[str, str]:
        try:
            response = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"the checkpoint table could not be read: {_code(error)}") from error
        return {name: str(next(iter(value.values()))) for name, value in response.get("Item", {}).items()}


class MemoryStore:
    """Forgets everything with the process; for trying a source out."""

    def __init__(self, checkpoint: str | None = None) -> None:
        self.checkpoint = checkpoint
        self.reads: dict[str, int] = {}

    def load(self) -> str | None:
        """The last checkpoint."""
        return self.checkpoint

    def save(self, checkpoint: str) -> None:
        """Remember a checkpoint."""
        self.checkpoint = checkpoint

    def reserve_reads(self, day: str, reads: int, limit: int) -> tuple[int, int]:
        """Count paid reads of a UTC day, but no more than its limit."""
        used = self.reads.get(day, 0)
        granted = max(0, min(reads, limit - used))
        self.reads[day] = used + granted
        return granted, used + granted


def _expiry(key: str) -> int:
    """When the count of a day may go: a week after the day, in Unix seconds."""
    return int(unix(key.rsplit("#", 1)[-1]) or 0) + _KEPT_SECONDS


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "Unknown")
    return type(error).__name__
