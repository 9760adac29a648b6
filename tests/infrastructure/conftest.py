"""Templates of every stage, synthesised at most once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infrastructure.templates import Json, assembly, read


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of a session share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent / "shared"


@pytest.fixture(scope="session")
def templates_of(session_folder: Path) -> Callable[[str], dict[str, Json]]:
    """A stage's templates."""
    return lambda stage: read(assembly(stage, session_folder))
