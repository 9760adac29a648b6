from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any, cast

import pytest

from monitoring.archive import FolderStore, S3Store, lines, partition, partitions
from tests.fakes.monitoring import FakeS3, MemoryStore

MOMENT = datetime(2026, 11, 23, 9, 41, tzinfo=UTC)


def test_a_partition_is_an_hour_of_utc() -> None:
    assert partition("tweet_events", MOMENT) == "tweet_events/dt=2026-11-23/hour=09/"
    assert partition("tweet_events", MOMENT.astimezone(timezone(timedelta(hours=5)))) == partition(
        "tweet_events", MOMENT
    )


def test_partitions_are_every_hour_that_is_touched() -> None:
    found = partitions("s", MOMENT - timedelta(hours=10), MOMENT)
    assert len(found) == 11
    assert (found[0], found[-1]) == ("s/dt=2026-11-22/hour=23/", "s/dt=2026-11-23/hour=09/")


def test_lines_are_read_in_order_compressed_or_not_whatever_the_name_says() -> None:
    store = MemoryStore({"a.gz": b"1\n\n2", "b": gzip.compress(b"3\n4\n"), "c": b""})
    assert list(lines(store, ["a.gz", "b", "c"])) == [b"1", b"2", b"3", b"4"]
    assert all(file.closed for file in store.opened)


def test_an_object_that_cannot_be_fetched_is_an_error_not_a_gap() -> None:
    store = MemoryStore({f"{number:03d}": b"x\n" for number in range(40)}, unreadable="020")
    with pytest.raises(OSError, match="broke off"):
        list(lines(store, store.keys("")))
    assert all(file.closed for file in store.opened)


def test_a_damaged_object_is_an_error() -> None:
    with pytest.raises(EOFError):
        list(lines(MemoryStore({"a": gzip.compress(b"1\n" * 1000)[:-9]}), ["a"]))


def test_only_a_few_objects_are_fetched_ahead() -> None:
    store = MemoryStore({f"{number:04d}": b"x\n" for number in range(500)})
    content = lines(store, store.keys(""))
    for _ in range(10):
        next(content)
    assert len(store.opened) <= 10 + 16
    content.close()  # type: ignore[attr-defined]
    assert all(file.closed for file in store.opened)


def test_a_folder_lists_like_a_bucket(tmp_path: Path) -> None:
    for name in ("s/dt=1/b", "s/dt=1/a", "s/dt=2/c", "other/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    store = FolderStore(tmp_path)
    assert list(store.keys("s/")) == ["s/dt=1/a", "s/dt=1/b", "s/dt=2/c"]
    assert list(store.keys("s/dt=1")) == ["s/dt=1/a", "s/dt=1/b"]
    assert list(store.keys("nothing/dt=1/")) == []
    with store.open("s/dt=1/a") as file:
        assert file.read() == b"s/dt=1/a"


def test_a_bucket_is_read_below_its_prefix_page_by_page() -> None:
    s3 = FakeS3({f"bucket/archive/s/{number}": b"%d\n" % number for number in range(5)} | {"bucket/else": b""})
    store = S3Store(cast("Any", s3), "bucket", "archive/")
    assert list(store.keys("s/")) == [f"s/{number}" for number in range(5)]
    assert list(lines(store, store.keys("s/"))) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_compressed_object_of_a_bucket_is_read() -> None:
    store = S3Store(cast("Any", FakeS3({"b/k": gzip.compress(b"1\n2\n")})), "b")
    assert list(lines(store, ["k"])) == [b"1", b"2"]


def test_an_object_can_be_read_again_from_its_start() -> None:
    file: IO[bytes] = S3Store(cast("Any", FakeS3({"b/k": b"abc"})), "b").open("k")
    with file:
        assert file.read(1) == b"a"
        file.seek(0)
        assert file.read() == b"abc"
