"""The models that are measured, all of them trained on the same rows; the rest of the rows are what they classify."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import original, study, tweets
from benchmarks.sides import ORIGINAL, OURS, STUDY
from moderation import model
from moderation.labels import LABELS, Label
from training_jobs.candidates import CANDIDATES, LEAST_PER_CLASS, fit
from training_jobs.local_run import LocalRun
from training_jobs.train import DEFAULT_SEED

Report = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """The models.

    Attributes:
        folders: of each side's model.
        candidate: the recipe of ours.
        why: how it came to be that one, in words.
    """

    folders: dict[str, Path]
    candidate: str
    why: str


def train(rows: tweets.Rows, work: Path, *, given: Path | None, candidate: str | None, report: Report) -> Trained:
    """Train every side's model.

    Args:
        rows: to train on.
        work: folder for the models.
        given: an artefact to serve instead of training one.
        candidate: the recipe to serve instead of the one that wins.
        report: told what is going on.

    Raises:
        BadArtefactError: ``given`` is no artefact.
        BadDataError: a class has too few rows.
        JobError: the recipes could not compete on these rows.
    """
    folders = {side: work / side for side in (OURS, STUDY, ORIGINAL)}
    _check_classes(rows)
    served = model.load(given).manifest.candidate if given is not None else ""
    report("training the original's model")
    original.train(rows.texts, rows.labels, folders[ORIGINAL])
    report("training the study's pipeline")
    study.train(rows.texts, rows.labels, folders[STUDY])
    if given is not None:
        folders[OURS] = given
        return Trained(folders, served, "as given")
    if candidate is not None:
        report(f"training {candidate}")
        _fit(rows, candidate, folders[OURS])
        return Trained(folders, candidate, "as asked for")
    winner = _compete(rows, work, folders[OURS], report)
    return Trained(folders, winner, f"which won against the other {len(CANDIDATES) - 1} recipes on these rows")


def _check_classes(rows: tweets.Rows) -> None:
    counts = Counter(rows.labels)
    few = [label for label in LABELS if counts[label] < LEAST_PER_CLASS]
    if few:
        raise tweets.BadDataError(f"too few rows to train on of {', '.join(few)}: {LEAST_PER_CLASS} each are needed")


def _fit(rows: tweets.Rows, candidate: str, folder: Path) -> None:
    labels = [Label(label) for label in rows.labels]
    digest = hashlib.sha256("\n".join(rows.texts).encode("utf-8", "surrogatepass")).hexdigest()
    groups = list(range(len(labels)))
    fitted = fit(candidate, rows.texts, labels, groups=groups, seed=DEFAULT_SEED, data_sha256=digest)
    assert fitted.model is not None  # noqa: S101 - the command line offers no others
    fitted.model.save(folder)


def _compete(rows: tweets.Rows, work: Path, folder: Path, report: Report) -> str:
    """Train as ``make train`` does; the speed is of interest whether or not the model would pass the gate."""
    data = work / "rows.csv"
    with data.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((tweets.TEXT, tweets.LABEL))
        writer.writerows(zip(rows.texts, rows.labels, strict=True))
    run = LocalRun(work / "training", DEFAULT_SEED, lambda what, _share: report(what))
    outcome = run.run(data)
    run.write(outcome, folder)
    return outcome.refit.candidate


def servable() -> Sequence[str]:
    """The recipes that can be served."""
    return [name for name, candidate in CANDIDATES.items() if candidate.servable]
