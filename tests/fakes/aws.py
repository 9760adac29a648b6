"""Clients of AWS, in memory: as much of each service as is used, and the ways in which it fails.

Every fake takes ``faults``: exceptions to raise, one for each of the next calls (None lets a call through), and lists
its calls. :class:`Killed` is no Exception, so nothing catches it: the process is gone. The fake table is in
:mod:`tests.fakes.dynamodb`.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


class Killed(BaseException):
    """The function was killed at this point."""


class NoSuchKeyError(ClientError):
    """S3 has no such object."""


def client_error(code: str, operation: str = "Operation", kind: type[ClientError] = ClientError) -> ClientError:
    return kind({"Error": {"Code": code, "Message": "made to happen"}}, operation)


class Fake:
    """A client that fails when it is told to."""

    def __init__(self, faults: Iterable[BaseException | None] = ()) -> None:
        self.faults = deque(faults)
        self.calls: list[str] = []

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            raise fault


class FakeKinesis(Fake):
    """Takes records, except where ``refuse(call number, position in the call)`` says so."""

    def __init__(
        self,
        faults: Iterable[BaseException | None] = (),
        refuse: Callable[[int, int], bool] = lambda call, position: False,
    ) -> None:
        super().__init__(faults)
        self.refuse = refuse
        self.records: list[tuple[str, bytes]] = []
        self.sizes: list[int] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("put_records")
        self.sizes.append(len(Records))
        results: list[dict[str, str]] = []
        for position, record in enumerate(Records):
            if self.refuse(len(self.calls), position):
                results.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
            else:
                self.records.append((record["PartitionKey"], record["Data"]))
                results.append({"SequenceNumber": str(len(self.records)), "ShardId": "shardId-000000000000"})
        return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": results}


class FakeS3(Fake):
    """Buckets of objects. ``page`` is how many keys a listing returns at once."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKeyError)

    def __init__(self, faults: Iterable[BaseException | None] = (), page: int = 1000) -> None:
        super().__init__(faults)
        self.page = page
        self.objects: dict[tuple[str, str], bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = "") -> dict[str, Any]:  # noqa: N803
        self._called("put_object")
        self.objects[Bucket, Key] = Body
        return {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("get_object")
        if (Bucket, Key) not in self.objects:
            raise client_error("NoSuchKey", "GetObject", NoSuchKeyError)
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, StartAfter: str) -> dict[str, Any]:  # noqa: N803
        self._called("list_objects_v2")
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        keys = [key for key in keys if key > StartAfter]
        return {"Contents": [{"Key": key} for key in keys[: self.page]], "IsTruncated": len(keys) > self.page}

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        self._called("copy_object")
        self.objects[Bucket, Key] = self.objects[CopySource["Bucket"], CopySource["Key"]]
        return {}

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("delete_object")
        self.objects.pop((Bucket, Key), None)
        return {}

    def keys(self, bucket: str) -> list[str]:
        return sorted(key for where, key in self.objects if where == bucket)


class FakeSsm(Fake):
    """One parameter."""

    def __init__(self, value: str, faults: Iterable[BaseException | None] = ()) -> None:
        super().__init__(faults)
        self.value = value

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        self._called("get_parameter")
        return {"Parameter": {"Name": Name, "Value": self.value}}


class FakeSns(Fake):
    """A FIFO topic: drops messages whose deduplication id it has seen. ``refuse`` names codes by tweet id."""

    def __init__(self, faults: Iterable[BaseException | None] = (), refuse: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.refuse = refuse or {}
        self.delivered: list[dict[str, Any]] = []
        self._seen: set[str] = set()

    def publish_batch(
        self,
        *,
        TopicArn: str,  # noqa: N803
        PublishBatchRequestEntries: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        self._called("publish_batch")
        assert len(PublishBatchRequestEntries) <= 10
        failed: list[dict[str, Any]] = []
        for entry in PublishBatchRequestEntries:
            code = next(
                (code for word, code in self.refuse.items() if f'"tweet_id":"{word}"' in entry["Message"]), None
            )
            if code:
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": code == "InvalidParameter"})
            elif entry["MessageDeduplicationId"] not in self._seen:
                self._seen.add(entry["MessageDeduplicationId"])
                self.delivered.append(entry)
        return {"Successful": [], "Failed": failed}


class FakeSqs(Fake):
    """A queue that takes messages. ``refuse`` lists the error code of each of the next ones (None takes one)."""

    def __init__(self, faults: Iterable[BaseException | None] = (), refuse: Iterable[str | None] = ()) -> None:
        super().__init__(faults)
        self.refuse = deque(refuse)
        self.messages: list[dict[str, Any]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("send_message_batch")
        assert len(Entries) <= 10
        failed: list[dict[str, Any]] = []
        for entry in Entries:
            code = self.refuse.popleft() if self.refuse else None
            if code:
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": False})
            else:
                self.messages.append(entry)
        return {"Successful": [], "Failed": failed}


class FakeEvents(Fake):
    """A bus. ``refuse`` lists the error code of each of the next events (None lets one through)."""

    def __init__(self, faults: Iterable[BaseException | None] = (), refuse: Iterable[str | None] = ()) -> None:
        super().__init__(faults)
        self.refuse = deque(refuse)
        self.events: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("put_events")
        assert len(Entries) <= 10
        results: list[dict[str, str]] = []
        for entry in Entries:
            code = self.refuse.popleft() if self.refuse else None
            if code:
                results.append({"ErrorCode": code, "ErrorMessage": "made to happen"})
            else:
                self.events.append(entry)
                results.append({"EventId": str(len(self.events))})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def as_client(fake: Fake) -> Any:
    """The fake, in the place of whichever client it stands for."""
    return fake
