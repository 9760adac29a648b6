"""Where an evaluation's model and tweets come from, each checked before any long work."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from moderation.errors import BadArtefactError
from moderation.manifest import MANIFEST_FILE
from moderation.messages import timestamp
from moderation.model import Model, load
from training_jobs.errors import InputError
from training_jobs.evaluation.exam import Exam, ForeignTweets
from training_jobs.evaluation.findings import FIGURES_FILE, Standing, Subject
from training_jobs.evaluation.judge import Judge
from training_jobs.floors import SMALL_DATA
from training_jobs.local_run import LocalRun, choose
from training_jobs.prepared import Prepared
from training_jobs.trained import TrainingRecord

Report = Callable[[str, float], None]

FOREIGN_COLUMNS: Final = ("class", "tweet")
HARMFUL_CLASSES: Final = {"0": True, "1": True, "2": False}
"""The classes of Davidson et al., "Automated Hate Speech Detection and the Problem of Offensive Language" (ICWSM 2017):
hate speech and offensive language count as harmful, neither does not."""


def check_places(data: Path, model: Path | None, out_of_domain: Path | None, out: Path) -> None:
    """Refuse at once what would only fail after the work.

    Raises:
        InputError: there is no data, no model, or the output folder holds something else.
    """
    if not data.exists():
        raise InputError(f"there is no file or folder {data}; name labelled tweets with DATA=file.csv")
    if model is not None and not (model / MANIFEST_FILE).is_file():
        raise InputError(f"{model} is not a model: it has no {MANIFEST_FILE}; `make train OUT={model}` makes one")
    if out_of_domain is not None and not out_of_domain.is_file():
        raise InputError(f"there is no file {out_of_domain}; name a CSV file with OUT_OF_DOMAIN=file.csv")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with OUT=folder")
    if out.is_dir() and any(out.iterdir()) and not (out / FIGURES_FILE).is_file():
        raise InputError(f"{out} holds something that is not an evaluation; name another folder with OUT=folder")


def unseen(data: Path, candidate: str | None, seed: int, work: Path, report: Report) -> Exam:
    """The best servable candidate's validation twin, and the fold that it has not seen.

    Args:
        data: a CSV file, or a folder of them.
        candidate: train this one only.
        seed: of everything random.
        work: a folder for the jobs.
        report: told what is going on and the share of the work that is done, from 0 to 1.

    Raises:
        InputError: the data is at fault, or there is no such candidate.
    """
    run = LocalRun(work, seed, report)
    return measured(run, data, run.compare(data, _servable(candidate)), seed)


def measured(run: LocalRun, data: Path, records: Sequence[TrainingRecord], seed: int) -> Exam:
    """The best servable candidate of a run, and the fold that it has not seen.

    Args:
        run: which prepared the data and trained the candidates.
        data: that it did this with.
        records: of the candidates.
        seed: of everything random.
    """
    best = choose(records)
    prepared, trained = run.prepared(), run.trained(best.candidate)
    model = _loaded(trained.artefact)
    subject = _subject(
        model,
        data,
        prepared,
        standing=Standing.UNSEEN,
        rows=len(trained.rows),
        fitted_on=best.rows,
        seed=seed,
        compared={record.candidate: record.measures.macro_f1 for record in records if record.measures},
    )
    judge = Judge(model, model.manifest.thresholds)
    return Exam(judge, subject, prepared.texts_at(trained.rows), prepared.labels_at(trained.rows))


def given(data: Path, artefact: Path, seed: int, work: Path, report: Report) -> Exam:
    """An artefact, and every row of the data that can be learnt from.

    Args:
        data: a CSV file, or a folder of them.
        artefact: the model's folder.
        seed: of everything random.
        work: a folder for the job that prepares the data.
        report: told what is going on and the share of the work that is done, from 0 to 1.

    Raises:
        InputError: the data or the model is at fault.
    """
    model = _loaded(artefact)
    run = LocalRun(work, seed, report)
    run.compare(data, ())
    prepared = run.prepared()
    rows = prepared.summary.rows
    known = model.manifest.data_sha256 == prepared.summary.data_sha256
    subject = _subject(
        model,
        data,
        prepared,
        standing=Standing.TRAINED_ON if known else Standing.UNKNOWN,
        rows=rows,
        fitted_on=rows if known else 0,
        seed=seed,
        compared={},
    )
    return Exam(Judge(model, model.manifest.thresholds), subject, prepared.texts, prepared.labels)


def read_foreign(file: Path) -> ForeignTweets:
    """Read tweets of another source: columns ``class`` (0 and 1 harmful, 2 harmless) and ``tweet``; others are ignored.

    Raises:
        InputError: the file is not to this form; names the row, never its text.
    """
    texts, harmful = [], []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [column for column in FOREIGN_COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{file.name}: row 1 names no column {' and no column '.join(missing)}")
            for row, fields in enumerate(reader, start=2):
                kind = HARMFUL_CLASSES.get((fields["class"] or "").strip())
                if kind is None:
                    raise InputError(
                        f"{file.name}: row {row} with a class that is none of {', '.join(HARMFUL_CLASSES)}"
                    )
                if not fields["tweet"]:
                    raise InputError(f"{file.name}: row {row} has no tweet")
                texts.append(fields["tweet"])
                harmful.append(kind)
    except UnicodeDecodeError:
        raise InputError(f"{file.name}: not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{file.name} cannot be read ({error}); is a quotation mark left open?") from None
    if len(set(harmful)) < len({*HARMFUL_CLASSES.values()}):
        raise InputError(f"{file.name}: there must be harmful tweets (class 0 or 1) and harmless ones (class 2)")
    return ForeignTweets(file.name, texts, np.array(harmful))


def _servable(candidate: str | None) -> tuple[str, ...]:
    from training_jobs.candidates import CANDIDATES  # noqa: PLC0415 - --help need not wait for it

    names = tuple(name for name, recipe in CANDIDATES.items() if recipe.servable)
    if candidate is None:
        return names
    if candidate not in names:
        raise InputError(f"there is no servable candidate {candidate!r}; there are {', '.join(names)}")
    return (candidate,)


def _loaded(artefact: Path) -> Model:
    try:
        return load(artefact)
    except BadArtefactError as error:
        raise InputError(f"{artefact} cannot be used: {error}") from None


def _subject(
    model: Model,
    data: Path,
    prepared: Prepared,
    *,
    standing: Standing,
    rows: int,
    fitted_on: int,
    seed: int,
    compared: dict[str, float],
) -> Subject:
    return Subject(
        candidate=model.manifest.candidate,
        standing=standing,
        data=data.name,
        data_sha256=prepared.summary.data_sha256,
        rows=rows,
        read=prepared.summary.read,
        fitted_on=fitted_on,
        small=prepared.summary.rows < SMALL_DATA,
        compared=compared,
        code_version=model.manifest.code_version,
        model_created_at=model.manifest.created_at,
        evaluated_at=timestamp(datetime.now(UTC)),
        seed=seed,
    )
