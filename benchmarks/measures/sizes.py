"""How large things are: each side's model, and the Python packages of the functions' image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks.job import Job, Values
from benchmarks.sides import OURS
from benchmarks.sides import SIDES as ALL
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = ALL
REQUIREMENTS: Final = Path("lambdas/requirements.txt")
CALLED_SERVICES: Final = frozenset(("dynamodb", "events", "kinesis", "s3", "sns", "sqs", "ssm"))
"""Whose models of botocore's the image keeps, see ``lambdas/Dockerfile``."""

_MEGABYTE: Final = 1e6


class NotInstalledError(Exception):
    """The packages could not be installed."""


def measure(side: str, job: Job, started: float = 0.0) -> Values:
    """The model's size. Of ours, only what is served: not its card, nor the reference data beside it."""
    del started
    folder = Path(job.folders[side])
    files = [folder / MANIFEST_FILE, folder / ARRAYS_FILE] if side == OURS else _files(folder)
    return {"model_mb": sum(file.stat().st_size for file in files) / _MEGABYTE}


def packages(requirements: Path = REQUIREMENTS) -> Values:
    """Install the image's packages into a folder and measure them, whole and cut down as the image has them.

    Raises:
        NotInstalledError: they are not in uv's cache and cannot be fetched.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "packages"
        done = subprocess.run(  # noqa: S603 - uv of our environment
            [
                *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--require-hashes"),
                *("--only-binary=:all:", "--target", str(folder), "-r", str(requirements)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotInstalledError(f"{requirements} could not be installed: {done.stderr.strip()[-400:]}")
        whole = _size(folder)
        cut_down(folder)
        return {"packages_whole_mb": whole, "packages_mb": _size(folder)}


def cut_down(folder: Path) -> None:
    """Leave out what the image leaves out: models of services that are not called, and the packages' own tests."""
    for service in (folder / "botocore" / "data").glob("*/"):
        if service.name not in CALLED_SERVICES:
            shutil.rmtree(service)
    for tests in sorted(folder.rglob("tests")):
        if tests.is_dir():
            shutil.rmtree(tests)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in _files(folder)) / _MEGABYTE


def lines(results: Results) -> Iterator[str]:
    """A table of the sides."""
    rows = {
        "model_mb": "the model (MB)",
        "packages_mb": "Python packages of the functions' image (MB)",
        "packages_whole_mb": "the same, as they are installed (MB)",
    }
    yield from results.table("sizes", SIDES, rows)
