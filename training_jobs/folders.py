"""SageMaker's folder layout, in one place: where a job finds its inputs and leaves its results.

The layout is that of SageMaker's training and processing containers under ``/opt/ml``. ``SAGEMAKER_BASE_DIR`` (the
variable of SageMaker's own training toolkit) moves all of it somewhere else, so that the same entry points run
on a laptop and in tests.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_jobs.errors import InputError, JobError

log = logging.getLogger(__name__)

BASE_FOLDER_VARIABLE: Final = "SAGEMAKER_BASE_DIR"
DEFAULT_BASE: Final = "/opt/ml"
MODEL_ARCHIVE: Final = "model.tar.gz"

MAX_MESSAGE_BYTES: Final = 1_000
"""SageMaker returns the first 1 KB of the message as ``ExitMessage``; a longer one would arrive cut in two."""

MAX_FAILURE_CHARACTERS: Final = 1_000
"""SageMaker returns the first 1,024 characters of the failure file as ``FailureReason``."""

MAX_UNPACKED_BYTES: Final = 1 << 30
"""A model archive holds a few megabytes; one that unpacks to more than a gigabyte is not one of ours."""


@dataclass(frozen=True)
class Folders:
    """The folders of one job.

    Attributes:
        base: what stands for ``/opt/ml``.
    """

    base: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Folders:
        """The folders that this process was given."""
        variables = os.environ if environment is None else environment
        return cls(Path(variables.get(BASE_FOLDER_VARIABLE) or DEFAULT_BASE))

    @property
    def is_a_job(self) -> bool:
        """Whether this is SageMaker or something in its place, and not somebody's shell.

        A rollback by hand must neither need nor make folders of a container's on that machine.
        """
        return self.base.is_dir()

    @property
    def model(self) -> Path:
        """Where a training job leaves what SageMaker packs into ``model.tar.gz``."""
        return _made(self.base / "model")

    @property
    def output(self) -> Path:
        """Where a job leaves its message and the reason of its failure."""
        return _made(self.base / "output")

    @property
    def failure_file(self) -> Path:
        """The file SageMaker reads the reason of a failure from."""
        return self.output / "failure"

    @property
    def message_file(self) -> Path:
        """The file SageMaker returns as a processing job's ``ExitMessage``."""
        return self.output / "message"

    def channel(self, name: str) -> Path:
        """An input of a training job.

        Raises:
            InputError: the job was started without it.
        """
        return _present(self.base / "input" / "data" / name, f"input channel {name!r}")

    def processing_input(self, name: str) -> Path:
        """An input of a processing job.

        Raises:
            InputError: the job was started without it.
        """
        return _present(self.base / "processing" / "input" / name, f"processing input {name!r}")

    def processing_output(self, name: str) -> Path:
        """A folder whose contents SageMaker uploads when the processing job ends."""
        return _made(self.base / "processing" / "output" / name)

    def hyperparameters(self) -> dict[str, str]:
        """What the training job was asked for; empty without the file. SageMaker passes every value as a string.

        Raises:
            InputError: the file is not a JSON object of strings.
        """
        file = self.base / "input" / "config" / "hyperparameters.json"
        if not file.is_file():
            return {}
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{file} is not JSON: {error}") from None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise InputError(f"{file} must be a JSON object whose values are strings")
        return values

    def write_message(self, message: Mapping[str, object]) -> None:
        """Leave the result that the state machine reads, or log it where there is nobody to read it.

        Raises:
            JobError: the message is longer than SageMaker passes on.
        """
        encoded = json.dumps(message, separators=(",", ":")).encode()
        if len(encoded) > MAX_MESSAGE_BYTES:
            raise JobError(f"the job's message has {len(encoded)} bytes; SageMaker passes on {MAX_MESSAGE_BYTES}")
        if self.is_a_job:
            self.message_file.write_bytes(encoded)
        else:
            log.info("result: %s", encoded.decode())

    def write_failure(self, reason: str) -> None:
        """Leave the reason of a failure, where both kinds of job are looked at for it; by hand, it is in the log."""
        if not self.is_a_job:
            return
        text = reason[:MAX_FAILURE_CHARACTERS]
        self.failure_file.write_text(text, encoding="utf-8")
        self.message_file.write_text(text[: MAX_MESSAGE_BYTES // 4], encoding="utf-8")


def unpacked(folder: Path) -> Path:
    """The contents of a training job's output, whether it comes as ``model.tar.gz`` or unpacked already.

    Args:
        folder: of the input. The archive is unpacked beside itself, into ``unpacked``.

    Raises:
        InputError: the archive is damaged, or holds what a model archive never holds: links, devices, paths that
            lead outside, or more than ``MAX_UNPACKED_BYTES``.
    """
    archive = folder / MODEL_ARCHIVE
    if not archive.is_file():
        return folder
    target = folder / "unpacked"
    try:
        with tarfile.open(archive, "r:gz") as tar:
            _refuse_strange_members(tar)
            _extract(tar, target.resolve())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive.name} of the {folder.name!r} input cannot be unpacked: {error}") from None
    return target


def _refuse_strange_members(tar: tarfile.TarFile) -> None:
    total = 0
    for member in tar:
        if not (member.isfile() or member.isdir()):
            raise InputError(f"{MODEL_ARCHIVE} holds something that is neither a file nor a folder: {member.name!r}")
        total += member.size
        if total > MAX_UNPACKED_BYTES:
            raise InputError(f"{MODEL_ARCHIVE} unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB")


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    """Write files and folders, none outside of the target. Before 3.11.4 Python has no ``filter="data"`` to do it."""
    target.mkdir(exist_ok=True)
    for member in tar.getmembers():
        place = (target / member.name).resolve()
        if not place.is_relative_to(target):
            raise InputError(f"{MODEL_ARCHIVE} holds a path that leads outside: {member.name!r}")
        content = tar.extractfile(member)
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with content, place.open("wb") as file:
            shutil.copyfileobj(content, file)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _present(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise InputError(f"the job was started without its {name} (no folder {folder})")
    return folder
