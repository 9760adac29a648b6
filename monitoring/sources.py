"""Where a person's report takes its two sides from: a file, a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from moderation.reference import REFERENCE_FILE, read_reference
from monitoring.archive import FolderStore, S3Store, Store, lines
from monitoring.windows import Collector, Window, current_window, read_labels, reference_window

_S3: Final = "s3://"
_EVER: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


class SourceError(Exception):
    """What was named is not there, or not what it should be."""


def read_reference_source(source: str) -> Window:
    """Read a reference from its file, or from the folder of a model, local or in a bucket.

    Raises:
        SourceError: there is none.
        BadArtefactError: it is damaged.
    """
    with _opened(source) as file:
        return reference_window(read_reference(file))


def read_current(source: str, *, tweets: Path | None, labels: Path | None, end: datetime, hours: float) -> Window:
    """Read a current window from an archive, or all verdicts of a file.

    Args:
        source: a folder or bucket with the archive's layout, or a file of verdicts as JSON lines.
        tweets: a file with the verdicts' tweets; an archive has its own.
        labels: a file or folder of true classes.
        end: of the window; for an archive.
        hours: length of the window; for an archive.

    Raises:
        SourceError: there is nothing of that name.
    """
    labels_store = None if labels is None else _label_store(labels)
    path = Path(source)
    if source.startswith(_S3) or path.is_dir():
        store = _bucket(source) if source.startswith(_S3) else FolderStore(path)
        return current_window(store, labels_store, end=end, hours=hours, label_hours=hours)
    if not path.is_file():
        raise SourceError(f"{source}: no such file or folder")
    known, unreadable = read_labels(labels_store) if labels_store else ({}, 0)
    collector = Collector(*_EVER, known)
    collector.window.unreadable = unreadable
    for line in _file_lines(path):
        collector.add_verdict(line)
    for line in _file_lines(tweets) if tweets else ():
        collector.add_tweet(line)
    window = collector.finish()
    window.start = window.end = None
    return window


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source.startswith(_S3):
        key = source.rstrip("/")
        bucket, _, key = key.removeprefix(_S3).partition("/")
        name = key if key.endswith((".gz", ".jsonl")) else f"{key}/{REFERENCE_FILE}"
        file = _object(bucket, name)
    else:
        path = Path(source)
        path = path / REFERENCE_FILE if path.is_dir() else path
        if not path.is_file():
            raise SourceError(f"{path}: no such file")
        file = path.open("rb")
    with file:
        yield file


def _bucket(source: str) -> Store:
    import boto3  # noqa: PLC0415 - files need no AWS

    bucket, _, prefix = source.removeprefix(_S3).partition("/")
    return S3Store(boto3.client("s3"), bucket, f"{prefix.rstrip('/')}/" if prefix else "")


def _object(bucket: str, key: str) -> IO[bytes]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see above

    try:
        return _bucket(f"{_S3}{bucket}").open(key)
    except ClientError as error:
        raise SourceError(f"{_S3}{bucket}/{key}: {error.response['Error']['Code']}") from error


class _OneFile:
    """A store that holds one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, prefix: str) -> Iterator[str]:
        """Its one key."""
        if self._path.name.startswith(prefix):
            yield self._path.name

    def open(self, key: str) -> IO[bytes]:
        """The file."""
        return self._path.with_name(key).open("rb")


def _label_store(path: Path) -> Store:
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    return FolderStore(path) if path.is_dir() else _OneFile(path)


def _file_lines(path: Path) -> Iterable[bytes]:
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    return lines(_OneFile(path), [path.name])
