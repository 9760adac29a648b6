"""Examine a model: from its scores of tweets, sentences and disguised tweets to the figures of the report."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score, roc_curve

from moderation.labels import HARMLESS, LABELS
from training_jobs.evaluation import cruelty, identity
from training_jobs.evaluation.attacks import NAMED, OTHERS, attacked
from training_jobs.evaluation.behaviour import behaviours
from training_jobs.evaluation.exam import Exam, ForeignTweets
from training_jobs.evaluation.figures import robustness
from training_jobs.evaluation.findings import (
    Attacked,
    Bin,
    Findings,
    GroupCell,
    KindOfSentence,
    OutOfDomain,
    Point,
)
from training_jobs.evaluation.judge import Judge, Judged
from training_jobs.measures import CALIBRATION_BINS, columns_of, measure

Progress = Callable[[str, float], None]

ATTACKED_ROWS: Final = 3000
"""How many tweets are disguised: the standard error of a share is then below one in a hundred."""

BEHAVIOUR_ROWS: Final = 1500
CURVE_POINTS: Final = 200
COVERAGES: Final = tuple(round(0.3 + 0.025 * step, 3) for step in range(29))

_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)
_HALF: Final = 0.5


def examine(exam: Exam, foreign: ForeignTweets | None, progress: Progress) -> Findings:
    """Do everything.

    Args:
        exam: the model and the tweets.
        foreign: tweets of another source, or None.
        progress: told the step and the share of the work that is done, from 0 to 1.
    """
    judge, subject, texts, labels = exam
    progress("reading the tweets", 0.0)
    judged = judge(texts)
    truth = columns_of(labels)
    harmful = truth != _HARMLESS_COLUMN
    sample = _sample(len(texts), subject.seed)
    few_texts, few_truth = [texts[row] for row in sample], truth[sample]
    attacks = _under_attack(judge, few_texts, few_truth, subject.seed, progress)
    worst = min((attack for attack in attacks if attack.named), key=lambda attack: attack.macro_f1)
    progress("behaviour", 0.9)
    behaviour = behaviours(judge, few_texts[:BEHAVIOUR_ROWS])
    progress("tweets of another source", 0.95)
    return Findings(
        subject=subject,
        measures=measure(judged.scores, labels),
        harmful=judged.shares(harmful),
        harmless=judged.shares(~harmful),
        auroc=float(roc_auc_score(harmful, judged.harm)),
        tradeoff=tradeoff(judged.harm, harmful),
        class_bins=bins(judged.scores.max(axis=1), judged.scores.argmax(axis=1) == truth),
        harm_bins=bins(judged.harm, harmful),
        harm_calibration_error=calibration_error(bins(judged.harm, harmful)),
        coverage=coverage(judged.scores, truth),
        attacked_rows=len(sample),
        undisguised=_attacked("none", judge(few_texts), few_truth, named=False),
        attacks=attacks,
        worst_named=worst.macro_f1,
        worst_named_kind=worst.name,
        mean_other=robustness({attack.name: attack.macro_f1 for attack in attacks})["mean_other_attack"],
        kinds=kinds_of_sentences(judge),
        groups=about_groups(judge),
        neutral=judge([text for text, _ in identity.harmless()]).shares(),
        plain_attacks=judge([text for text, _ in identity.attacks()]).shares(),
        people=about_people(judge),
        cruel=judge(cruelty.cruel()).shares(),
        not_cruel=judge(cruelty.not_cruel()).shares(),
        behaviours=behaviour,
        out_of_domain=_out_of_domain(judge, foreign) if foreign else None,
    )


def tradeoff(harm: NDArray[np.float64], harmful: NDArray[np.bool_]) -> list[Point]:
    """Share of harmless tweets (x) and of harmful ones (y) at or above every threshold, at most ``CURVE_POINTS``."""
    false_alarms, caught, _ = roc_curve(harmful, harm)
    grid = np.linspace(0, 1, CURVE_POINTS)
    # Evenly along the curve's length: along one axis, the steep part would be left with a handful of points.
    length = np.concatenate([[0], np.cumsum(np.diff(false_alarms) + np.diff(caught))])
    x, y = (np.interp(grid * length[-1], length, axis) for axis in (false_alarms, caught))
    return [Point(round(float(a), 5), round(float(b), 5)) for a, b in zip(x, y, strict=True)]


def bins(said: NDArray[np.float64], was: NDArray[np.bool_]) -> list[Bin]:
    """Tweets by what the model said, in 15 bins of equal width; empty ones are left out."""
    places = np.minimum((said * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(places, minlength=CALIBRATION_BINS)
    sums = (np.bincount(places, values, CALIBRATION_BINS) for values in (said, was.astype(np.float64)))
    return [
        Bin(int(count), float(total / count), float(hits / count))
        for count, total, hits in zip(rows, *sums, strict=True)
        if count
    ]


def calibration_error(of: Sequence[Bin]) -> float:
    """Expected calibration error: by how much what was said and what was differ, on average over tweets."""
    return sum(each.rows * abs(each.said - each.was) for each in of) / sum(each.rows for each in of)


def coverage(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> list[Point]:
    """Accuracy (y) on the share of tweets (x) that the model is surest of."""
    order = np.argsort(-scores.max(axis=1), kind="stable")
    right = (scores.argmax(axis=1) == truth)[order]
    accuracy = np.cumsum(right) / np.arange(1, len(right) + 1)
    return [Point(share, float(accuracy[max(1, int(share * len(right))) - 1])) for share in COVERAGES]


def about_groups(judge: Judge) -> list[GroupCell]:
    """What becomes of each kind of sentence about each group of people."""
    cells = []
    for attack, kinds in ((False, identity.HARMLESS_KINDS), (True, identity.ATTACK_KINDS)):
        sentences = identity.sentences(kinds)
        judged = judge([sentence.text for sentence in sentences])
        for group in identity.GROUPS:
            for kind in kinds:
                chosen = np.array([sentence.group == group and sentence.kind == kind for sentence in sentences])
                cells.append(GroupCell(group.plural, group.ground, kind, attack, judged.shares(chosen)))
    return cells


def kinds_of_sentences(judge: Judge) -> list[KindOfSentence]:
    """What becomes of each kind of sentence about groups of people."""
    return [
        KindOfSentence(
            kind, attack, judge([sentence.text for sentence in identity.sentences({kind: templates})]).shares()
        )
        for attack, kinds in ((False, identity.HARMLESS_KINDS), (True, identity.ATTACK_KINDS))
        for kind, templates in kinds.items()
    ]


def about_people(judge: Judge) -> list[KindOfSentence]:
    """What becomes of each kind of sentence to and about single people, the cruel ones first."""
    return [
        KindOfSentence(kind, attack, judge(texts).shares())
        for attack, kinds in ((True, cruelty.CRUEL), (False, cruelty.NOT_CRUEL))
        for kind, texts in kinds.items()
    ]


def _under_attack(
    judge: Judge, texts: list[str], truth: NDArray[np.int64], seed: int, progress: Progress
) -> list[Attacked]:
    kinds = {**NAMED, **OTHERS}
    found = []
    for number, (name, attack) in enumerate(kinds.items()):
        progress(f"disguises: {name.replace('_', ' ')}", 0.05 + 0.8 * number / len(kinds))
        found.append(_attacked(name, judge(attacked(texts, attack, seed)), truth, named=name in NAMED))
    return found


def _attacked(name: str, judged: Judged, truth: NDArray[np.int64], *, named: bool) -> Attacked:
    macro_f1 = float(f1_score(truth, judged.scores.argmax(axis=1), average="macro"))
    return Attacked(name, named, macro_f1, judged.shares(truth != _HARMLESS_COLUMN).caught)


def _out_of_domain(judge: Judge, foreign: ForeignTweets) -> OutOfDomain:
    judged = judge(foreign.texts)
    return OutOfDomain(
        data=foreign.name,
        rows=len(foreign.texts),
        auroc=float(roc_auc_score(foreign.harmful, judged.harm)),
        macro_f1=float(f1_score(foreign.harmful, judged.harm >= _HALF, average="macro")),
        harmful=judged.shares(foreign.harmful),
        harmless=judged.shares(~foreign.harmful),
    )


def _sample(rows: int, seed: int) -> list[int]:
    """Rows to disguise: all, or ``ATTACKED_ROWS`` of them."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    return sorted(chance.sample(range(rows), min(rows, ATTACKED_ROWS)))
