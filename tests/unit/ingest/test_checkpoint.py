"""Checkpoints and counts survive kills, faults and neighbours."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.checkpoint import DynamoDbStore, FileStore, MemoryStore, Store
from ingest.errors import StoreError
from tests.fakes.aws import client_error

DAY = "2026-11-23"


class ConditionalCheckFailedError(ClientError):
    pass


class FakeTable:
    """A DynamoDB table, as far as the store uses one. ``meddle`` runs before each update, as a neighbour would."""

    class exceptions:  # noqa: N801 - botocore's name
        ConditionalCheckFailedException = ConditionalCheckFailedError

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.fault: Exception | None = None
        self.meddle: Callable[[], None] = lambda: None

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        self._fail()
        assert ConsistentRead
        item = self.items.get(Key["pk"]["S"])
        return {"Item": item} if item else {}

    def put_item(self, *, TableName: str, Item: Any) -> None:  # noqa: N803
        self._fail()
        self.items[Item["pk"]["S"]] = Item

    def update_item(self, *, Key: Any, ExpressionAttributeValues: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        self._fail()
        self.meddle()
        item = self.items.setdefault(Key["pk"]["S"], {"pk": Key["pk"]})
        used = int(item.get("used", {"N": "0"})["N"])
        if "used" in item and used > int(ExpressionAttributeValues[":room"]["N"]):
            raise client_error("ConditionalCheckFailedException", kind=ConditionalCheckFailedError)
        item["used"] = {"N": str(used + int(ExpressionAttributeValues[":reads"]["N"]))}
        item["expires_at"] = ExpressionAttributeValues[":expires"]
        return {"Attributes": {"used": item["used"]}}

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


def stores(folder: Path) -> list[Store]:
    table: Any = FakeTable()
    return [FileStore(folder / "deep" / "state.json"), DynamoDbStore(table, "t", "x-stream"), MemoryStore()]


def test_every_store_remembers_the_last_checkpoint(tmp_path: Path) -> None:
    for store in stores(tmp_path):
        assert store.load() is None
        store.save("a")
        store.save("b")
        assert store.load() == "b"


def test_every_store_grants_reads_up_to_the_limit(tmp_path: Path) -> None:
    for store in stores(tmp_path):
        assert store.reserve_reads(DAY, 60, 100) == (60, 60)
        assert store.reserve_reads(DAY, 60, 100) == (40, 100)
        assert store.reserve_reads(DAY, 60, 100)[0] == 0
        assert store.reserve_reads("2026-11-24", 10, 100) == (10, 10)


def test_a_file_keeps_checkpoint_and_count_apart(tmp_path: Path) -> None:
    first = FileStore(tmp_path / "state.json")
    first.save("a")
    first.reserve_reads(DAY, 5, 10)
    again = FileStore(tmp_path / "state.json")
    assert again.load() == "a"
    assert again.reserve_reads(DAY, 1, 10) == (1, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"], "no temporary file is left"


def test_a_damaged_file_is_not_taken_for_a_new_start(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"checkpoint": "a')
    with pytest.raises(StoreError, match="cannot be read"):
        FileStore(path).load()


def test_a_file_that_cannot_be_written_says_so_and_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path / "state.json")
    store.save("a")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="cannot be written: No space left"):
        store.save("b")
    assert store.load() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"], "no temporary file is left"


def test_a_table_that_fails_says_why() -> None:
    table: Any = FakeTable()
    store = DynamoDbStore(table, "t", "x-stream")
    table.fault = client_error("ProvisionedThroughputExceededException")
    for call in (store.load, lambda: store.save("a"), lambda: store.reserve_reads(DAY, 1, 10)):
        with pytest.raises(StoreError, match="ProvisionedThroughputExceeded"):
            call()


def test_a_neighbour_may_take_reads_in_between() -> None:
    table: Any = FakeTable()
    store = DynamoDbStore(table, "t", "x-stream")
    store.reserve_reads(DAY, 1, 100)

    def meddle() -> None:
        table.meddle = lambda: None
        table.items[f"reads#x-stream#{DAY}"]["used"] = {"N": "95"}

    table.meddle = meddle
    assert store.reserve_reads(DAY, 50, 100) == (5, 100)


def test_counts_expire_a_week_after_their_day() -> None:
    table: Any = FakeTable()
    DynamoDbStore(table, "t", "x-stream").reserve_reads(DAY, 1, 100)
    expires = int(table.items[f"reads#x-stream#{DAY}"]["expires_at"]["N"])
    assert expires == 1_795_392_000 + 7 * 24 * 3600


def test_sources_do_not_share_checkpoints() -> None:
    table: Any = FakeTable()
    DynamoDbStore(table, "t", "bluesky").save("a")
    assert DynamoDbStore(table, "t", "x-stream").load() is None
