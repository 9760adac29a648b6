"""The candidate that is the champion, adapted to the deployment's own reviewed tweets.

It competes only where there is a champion and where reviewed tweets lie among the data, in its folder ``reviewed/``:
`prepare` says so. Its validation twin is the champion's twin, recalibrated on the reviewed tweets outside the
validation fold; its refit is the champion itself, recalibrated on all of them. It is measured and gated like any other
candidate. Some rows change folds as data grow, so the champion's twin may have seen a few validation rows: these are
left out of its figures, and if they are many it is not to be chosen.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.labels import HARMLESS
from moderation.model import Model, load
from training_jobs.errors import InputError, TrackingError
from training_jobs.floors import MOST_LEFT_OUT
from training_jobs.folds import VALIDATION_FOLD, text_hashes
from training_jobs.measures import measure
from training_jobs.prepared import Prepared
from training_jobs.recalibrate import recalibrate
from training_jobs.reviewed import LEAST_PER_CLASS, ReviewedTweets, labels_sha256
from training_jobs.tracking import MODEL_FOLDER, TWIN_FOLDER, RegisteredVersion, Tracker
from training_jobs.trained import ARTEFACT_FOLDER, RECALIBRATED, Trained, TrainingRecord, read_trained, spread

log = logging.getLogger(__name__)


def enough_reviewed(prepared: Prepared) -> bool:
    """Whether the reviewed tweets outside the validation fold will do."""
    labels = prepared.labels_at(_reviewed(prepared, refit=False))
    harmless = labels.count(HARMLESS)
    return min(harmless, len(labels) - harmless) >= LEAST_PER_CLASS


def can_compete(prepared: Prepared, tracker: Tracker) -> bool:
    """Whether there are reviewed tweets enough, and a champion that this code can adapt.

    A champion that cannot be had, or that was trained for other code, must not stop every retrain: it is only logged.
    """
    champion = tracker.champion() if enough_reviewed(prepared) else None
    if champion is None:
        return False
    try:
        with tempfile.TemporaryDirectory() as scratch:
            load(read_trained(tracker.fetch(champion.run_id, TWIN_FOLDER, Path(scratch) / TWIN_FOLDER)).artefact)
    except (TrackingError, InputError, BadArtefactError) as error:
        log.warning("version %s is not recalibrated: %s", champion.version, error)
        return False
    return True


def fit_recalibrated(
    folder: Path, prepared: Prepared, tracker: Tracker, *, refit: bool, seed: int, run_id: str
) -> Trained:
    """Fit it; leaves the artefact in the folder.

    Args:
        folder: of the training job's model.
        prepared: the data.
        tracker: has the champion.
        refit: adapt the champion itself, on all reviewed tweets.
        seed: of the folds.
        run_id: of the tracking run.

    Raises:
        InputError: there is no champion, or there are too few reviewed tweets.
        TrackingError: the champion cannot be had.
    """
    champion = tracker.champion()
    if champion is None:
        raise InputError("there is no champion to recalibrate")
    if not enough_reviewed(prepared):
        raise InputError(f"fewer than {LEAST_PER_CLASS} reviewed tweets are harmful, or harmless: review more")
    rows = _reviewed(prepared, refit=refit)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        twin = read_trained(tracker.fetch(champion.run_id, TWIN_FOLDER, Path(scratch) / TWIN_FOLDER))
        parent, sha256 = _parent(tracker, champion, twin, Path(scratch), refit=refit)
    model = recalibrate(parent, sha256, _tweets(prepared, rows), seed).model
    validation = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    unseen = validation[prepared.unseen(validation, twin.trained_on)]
    scored = spread(prepared.summary.rows) if refit else unseen
    scores = model.score(prepared.texts_at(scored))
    servable = refit or len(validation) - len(unseen) <= MOST_LEFT_OUT * len(validation)
    record = TrainingRecord(
        candidate=RECALIBRATED,
        refit=refit,
        seed=seed,
        servable=servable,
        rows=len(rows),
        seconds=round(time.perf_counter() - started, 3),
        data_sha256=prepared.summary.data_sha256,
        artefact_sha256=model.save(folder / ARTEFACT_FOLDER) if servable else "",
        parameters={"parent_version": champion.version, "parent_candidate": parent.manifest.candidate},
        measures=measure(scores, prepared.labels_at(scored)) if len(scored) and not refit else None,
        run_id=run_id,
    )
    trained_on = np.union1d(twin.trained_on, text_hashes(prepared.texts_at(rows)))
    return Trained(folder, record, scored, scores, trained_on)


def _parent(
    tracker: Tracker, champion: RegisteredVersion, twin: Trained, scratch: Path, *, refit: bool
) -> tuple[Model, str]:
    """The model to adapt, with its digest."""
    if not refit:
        return load(twin.artefact, sha256=twin.record.artefact_sha256), twin.record.artefact_sha256
    sha256 = champion.tags.get("artefact_sha256", "")
    return load(tracker.fetch(champion.run_id, MODEL_FOLDER, scratch / MODEL_FOLDER), sha256=sha256), sha256


def _reviewed(prepared: Prepared, *, refit: bool) -> NDArray[np.int64]:
    return np.flatnonzero(prepared.reviewed & (refit | (prepared.folds != VALIDATION_FOLD)))


def _tweets(prepared: Prepared, rows: NDArray[np.int64]) -> ReviewedTweets:
    texts, labels = prepared.texts_at(rows), [label.value for label in prepared.labels_at(rows)]
    return ReviewedTweets(texts, labels, two_way=False, sha256=labels_sha256(texts, labels))
