"""What the jobs want of a tracking server and model registry, and the tracker that keeps nothing.

A run per execution holds a nested run per job; a registered model holds the versions that passed. The jobs see this
protocol only: :mod:`training_jobs.mlflow_rest` speaks it to an MLflow server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, TrackingError

FINISHED: Final = "FINISHED"
FAILED: Final = "FAILED"

MODEL_FOLDER: Final = "model"
"""Where, among a run's files, the artefact to serve lies."""

TWIN_FOLDER: Final = "twin"
"""Where the validation twin lies: the same recipe fitted without the validation fold, with what it was fitted on."""

EVALUATION_FOLDER: Final = "evaluation"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of the registered model.

    Attributes:
        version: its number.
        run_id: the run whose files hold its artefact and its twin.
        tags: the artefact's digest among them.
    """

    version: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


class Tracker(Protocol):
    """A tracking server with a model registry. Every method may raise ``TrackingError``."""

    def execution_run(self) -> str:
        """The run of this execution: the one that is there, or a new one."""
        ...

    def start_run(self, name: str, *, parent: str, tags: Mapping[str, str]) -> str:
        """Start a run nested in another; returns its id."""
        ...

    def log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run."""
        ...

    def log_files(self, run_id: str, folder: Path, under: str) -> None:
        """Keep every file of a folder with a run."""
        ...

    def finish(self, run_id: str, status: str) -> None:
        """End a run."""
        ...

    def register(self, run_id: str, *, description: str, tags: Mapping[str, str]) -> str:
        """Make the artefact of a run a new version of the registered model; returns the version."""
        ...

    def version(self, version: str) -> RegisteredVersion:
        """Look up a version."""
        ...

    def champion(self) -> RegisteredVersion | None:
        """The version with the alias ``champion``."""
        ...

    def set_champion(self, version: str) -> None:
        """Move the alias ``champion``."""
        ...

    def fetch(self, run_id: str, under: str, target: Path) -> Path:
        """Copy a folder of a run's files to a local one; returns the local one."""
        ...


class NullTracker:
    """Keeps nothing. A version registered with it is named by the artefact's digest."""

    def execution_run(self) -> str:
        """No run."""
        return ""

    def start_run(self, name: str, *, parent: str, tags: Mapping[str, str]) -> str:
        """No run."""
        return ""

    def log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing to do."""

    def log_files(self, run_id: str, folder: Path, under: str) -> None:
        """Nothing to do."""

    def finish(self, run_id: str, status: str) -> None:
        """Nothing to do."""

    def register(self, run_id: str, *, description: str, tags: Mapping[str, str]) -> str:
        """A name for the artefact."""
        return f"untracked-{tags['artefact_sha256'][:12]}"

    def version(self, version: str) -> RegisteredVersion:
        """There are none.

        Raises:
            InputError: always.
        """
        raise InputError(f"version {version} cannot be looked up without a registry: set MLFLOW_TRACKING_URI")

    def champion(self) -> RegisteredVersion | None:
        """There is none."""
        return None

    def set_champion(self, version: str) -> None:
        """Nothing to do."""

    def fetch(self, run_id: str, under: str, target: Path) -> Path:
        """There is nothing.

        Raises:
            InputError: always.
        """
        raise InputError("there are no files to fetch without a tracking server: set MLFLOW_TRACKING_URI")


@contextmanager
def fails_with_job(tracker: Tracker, run_id: str) -> Iterator[None]:
    """Mark a run as failed when the job does; a retry that succeeds ends it well all the same.

    Args:
        tracker: keeps the run.
        run_id: of the job's run or of the execution's; empty for none.
    """
    try:
        yield
    except Exception:
        with suppress(TrackingError):  # the job's own failure is the one to report
            if run_id:
                tracker.finish(run_id, FAILED)
        raise


def tracker_for(environment: JobEnvironment) -> Tracker:
    """The tracker that the environment names; without a tracking server, the one that keeps nothing."""
    if not environment.mlflow_tracking_uri:
        return NullTracker()
    from training_jobs.mlflow_rest import MlflowTracker  # noqa: PLC0415 - not needed without a server

    return MlflowTracker.for_environment(environment)
