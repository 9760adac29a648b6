"""The gate between training and promotion: every check, what it found, and the verdict.

A check that fails is a result, not an error: the job ends well, the state machine reads ``passed: false`` and the old
champion goes on serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.model import Model, load
from training_jobs.behaviour import Behaviour, behave
from training_jobs.conformal import Conformal, conformal
from training_jobs.floors import (
    LEAST_COMPARABLE_ROWS,
    MOST_LEFT_OUT,
    NOISE,
    PARITY_TOLERANCE,
    REFIT_SLACK,
    floors_for,
)
from training_jobs.folds import VALIDATION_FOLD, text_hashes
from training_jobs.measures import Difference, Measures, columns_of, measure, paired_difference
from training_jobs.prepared import Prepared
from training_jobs.trained import BASELINE, RECALIBRATED, Trained

_MAX_WHY: Final = 400


class Check(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        name: of what was looked at.
        passed: whether it was as it should be.
        detail: what was found, for a person.
    """

    name: str
    passed: bool
    detail: str


class Comparison(msgspec.Struct, frozen=True):
    """The challenger beside the champion, both by models that have not seen the rows.

    Attributes:
        champion: the champion's version.
        rows: that were compared.
        difference: in macro-F1, positive where the challenger is better.
    """

    champion: str
    rows: int
    difference: Difference


class BesideBaseline(msgspec.Struct, frozen=True):
    """The challenger's validation twin beside the baseline, fitted on the same rows and measured on the same fold.

    Attributes:
        baseline: name of the recipe.
        rows: that were compared.
        macro_f1: of the baseline.
        difference: in macro-F1, positive where the challenger is better.
    """

    baseline: str
    rows: int
    macro_f1: float
    difference: Difference


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate found.

    Attributes:
        passed: every check passed.
        why: in one sentence.
        checks: in the order they were made.
        measures: of the challenger on the validation fold; None if it could not be scored.
        comparison: with the champion; None if there was nothing to compare with.
        baseline: the challenger beside the baseline.
        behaviour: of the challenger: under attack, about groups of people, in decisions, in time.
        conformal: how sets of classes did; None as well if the fold has too few rows of a class.
    """

    passed: bool
    why: str
    checks: list[Check]
    measures: Measures | None = None
    comparison: Comparison | None = None
    baseline: BesideBaseline | None = None
    behaviour: Behaviour | None = None
    conformal: Conformal | None = None

    def flat(self) -> dict[str, float]:
        """Every figure under a name of its own, as a tracking server wants them."""
        figures: dict[str, float] = {}
        for part in (self.measures, self.behaviour, self.conformal):
            figures |= part.flat() if part else {}
        if self.comparison:
            figures["champion/difference"] = self.comparison.difference.mean
        if self.baseline:
            figures["baseline/macro_f1"] = self.baseline.macro_f1
            difference = self.baseline.difference
            figures |= {f"baseline/{name}": getattr(difference, name) for name in difference.__struct_fields__}
        return figures


@dataclass(frozen=True)
class Champion:
    """The champion's validation twin, for comparison.

    Attributes:
        version: of the champion.
        trained: the twin; None if it could not be had.
        trouble: why not.
    """

    version: str
    trained: Trained | None
    trouble: str = ""


def judge(
    prepared: Prepared, refit: Trained, candidate: Trained, champion: Champion | None, baseline: Trained
) -> Evaluation:
    """Make every check.

    Args:
        prepared: the data.
        refit: the model to serve, fitted on everything.
        candidate: its validation twin: the same recipe, fitted without the validation fold.
        champion: what serves now; None before the first promotion.
        baseline: the published recipe, fitted without the validation fold.
    """
    checks = [
        _same_origin(prepared, refit, candidate),
        _fold_unseen(prepared, candidate),
        _baseline_fits(prepared, baseline),
    ]
    to_serve, parity = _load("the artefact", refit, prepared)
    twin, twin_parity = _load("the validation twin", candidate, prepared)
    checks += [parity, twin_parity]
    if to_serve is None or twin is None or not all(check.passed for check in checks):
        return _verdict(checks)
    rows = _rows(prepared, candidate)
    texts, labels = prepared.texts_at(rows), prepared.labels_at(rows)
    scores = twin.score(texts)
    measures = measure(scores, labels)
    behaviour = behave(twin, twin.manifest.thresholds, texts, labels)
    figures = {**measures.flat(), **behaviour.flat()}
    checks += [
        Check(f"floor {floor.figure}", floor.holds(figures), floor.describe(figures))
        for floor in floors_for(measures.rows)
    ]
    checks.append(_refit_agrees(measures, measure(to_serve.score(texts), labels)))
    check, comparison = _beside(champion, prepared, rows, scores)
    return _verdict(
        [*checks, check],
        measures=measures,
        comparison=comparison,
        baseline=_beside_baseline(baseline, prepared, rows, scores),
        behaviour=behaviour,
        conformal=conformal(scores, columns_of(labels), prepared.groups[rows]),
    )


def _same_origin(prepared: Prepared, refit: Trained, candidate: Trained) -> Check:
    one, other = refit.record, candidate.record
    faults = [
        (not one.refit or other.refit, "the model must be a refit and the candidate must not"),
        (one.candidate != other.candidate, f"the recipes differ: {one.candidate}, {other.candidate}"),
        (one.parameters != other.parameters, "the recipes' parameters differ"),
        (one.seed != other.seed, f"the seeds differ: {one.seed}, {other.seed}"),
        ({one.data_sha256, other.data_sha256} != {prepared.summary.data_sha256}, "they were fitted on other data"),
    ]
    found = [text for at_fault, text in faults if at_fault]
    return Check("origin", not found, "; ".join(found) or f"{one.candidate}, fitted twice on the same data")


def _rows(prepared: Prepared, candidate: Trained) -> NDArray[np.int64]:
    """The validation rows to measure on: of a recalibrated champion, those that its parent has not seen."""
    rows = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    if candidate.record.candidate != RECALIBRATED:
        return rows
    return rows[prepared.unseen(rows, candidate.trained_on)]


def _fold_unseen(prepared: Prepared, candidate: Trained) -> Check:
    rows = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    if candidate.record.candidate == RECALIBRATED:
        left_out = len(rows) - len(_rows(prepared, candidate))
        detail = f"{left_out} of {len(rows)} validation rows, which the champion's twin was fitted on, are left out"
        return Check("unseen fold", left_out <= MOST_LEFT_OUT * len(rows), detail)
    seen = int(np.isin(text_hashes(prepared.texts_at(rows)), candidate.trained_on).sum())
    return Check("unseen fold", seen == 0, f"the validation twin was fitted on {seen} of {len(rows)} validation rows")


def _baseline_fits(prepared: Prepared, baseline: Trained) -> Check:
    """Whether the baseline's figures are of the same fold, unseen, and of the recipe that they are said to be of."""
    rows = np.flatnonzero(prepared.folds == VALIDATION_FOLD)
    seen = int(np.isin(text_hashes(prepared.texts_at(rows)), baseline.trained_on).sum())
    faults = [
        (baseline.record.candidate != BASELINE, f"{baseline.record.candidate} is not {BASELINE}"),
        (baseline.record.data_sha256 != prepared.summary.data_sha256, "it was fitted on other data"),
        (not np.array_equal(baseline.rows, rows), "its scores are not of the validation fold"),
        (seen > 0, f"it was fitted on {seen} of {len(rows)} validation rows"),
    ]
    found = [text for at_fault, text in faults if at_fault]
    return Check("baseline", not found, "; ".join(found) or f"{BASELINE}, fitted without the fold on the same data")


def _beside_baseline(
    baseline: Trained, prepared: Prepared, rows: NDArray[np.int64], scores: NDArray[np.float64]
) -> BesideBaseline:
    labels = prepared.labels_at(rows)
    theirs = baseline.scores[np.isin(baseline.rows, rows)]
    difference = paired_difference(scores, theirs, labels, prepared.groups[rows])
    return BesideBaseline(BASELINE, len(rows), measure(theirs, labels).macro_f1, difference)


def _load(name: str, trained: Trained, prepared: Prepared) -> tuple[Model | None, Check]:
    """Load an artefact as serving does, and hold its scores against those of the recipe that was fitted."""
    try:
        model = load(trained.artefact, sha256=trained.record.artefact_sha256)
    except BadArtefactError as error:
        return None, Check(f"parity of {name}", False, str(error))
    if len(trained.rows) == 0 or trained.rows.max() >= prepared.summary.rows:
        return None, Check(f"parity of {name}", False, "training's scores are of other rows")
    gap = float(np.abs(model.score(prepared.texts_at(trained.rows)) - trained.scores).max())
    detail = f"loaded and scored {len(trained.rows)} rows, at most {gap:.1e} from training's scores"
    return model, Check(f"parity of {name}", gap <= PARITY_TOLERANCE, detail)


def _refit_agrees(unseen: Measures, seen: Measures) -> Check:
    detail = f"macro-F1 {seen.macro_f1:.3f} on the fold it has seen, {unseen.macro_f1:.3f} for the twin that has not"
    return Check("refit", seen.macro_f1 >= unseen.macro_f1 - REFIT_SLACK, detail)


def _beside(
    champion: Champion | None, prepared: Prepared, rows: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[Check, Comparison | None]:
    """Compare with the champion's twin, on rows of which it has not seen so much as a near duplicate."""
    if champion is None:
        return Check("champion", True, "there is no champion to compare with"), None
    if champion.trained is None:
        return Check("champion", True, f"not compared with version {champion.version}: {champion.trouble}"), None
    try:
        model = load(champion.trained.artefact, sha256=champion.trained.record.artefact_sha256)
    except BadArtefactError as error:
        return Check("champion", True, f"not compared with version {champion.version}: {error}"), None
    unseen = prepared.unseen(rows, champion.trained.trained_on)
    compared = rows[unseen]
    if len(compared) < LEAST_COMPARABLE_ROWS:
        detail = f"not compared with version {champion.version}: it has not seen only {len(compared)} rows of the fold"
        return Check("champion", True, detail), None
    theirs = model.score(prepared.texts_at(compared))
    difference = paired_difference(scores[unseen], theirs, prepared.labels_at(compared), prepared.groups[compared])
    worse = difference.high < 0 and difference.mean < -NOISE
    detail = (
        f"macro-F1 {difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}] "
        f"beside version {champion.version} on {len(compared)} rows"
    )
    return Check("champion", not worse, detail), Comparison(champion.version, len(compared), difference)


def _verdict(checks: Sequence[Check], **found: Any) -> Evaluation:
    failed = [check for check in checks if not check.passed]
    if failed:
        why = "; ".join(f"{check.name}: {check.detail}" for check in failed)[:_MAX_WHY]
    else:
        why = f"all {len(checks)} checks passed; {checks[-1].detail}"[:_MAX_WHY]
    return Evaluation(passed=not failed, why=why, checks=list(checks), **found)
