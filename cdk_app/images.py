"""Tags of the container images: a digest of what goes into each, worked out without Docker.

The same sources give the same tag on every machine, so a deployment changes a function only when its code changed, and
an image that is in the registry already is never built again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_TAG_LENGTH: Final = 16
_NOT_SOURCE: Final = {"__pycache__", ".mypy_cache", ".ruff_cache"}


@dataclass(frozen=True, slots=True)
class Image:
    """A container image.

    Attributes:
        name: of its repository within the stage.
        folder: holds the Dockerfile.
        sources: the other folders that are copied into it.
    """

    name: str
    folder: str
    sources: tuple[str, ...] = ()

    def tag(self, root: Path = ROOT) -> str:
        """The digest of everything that goes into the image, as a tag."""
        digest = hashlib.sha256()
        for path in self._files(root):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
        return digest.hexdigest()[:_TAG_LENGTH]

    def _files(self, root: Path) -> Iterator[Path]:
        for folder in sorted({self.folder, *self.sources}):
            yield from sorted(
                path
                for path in (root / folder).rglob("*")
                if path.is_file() and not _NOT_SOURCE.intersection(path.parts) and path.suffix != ".pyc"
            )


LAMBDAS: Final = Image("lambdas", folder="lambdas", sources=("moderation",))
TRAINING: Final = Image("training", folder="training_jobs", sources=("moderation",))
MLFLOW: Final = Image("mlflow", folder="tracking")
MONITORING: Final = Image("monitoring", folder="monitoring", sources=("moderation",))
INGEST: Final = Image("ingest", folder="ingest", sources=("moderation",))

IMAGES: Final = (LAMBDAS, TRAINING, MLFLOW, MONITORING, INGEST)
