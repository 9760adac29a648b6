"""Register a model that passed the gate: the artefact, its validation twin and a model card, as one version.

Reads the processing inputs ``prepared``, ``model``, ``candidate`` and ``evaluation``. The files are kept first and the
version made last, so that a version that exists is whole; a repeated job finds the version it made before.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from moderation.model import load
from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError
from training_jobs.evaluate import read_evaluation
from training_jobs.folders import Folders, unpacked
from training_jobs.gate import Evaluation
from training_jobs.model_card import model_card
from training_jobs.prepared import Summary, read_summary
from training_jobs.tracking import EVALUATION_FOLDER, MODEL_FOLDER, TWIN_FOLDER, Tracker, fails_with_job, tracker_for
from training_jobs.trained import Trained, read_trained

log = logging.getLogger(__name__)

CARD_FOLDER: Final = "card"
CARD_FILE: Final = "model_card.md"


def register(folders: Folders, tracker: Tracker, environment: JobEnvironment) -> str:
    """Do the work of the step; returns the version.

    Raises:
        InputError: an input is missing or damaged, or the model did not pass the gate.
        BadArtefactError: the artefact is not what training wrote.
    """
    summary = read_summary(folders.processing_input("prepared"))
    with fails_with_job(tracker, summary.run_id):
        return _register(folders, tracker, environment, summary)


def _register(folders: Folders, tracker: Tracker, environment: JobEnvironment, summary: Summary) -> str:
    refit = read_trained(unpacked(folders.processing_input("model")))
    twin = read_trained(unpacked(folders.processing_input("candidate")))
    evaluation_folder = folders.processing_input("evaluation")
    evaluation = read_evaluation(evaluation_folder)
    if not evaluation.passed:
        raise InputError(f"a model that did not pass the gate is not registered: {evaluation.why}")
    card = model_card(
        refit.record,
        load(refit.artefact, sha256=refit.record.artefact_sha256).manifest,
        summary,
        evaluation,
        environment,
    )
    if refit.record.run_id:
        _keep_files(tracker, refit, twin, evaluation_folder, card)
    version = tracker.register(refit.record.run_id, description=card, tags=_tags(refit, evaluation, environment))
    _note(tracker, summary, version)
    log.info("registered %s version %s (%s)", environment.registered_model, version, refit.record.candidate)
    folders.write_message({"version": version})
    return version


def _keep_files(tracker: Tracker, refit: Trained, twin: Trained, evaluation: Path, card: str) -> None:
    run_id = refit.record.run_id
    tracker.log_files(run_id, refit.artefact, MODEL_FOLDER)
    tracker.log_files(run_id, twin.folder, TWIN_FOLDER)
    tracker.log_files(run_id, evaluation, EVALUATION_FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CARD_FILE).write_text(card, encoding="utf-8")
        tracker.log_files(run_id, Path(folder), CARD_FOLDER)


def _tags(refit: Trained, evaluation: Evaluation, environment: JobEnvironment) -> dict[str, str]:
    tags = {
        "artefact_sha256": refit.record.artefact_sha256,
        "candidate": refit.record.candidate,
        "data_sha256": refit.record.data_sha256,
        "execution": environment.retrain_execution,
        "stage": environment.stage,
    }
    if evaluation.measures:
        tags["macro_f1"] = f"{evaluation.measures.macro_f1:.4f}"
    return tags


def _note(tracker: Tracker, summary: Summary, version: str) -> None:
    if summary.run_id:
        tracker.log(summary.run_id, tags={"registered_version": version})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step from the command line; returns the exit code."""
    entrypoint.parser("training_jobs.register", __doc__).parse_args(arguments)

    def work(folders: Folders) -> None:
        environment = JobEnvironment.from_environment()
        register(folders, tracker_for(environment), environment)

    return entrypoint.run(work)


if __name__ == "__main__":
    sys.exit(main())
