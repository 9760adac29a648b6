"""What a training job leaves behind, and what the later jobs read: ``model.tar.gz``, unpacked.

* ``training.json``: what was done, and the figures;
* ``artefact/``: the model to serve (not for a baseline that cannot be served);
* ``scores.npz``: rows of the prepared data and their scores, straight from the fitted recipe, before anything was
  saved. Scoring the same rows with the loaded artefact must give the same figures;
* ``trained_on.npy``: hashes of the texts it was fitted on, so that nobody compares it on what it has seen.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from training_jobs.errors import InputError
from training_jobs.measures import Measures

ARTEFACT_FOLDER: Final = "artefact"
RECORD_FILE: Final = "training.json"
SCORES_FILE: Final = "scores.npz"
TRAINED_ON_FILE: Final = "trained_on.npy"
SCHEMA_VERSION: Final = 1

BASELINE: Final = "published_study"
"""The candidate that the chosen one is held against; never served itself."""

RECALIBRATED: Final = "recalibrated"
"""The candidate that is the champion, adapted to reviewed tweets."""


PARITY_ROWS: Final = 512
"""How many rows a refit scores, spread over the data, for the parity of training and serving to be checked on."""


def spread(rows: int) -> NDArray[np.int64]:
    """At most :data:`PARITY_ROWS` of this many rows, evenly."""
    return np.unique(np.linspace(0, rows - 1, min(rows, PARITY_ROWS)).astype(np.int64))


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a training job did.

    Attributes:
        candidate: the recipe.
        refit: whether it was fitted on everything, or without the validation fold.
        seed: of everything random.
        servable: whether there is an artefact.
        rows: it was fitted on.
        seconds: the fit took.
        data_sha256: of the prepared data.
        artefact_sha256: of the artefact's manifest; empty without one.
        parameters: of the recipe.
        measures: on the validation fold; None for a refit, which has seen it.
        run_id: of the tracking run; empty without a tracking server.
    """

    schema_version: int = SCHEMA_VERSION
    candidate: str
    refit: bool
    seed: int
    servable: bool
    rows: int
    seconds: float
    data_sha256: str
    artefact_sha256: str
    parameters: dict[str, str | int | float | bool | None]
    measures: Measures | None
    run_id: str = ""


@dataclass(frozen=True)
class Trained:
    """A training job's result.

    Attributes:
        folder: it lies in.
        record: what was done.
        rows: shape (scored,), indices of prepared rows.
        scores: shape (scored, classes), the fitted recipe's scores of these rows.
        trained_on: shape (fitted,), sorted hashes of the texts it was fitted on.
    """

    folder: Path
    record: TrainingRecord
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    trained_on: NDArray[np.uint64]

    @property
    def artefact(self) -> Path:
        """The folder of the model to serve."""
        return self.folder / ARTEFACT_FOLDER


def write_trained(trained: Trained) -> None:
    """Write everything but the artefact; the record last, so that a folder that has one is whole."""
    np.savez_compressed(trained.folder / SCORES_FILE, rows=trained.rows, scores=trained.scores)
    np.save(trained.folder / TRAINED_ON_FILE, trained.trained_on, allow_pickle=False)
    (trained.folder / RECORD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(trained.record)))


def read_trained(folder: Path) -> Trained:
    """Read a training job's result.

    Raises:
        InputError: a file is missing or damaged, or it was written by other code.
    """
    try:
        record = msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=TrainingRecord)
        with np.load(folder / SCORES_FILE, allow_pickle=False) as archive:
            rows, scores = archive["rows"], archive["scores"]
        trained_on = np.load(folder / TRAINED_ON_FILE, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"the training result has no {Path(str(error.filename)).name}") from None
    except (msgspec.DecodeError, ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"the training result is not readable: {error}") from None
    if record.schema_version != SCHEMA_VERSION:
        raise InputError(f"the training result is of version {record.schema_version}; this code reads {SCHEMA_VERSION}")
    return Trained(folder, record, rows, scores, trained_on)
