"""Promote a registered version to champion, or go back to an earlier one.

The artefact is copied from the registry to S3 and read back, and only then does the pointer move, in one write. A
crash before that leaves the old champion serving, a crash after it leaves the registry's alias behind, and in
either case the same command, repeated, finishes the work. Going back needs neither the registry nor a new copy:
every promotion notes which pointer it replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from moderation.champion import ChampionPointer, read_pointer, write_pointer
from moderation.errors import BadArtefactError, NoChampionError
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE
from moderation.messages import timestamp
from moderation.model import load
from moderation.reference import REFERENCE_FILE
from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, JobError, TrackingError
from training_jobs.folders import Folders
from training_jobs.tracking import (
    EVALUATION_FOLDER,
    FINISHED,
    MODEL_FOLDER,
    RegisteredVersion,
    Tracker,
    fails_with_job,
    tracker_for,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

log = logging.getLogger(__name__)

NOTE_FILE: Final = "promotion.json"
_FILES: Final = (ARRAYS_FILE, MANIFEST_FILE)
"""In the order of copying: a folder with a manifest has its arrays."""


class PromotionNote(msgspec.Struct, frozen=True):
    """Kept beside a promoted artefact: when it was promoted, and what it replaced."""

    promoted_at: str
    replaced: ChampionPointer | None


class Promoter:
    """Moves the champion pointer of one stage.

    Args:
        s3: client.
        ssm: client.
        tracker: holds the registry.
        environment: names the parameter and the bucket.
    """

    def __init__(self, s3: S3Client, ssm: SSMClient, tracker: Tracker, environment: JobEnvironment) -> None:
        self._s3 = s3
        self._ssm = ssm
        self._tracker = tracker
        self._environment = environment

    def promote(self, version: str) -> ChampionPointer:
        """Make a registered version the champion.

        Raises:
            InputError: there is no such version.
            BadArtefactError: its artefact is not what was registered.
            JobError: S3 holds something else under this version, or gave back other bytes than it was given.
        """
        registered = self._tracker.version(version)
        with tempfile.TemporaryDirectory() as scratch:
            folder = self._tracker.fetch(registered.run_id, MODEL_FOLDER, Path(scratch) / MODEL_FOLDER)
            pointer = self._checked(registered, folder)
            self._copy_reference(registered, Path(scratch), pointer)
            for name in _FILES:
                self._copy((folder / name).read_bytes(), pointer.location, name)
        self._move_to(pointer)
        return pointer

    def go_to(self, version: str) -> ChampionPointer:
        """Make a version that was promoted before the champion again, from the copy in S3.

        Raises:
            InputError: it was never promoted.
            BadArtefactError: the copy is damaged.
        """
        location = self._location(version)
        manifest = self._read(location, MANIFEST_FILE)
        if manifest is None:
            raise InputError(f"version {version} was never promoted: {location} holds no artefact")
        pointer = ChampionPointer(version, location, hashlib.sha256(manifest).hexdigest())
        self._check_copy(pointer)
        self._move_to(pointer)
        return pointer

    def roll_back(self) -> ChampionPointer:
        """Put back the champion that the present one replaced.

        Raises:
            InputError: there is no champion, or none before it.
            BadArtefactError: the earlier champion's copy is damaged.
        """
        current = self._current()
        if current is None:
            raise InputError("there is no champion to roll back from")
        note = self._read(current.location, NOTE_FILE)
        if note is None:
            raise JobError(f"{current.location}/{NOTE_FILE} is missing; name the version to go to with --to")
        earlier = msgspec.json.decode(note, type=PromotionNote).replaced
        if earlier is None:
            raise InputError(f"version {current.version} is the first champion: there is none to go back to")
        self._check_copy(earlier)
        self._point_to(earlier)
        return earlier

    def _checked(self, registered: RegisteredVersion, folder: Path) -> ChampionPointer:
        digest = registered.tags.get("artefact_sha256", "")
        if not digest:
            raise BadArtefactError(f"version {registered.version} was registered without its artefact's digest")
        load(folder, sha256=digest)
        return ChampionPointer(registered.version, self._location(registered.version), digest)

    def _copy_reference(self, registered: RegisteredVersion, scratch: Path, pointer: ChampionPointer) -> None:
        """Put beside the artefact what monitoring compares with: the twin's verdicts on tweets it has not seen."""
        folder = self._tracker.fetch(registered.run_id, EVALUATION_FOLDER, scratch / EVALUATION_FOLDER)
        if (folder / REFERENCE_FILE).is_file():
            self._copy((folder / REFERENCE_FILE).read_bytes(), pointer.location, REFERENCE_FILE)

    def _copy(self, content: bytes, location: str, name: str) -> None:
        """Write a file and read it back; one that is there already must be the same, for versions never change."""
        present = self._read(location, name)
        if present is None:
            self._write(location, name, content)
            present = self._read(location, name)
        if present != content:
            raise JobError(f"{location}/{name} holds other bytes than the registry: nothing was promoted")

    def _check_copy(self, pointer: ChampionPointer) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name in _FILES:
                content = self._read(pointer.location, name)
                if content is None:
                    raise BadArtefactError(f"{pointer.location}/{name} is missing")
                (Path(scratch) / name).write_bytes(content)
            load(Path(scratch), sha256=pointer.sha256)

    def _move_to(self, pointer: ChampionPointer) -> None:
        current = self._current()
        if current != pointer:
            note = PromotionNote(timestamp(), current)
            self._write(pointer.location, NOTE_FILE, msgspec.json.encode(note))
        self._point_to(pointer)

    def _point_to(self, pointer: ChampionPointer) -> None:
        """Move the pointer, which is what serving reads, and then the alias, which is for people and the next gate."""
        parameter = self._environment.champion_parameter
        self._ssm.put_parameter(Name=parameter, Value=write_pointer(pointer), Overwrite=True)
        log.info("%s points to version %s at %s", parameter, pointer.version, pointer.location)
        try:
            self._tracker.set_champion(pointer.version)
        except TrackingError as error:
            log.warning("version %s is served, but the registry's alias was not moved: %s", pointer.version, error)

    def _current(self) -> ChampionPointer | None:
        parameter = self._ssm.get_parameter(Name=self._environment.champion_parameter)["Parameter"]
        try:
            return read_pointer(parameter["Value"])
        except NoChampionError:
            return None

    def _location(self, version: str) -> str:
        bucket = self._environment.artefacts_bucket
        if not bucket:
            # By hand only the parameter need be named: all champions of a stage lie in one bucket.
            current = self._current()
            if current is None:
                raise InputError("the environment lacks ARTEFACTS_BUCKET, and there is no champion to learn it from")
            bucket = current.location.removeprefix("s3://").partition("/")[0]
        return f"s3://{bucket}/models/{version}"

    def _read(self, location: str, name: str) -> bytes | None:
        """A file's content, or None where there is none.

        Whether it is there is asked of the listing: to a role that may list only some prefixes, S3 says of an object
        that is missing that access is denied.
        """
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        key = f"{prefix}/{name}"
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        if not any(found["Key"] == key for found in listed):
            return None
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _write(self, location: str, name: str, content: bytes) -> None:
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        self._s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content, ChecksumAlgorithm="SHA256")


def promoter_for(environment: JobEnvironment, tracker: Tracker) -> Promoter:
    """A promoter for the stage that the environment names."""
    import boto3  # noqa: PLC0415 - --help need not wait for it

    environment.require("champion_parameter")
    return Promoter(boto3.client("s3"), boto3.client("ssm"), tracker, environment)


def run_promotion(folders: Folders, tracker: Tracker, promoter: Promoter, arguments: argparse.Namespace) -> None:
    """Do the work of the step; see the module."""
    if arguments.rollback:
        pointer = promoter.roll_back()
    elif arguments.to:
        pointer = promoter.go_to(arguments.to)
    else:
        run_id = tracker.execution_run()
        with fails_with_job(tracker, run_id):
            pointer = promoter.promote(arguments.version)
        tracker.log(run_id, tags={"outcome": "promoted", "champion_version": pointer.version})
        tracker.finish(run_id, FINISHED)
    folders.write_message({"version": pointer.version, "location": pointer.location})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step from the command line; returns the exit code."""
    parser = entrypoint.parser("training_jobs.promote", __doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--version", help="promote this registered version")
    which.add_argument("--rollback", action="store_true", help="put back the champion that the present one replaced")
    which.add_argument("--to", metavar="VERSION", help="serve this version, promoted before, again; needs no registry")
    parsed = parser.parse_args(arguments)

    def work(folders: Folders) -> None:
        environment = JobEnvironment.from_environment()
        if parsed.version:
            environment.require("mlflow_tracking_uri", "artefacts_bucket")
        tracker = tracker_for(environment)
        run_promotion(folders, tracker, promoter_for(environment, tracker), parsed)

    return entrypoint.run(work)


if __name__ == "__main__":
    sys.exit(main())
