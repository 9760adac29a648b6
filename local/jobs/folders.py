"""A job's folders: what SageMaker would mount below ``/opt/ml``, filled from S3 and emptied into it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.jobs.errors import JobFailedError

CONTAINER_BASE: Final = "/opt/ml"


def in_base(base: Path, container_path: str) -> Path:
    """Where a path of the container lies on this machine.

    Raises:
        JobFailedError: it is not below ``/opt/ml``.
    """
    path = Path(container_path)
    if not path.is_relative_to(CONTAINER_BASE) or ".." in path.parts:
        raise JobFailedError(f"ClientError: {container_path} is not below {CONTAINER_BASE}")
    return base / path.relative_to(CONTAINER_BASE)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key or prefix of an S3 address.

    Raises:
        JobFailedError: it is none.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise JobFailedError(f"ClientError: {uri} is no address in S3")
    return bucket, key


def download(s3: Any, uri: str, target: Path) -> int:
    """Fetch every object under a prefix, as ``S3Prefix`` inputs in ``File`` mode are.

    Returns:
        The number of files.

    Raises:
        JobFailedError: there is nothing.
    """
    bucket, prefix = split_uri(uri)
    count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            key = found["Key"]
            if key.endswith("/") or not _is_below(key, prefix):
                continue
            # A prefix that is a whole key gives a file of that name.
            name = Path(key).name if key == prefix else key[len(prefix) :].lstrip("/")
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            count += 1
    if count == 0:
        raise JobFailedError(f"ClientError: No S3 objects found under S3 URL {uri!r}")
    return count


def upload(s3: Any, source: Path, uri: str) -> None:
    """Put every file of a folder under a prefix."""
    bucket, prefix = split_uri(uri)
    for file in sorted(source.rglob("*")):
        if file.is_file():
            key = "/".join(part for part in (prefix.strip("/"), file.relative_to(source).as_posix()) if part)
            s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())


def upload_archive(s3: Any, source: Path, uri: str, scratch: Path) -> None:
    """Put a folder's contents as one ``.tar.gz``."""
    archive = scratch / "archive.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for entry in sorted(source.iterdir()):
            tar.add(entry, arcname=entry.name)
    bucket, key = split_uri(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=archive.read_bytes())
    archive.unlink()


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write one of the files in which SageMaker tells a job about itself."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def read_text(file: Path, limit: int) -> str:
    """The beginning of a file that a job may have written, or nothing."""
    return file.read_bytes()[:limit].decode(errors="replace").strip() if file.is_file() else ""


def _is_below(key: str, prefix: str) -> bool:
    return prefix in ("", key) or prefix.endswith("/") or key.startswith(f"{prefix}/")
