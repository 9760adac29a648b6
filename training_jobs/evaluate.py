"""Decide whether a model may be promoted: load it as serving will, measure it, compare it with the champion.

Reads the processing inputs ``prepared``, ``model`` (the refit), ``candidate`` (the same recipe fitted without the
validation fold) and ``baseline`` (the published recipe, fitted likewise), writes the processing output ``evaluation``:
``evaluation.json`` and pictures. A model that does not pass is a result (``passed: false``), not a failure of the job.
The champion is compared by its own validation twin, and only on rows that this twin has not seen.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from moderation.model import load
from moderation.reference import REFERENCE_FILE, reference_verdicts, write_reference
from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, TrackingError
from training_jobs.folders import Folders, unpacked
from training_jobs.folds import VALIDATION_FOLD
from training_jobs.gate import Champion, Evaluation, judge
from training_jobs.measures import Measures, columns_of
from training_jobs.pictures import draw_calibration, draw_confusion
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.tracking import EVALUATION_FOLDER, FINISHED, TWIN_FOLDER, Tracker, fails_with_job, tracker_for
from training_jobs.trained import Trained, read_trained

log = logging.getLogger(__name__)

EVALUATION_FILE: Final = "evaluation.json"


def evaluate(folders: Folders, tracker: Tracker) -> Evaluation:
    """Do the work of the step; see the module.

    Raises:
        InputError: an input is missing or damaged.
    """
    prepared = read_prepared(folders.processing_input("prepared"))
    with fails_with_job(tracker, prepared.summary.run_id):
        return _evaluate(folders, tracker, prepared)


def _evaluate(folders: Folders, tracker: Tracker, prepared: Prepared) -> Evaluation:
    refit = read_trained(unpacked(folders.processing_input("model")))
    candidate = read_trained(unpacked(folders.processing_input("candidate")))
    baseline = read_trained(unpacked(folders.processing_input("baseline")))
    with tempfile.TemporaryDirectory() as scratch:
        evaluation = judge(prepared, refit, candidate, _champion(tracker, Path(scratch)), baseline)
    output = folders.processing_output("evaluation")
    (output / EVALUATION_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(evaluation)))
    if evaluation.measures:
        _draw(evaluation.measures, prepared, candidate, output)
    for check in evaluation.checks:
        log.info("%s %s: %s", "passed" if check.passed else "FAILED", check.name, check.detail)
    _track(tracker, prepared.summary.run_id, evaluation, output)
    if evaluation.measures:
        _write_reference(prepared, candidate, output)  # after tracking: it holds tweets, the run is for figures
    macro_f1 = round(evaluation.measures.macro_f1, 4) if evaluation.measures else 0.0
    folders.write_message({"passed": evaluation.passed, "macro_f1": macro_f1, "why": evaluation.why})
    return evaluation


def read_evaluation(folder: Path) -> Evaluation:
    """Read what the gate found.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return msgspec.json.decode((folder / EVALUATION_FILE).read_bytes(), type=Evaluation)
    except FileNotFoundError:
        raise InputError(f"the evaluation has no {EVALUATION_FILE}") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{EVALUATION_FILE} is not readable: {error}") from None


def _champion(tracker: Tracker, scratch: Path) -> Champion | None:
    """The champion's validation twin. One that cannot be had must not stop every retrain, so it is only reported."""
    registered = tracker.champion()
    if registered is None:
        return None
    try:
        return Champion(registered.version, read_trained(tracker.fetch(registered.run_id, TWIN_FOLDER, scratch)))
    except (TrackingError, InputError) as error:
        return Champion(registered.version, None, str(error))


def _draw(measures: Measures, prepared: Prepared, candidate: Trained, output: Path) -> None:
    rows = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    name = candidate.record.candidate
    title = f"{name}: macro-F1 {measures.macro_f1:.3f} on {measures.rows:,} unseen rows"
    draw_confusion(measures.confusion, title, output / "confusion_matrix.png")
    if np.array_equal(candidate.rows, rows):
        truth = columns_of(prepared.labels_at(rows))
        title = f"calibration: ECE {measures.calibration_error:.3f}"
        draw_calibration(candidate.scores, truth, title, output / "calibration.png")


def _write_reference(prepared: Prepared, candidate: Trained, output: Path) -> None:
    """Keep the twin's verdicts on tweets it has not seen: what monitoring compares live verdicts with."""
    thresholds = load(candidate.artefact).manifest.thresholds
    texts, labels = prepared.texts_at(candidate.rows), prepared.labels_at(candidate.rows)
    write_reference(output / REFERENCE_FILE, reference_verdicts(texts, labels, candidate.scores, thresholds))


def _track(tracker: Tracker, run_id: str, evaluation: Evaluation, output: Path) -> None:
    if not run_id:
        return
    tracker.log_files(run_id, output, EVALUATION_FOLDER)
    outcome = {} if evaluation.passed else {"outcome": "rejected"}
    tracker.log(
        run_id, metrics=evaluation.flat(), tags={"gate": "passed" if evaluation.passed else "failed", **outcome}
    )
    if not evaluation.passed:
        tracker.finish(run_id, FINISHED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step from the command line; returns the exit code."""
    entrypoint.parser("training_jobs.evaluate", __doc__).parse_args(arguments)

    def work(folders: Folders) -> None:
        evaluate(folders, tracker_for(JobEnvironment.from_environment()))

    return entrypoint.run(work)


if __name__ == "__main__":
    sys.exit(main())
