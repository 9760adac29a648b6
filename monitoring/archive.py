"""The archive of both streams: where its objects lie and how to read them.

Firehose writes JSON lines, compressed, under one prefix per stream and hour of delivery (UTC)::

    archive/tweet_classification/dt=2026-11-23/hour=09/...

Whatever has that layout can be read, be it a bucket or a folder. Objects are read one after the other, with a few
fetched ahead, so memory does not grow with the archive.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from moderation import tombstones

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TWEETS: Final = "tweet_events"
VERDICTS: Final = "tweet_classification"
WITHDRAWN: Final = tombstones.FOLDER
"""Beside the streams lie the tombstones of what was withdrawn, by the hour in which they were put."""

_HOUR: Final = timedelta(hours=1)
_GZIP_MAGIC: Final = b"\x1f\x8b"
_IN_MEMORY: Final = 8 * 1024 * 1024
_FETCHED_AHEAD: Final = 16
_READERS: Final = 8


class Store(Protocol):
    """Objects by key."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix, in order."""

    def open(self, key: str) -> IO[bytes]:
        """One object, seekable, to be closed by the caller."""


class FolderStore:
    """A folder, its files named like objects."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix, in order."""
        start = self._root / prefix
        folder = start if start.is_dir() else start.parent
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield key

    def open(self, key: str) -> IO[bytes]:
        """One file."""
        return (self._root / key).open("rb")


class S3Store:
    """A bucket, or what lies under a prefix in it."""

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}"
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"].removeprefix(self._prefix)

    def open(self, key: str) -> IO[bytes]:
        """One object, fetched whole; on disk where it is large."""
        body = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{key}")["Body"]
        file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(body, file)
        file.seek(0)
        return file


def partition(stream: str, moment: datetime) -> str:
    """The prefix of one stream's records that were delivered within the hour of a moment."""
    return f"{stream}/{moment.astimezone(UTC):dt=%Y-%m-%d/hour=%H/}"


def partitions(stream: str, start: datetime, end: datetime) -> list[str]:
    """The prefixes of every hour that a time span touches, oldest first."""
    moment = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    prefixes = []
    while moment <= end:
        prefixes.append(partition(stream, moment))
        moment += _HOUR
    return prefixes


def lines(store: Store, keys: Iterable[str]) -> Iterator[bytes]:
    """The lines of objects, compressed or not, without empty ones.

    Whether an object is compressed is told by its first bytes, not by its name.

    Raises:
        OSError, EOFError: an object cannot be fetched or is damaged.
    """
    for file in _fetched(store, keys):
        with file:
            compressed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            content: Iterable[bytes] = gzip.GzipFile(fileobj=file, mode="rb") if compressed else file
            for line in content:
                if stripped := line.strip():
                    yield stripped


def _fetched(store: Store, keys: Iterable[str]) -> Iterator[IO[bytes]]:
    """Objects in the order of their keys, a bounded number of them fetched ahead."""
    ahead: deque[Future[IO[bytes]]] = deque()
    with ThreadPoolExecutor(_READERS) as pool:
        try:
            for key in keys:
                ahead.append(pool.submit(store.open, key))
                if len(ahead) >= _FETCHED_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for left in ahead:
                _discard(left)


def _discard(left: Future[Any]) -> None:
    if not left.cancel() and left.exception() is None:
        left.result().close()
