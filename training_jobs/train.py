"""Train one candidate, and say how good it is on the validation fold.

Reads the channel ``prepared``. Fits the candidate without the validation fold and measures it there, or with --refit
on everything. Prints the metrics that the state machine reads, and leaves the artefact with the fitted recipe's own
scores in the model folder. Options that are not given are taken from the job's hyperparameters.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from moderation.labels import LABELS
from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError
from training_jobs.folders import Folders
from training_jobs.folds import VALIDATION_FOLD, text_hashes
from training_jobs.measures import Measures, columns_of, measure
from training_jobs.pictures import draw_calibration, draw_confusion
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.recalibrated import fit_recalibrated
from training_jobs.tracking import FINISHED, Tracker, fails_with_job, tracker_for
from training_jobs.trained import ARTEFACT_FOLDER, RECALIBRATED, Trained, TrainingRecord, spread, write_trained

log = logging.getLogger(__name__)

DEFAULT_SEED: Final = 7

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TrainingSettings:
    """What to train.

    Attributes:
        candidate: name of the recipe.
        refit: fit on everything, the validation fold included.
        seed: of everything random.
    """

    candidate: str
    refit: bool = False
    seed: int = DEFAULT_SEED


def train(
    folders: Folders, tracker: Tracker, settings: TrainingSettings, progress: Progress | None = None
) -> TrainingRecord:
    """Do the work of the step; see the module.

    Raises:
        InputError: the candidate is unknown, cannot be served though it is to be, or the data is damaged.
    """
    _check(settings)
    prepared = read_prepared(folders.channel("prepared"))
    parent = prepared.summary.run_id
    run_id = tracker.start_run(
        f"refit {settings.candidate}" if settings.refit else settings.candidate,
        parent=parent,
        tags={"job": "refit" if settings.refit else "candidate", "data_sha256": prepared.summary.data_sha256},
    )
    with fails_with_job(tracker, parent), fails_with_job(tracker, run_id):
        if settings.candidate == RECALIBRATED:
            trained = fit_recalibrated(
                folders.model, prepared, tracker, refit=settings.refit, seed=settings.seed, run_id=run_id
            )
        else:
            trained = _fit(folders.model, prepared, settings, run_id, progress or _log_progress)
        write_trained(trained)
        _track(tracker, trained, prepared)
    tracker.finish(run_id, FINISHED)
    return trained.record


def _check(settings: TrainingSettings) -> None:
    from training_jobs.candidates import CANDIDATES  # noqa: PLC0415 - --help need not wait for scikit-learn

    if settings.candidate == RECALIBRATED:
        return
    if settings.candidate not in CANDIDATES:
        raise InputError(f"there is no candidate {settings.candidate!r}; there are {', '.join(sorted(CANDIDATES))}")
    if settings.refit and not CANDIDATES[settings.candidate].servable:
        raise InputError(f"{settings.candidate} is a baseline that cannot be served, so there is no use in a refit")


def _fit(folder: Path, prepared: Prepared, settings: TrainingSettings, run_id: str, progress: Progress) -> Trained:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    from training_jobs.candidates import CANDIDATES, fit  # noqa: PLC0415 - as above

    everything = np.arange(prepared.summary.rows)
    validation = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    learnt = everything if settings.refit else np.flatnonzero(prepared.folds != VALIDATION_FOLD)
    scored = spread(prepared.summary.rows) if settings.refit else validation
    started = time.perf_counter()
    with threadpool_limits(limits=1):  # sparse arithmetic gains nothing from more, which wait busily for each other
        fitted = fit(
            settings.candidate,
            prepared.texts_at(learnt),
            prepared.labels_at(learnt),
            groups=prepared.groups[learnt].tolist(),
            seed=settings.seed,
            data_sha256=prepared.summary.data_sha256,
            progress=progress,
        )
    seconds = time.perf_counter() - started
    scores = fitted.score(prepared.texts_at(scored))
    record = TrainingRecord(
        candidate=settings.candidate,
        refit=settings.refit,
        seed=settings.seed,
        servable=fitted.model is not None,
        rows=len(learnt),
        seconds=round(seconds, 3),
        data_sha256=prepared.summary.data_sha256,
        artefact_sha256=fitted.model.save(folder / ARTEFACT_FOLDER) if fitted.model is not None else "",
        parameters=dict(CANDIDATES[settings.candidate].parameters()),
        measures=None if settings.refit else measure(scores, prepared.labels_at(scored)),
        run_id=run_id,
    )
    return Trained(folder, record, scored, scores, np.sort(text_hashes(prepared.texts_at(learnt))))


def _track(tracker: Tracker, trained: Trained, prepared: Prepared) -> None:
    record = trained.record
    if not record.run_id:
        return
    parameters: dict[str, object] = {
        **record.parameters, "candidate": record.candidate, "refit": record.refit, "seed": record.seed,
        "rows": record.rows, "data_sha256": record.data_sha256,
    }  # fmt: skip
    figures = record.measures.flat() if record.measures else {}
    tracker.log(record.run_id, parameters=parameters, metrics={**figures, "fit_seconds": record.seconds})
    if record.measures:
        with tempfile.TemporaryDirectory() as folder:
            _draw(record.measures, trained, prepared, Path(folder))
            tracker.log_files(record.run_id, Path(folder), "validation")


def _draw(measures: Measures, trained: Trained, prepared: Prepared, folder: Path) -> None:
    title = f"{trained.record.candidate}: macro-F1 {measures.macro_f1:.3f} on {measures.rows:,} unseen rows"
    draw_confusion(measures.confusion, title, folder / "confusion_matrix.png")
    truth = columns_of(prepared.labels_at(trained.rows))
    draw_calibration(
        trained.scores, truth, f"calibration: ECE {measures.calibration_error:.3f}", folder / "calibration.png"
    )


def print_metrics(record: TrainingRecord) -> None:
    """Print the lines that SageMaker's metric definitions pick up (see the job's MetricDefinitions)."""
    log.info("fitted %s on %d rows in %.1f s", record.candidate, record.rows, record.seconds)
    if record.measures:
        print(f"validation:macro_f1={record.measures.macro_f1:.4f}")
        print(f"validation:accuracy={record.measures.accuracy:.4f}")
        for label in LABELS:
            print(f"validation:f1_{label.value}={record.measures.classes[label].f1:.4f}")
    print(f"servable={int(record.servable)}", flush=True)


def _log_progress(stage: str, share: float) -> None:
    log.info("%3.0f%% %s", 100 * share, stage)


def settings_from(arguments: argparse.Namespace, hyperparameters: Mapping[str, str]) -> TrainingSettings:
    """What to train: options, and for those not given the job's hyperparameters.

    Raises:
        InputError: a hyperparameter is unknown or has no meaning, or no candidate is named.
    """
    unknown = set(hyperparameters) - {"candidate", "refit", "seed"}
    if unknown:
        raise InputError(f"unknown hyperparameters: {', '.join(sorted(unknown))}")
    candidate = arguments.candidate or hyperparameters.get("candidate", "")
    if not candidate:
        raise InputError("name a candidate, with --candidate or as a hyperparameter")
    refit = hyperparameters.get("refit", "false").lower()
    if refit not in {"true", "false"}:
        raise InputError(f"the hyperparameter refit must be true or false, not {refit!r}")
    seed = str(arguments.seed if arguments.seed is not None else hyperparameters.get("seed", DEFAULT_SEED))
    if not seed.isdecimal():
        raise InputError(f"the seed must be a whole number from 0, not {seed!r}")
    return TrainingSettings(candidate, arguments.refit or refit == "true", int(seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step from the command line; returns the exit code."""
    parser = entrypoint.parser("training_jobs.train", __doc__)
    parser.add_argument("--candidate", help="name of the recipe, for example linear_svm")
    parser.add_argument("--refit", action="store_true", help="fit on everything, the validation fold included")
    parser.add_argument("--seed", type=int, help=f"of everything random (default {DEFAULT_SEED})")
    # Images that come without an entry point of the request's own are run by SageMaker as `image train`.
    parser.add_argument("sagemaker", nargs="?", choices=["train"], help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)

    def work(folders: Folders) -> None:
        settings = settings_from(parsed, folders.hyperparameters())
        print_metrics(train(folders, tracker_for(JobEnvironment.from_environment()), settings))

    return entrypoint.run(work)


if __name__ == "__main__":
    sys.exit(main())
