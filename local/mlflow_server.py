"""The MLflow server of the local stage: SQLite, artefacts in a folder, one worker, no telemetry.

A fresh database takes seconds to migrate, so an empty one is kept per version of MLflow and copied.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Final

from local import paths, ports
from local.errors import LocalError
from local.processes import Child, Supervisor

_START_SECONDS: Final = 180.0


def launch(supervisor: Supervisor, *, port: int = 0) -> tuple[str, Child]:
    """Start the server with an empty registry; it answers some seconds later, see :func:`wait`.

    Args:
        supervisor: owns the process.
        port: to listen on; 0 for any free one.

    Raises:
        LocalError: the port is taken.
    """
    chosen = ports.choose("the MLflow server", port)
    shutil.rmtree(paths.MLFLOW, ignore_errors=True)
    paths.MLFLOW.mkdir(parents=True)
    database = paths.MLFLOW / "mlflow.db"
    empty = _empty_database()
    if empty.exists():
        shutil.copy(empty, database)
    child = supervisor.start(
        "mlflow",
        [
            paths.PYTHON,
            "-m",
            "mlflow",
            "server",
            "--host",
            ports.LOOPBACK,
            "--port",
            str(chosen),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{database}",
            "--artifacts-destination",
            str(paths.MLFLOW / "artefacts"),
        ],
        environment={
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "*",
        },
        cwd=paths.MLFLOW,
        log=paths.LOGS / "mlflow.log",
    )
    return f"http://{ports.LOOPBACK}:{chosen}", child


def wait(supervisor: Supervisor, address: str, child: Child) -> None:
    """Wait until the server answers.

    Raises:
        LocalError: it ended, or did not answer in time.
        StoppedError: the stage is being stopped.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(int(_START_SECONDS / 0.2)):
        if child.poll() is not None:
            break
        try:
            with opener.open(f"{address}/health", timeout=5):
                _keep_empty_database()
                return
        except (urllib.error.URLError, OSError):
            supervisor.pause(0.2)
    supervisor.check()
    raise LocalError(f"the MLflow server did not start; the end of {child.log}:\n{child.tail()}")


def _empty_database() -> Path:
    return paths.HOME / f"mlflow-{version('mlflow')}-empty.db"


def _keep_empty_database() -> None:
    """Keep a copy of the migrated database, before anything is written to it."""
    if not _empty_database().exists():
        beside = _empty_database().with_suffix(f".{os.getpid()}")  # another stage may be at the same
        shutil.copy(paths.MLFLOW / "mlflow.db", beside)
        beside.replace(_empty_database())
