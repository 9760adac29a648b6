"""How good a set of scores is: figures per class, of harm as such, of calibration, and the noise between two models.

Everything is a few numpy operations on a confusion matrix or on the scores, so that no job waits for scikit-learn
to be imported only to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMLESS, LABELS, Label

CALIBRATION_BINS: Final = 15
CAUGHT_AT_LEAST: Final = 0.92
"""The share of bullying to catch at which the false alarms are counted."""

_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)
_CLASSES: Final = len(LABELS)

Scores = NDArray[np.float64]
Columns = NDArray[np.int64]


class ClassFigures(msgspec.Struct, frozen=True):
    """Figures of one class, between 0 and 1; ``support`` is its number of rows."""

    precision: float
    recall: float
    f1: float
    support: int


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one set of scores.

    Attributes:
        rows: that were scored.
        accuracy: share of rows whose likeliest class is theirs.
        macro_f1: mean of the classes' F1, over the classes that have rows.
        false_alarms: share of the harmless rows that are called harmful.
        caught: share of the harmful rows that are called harmful, of whatever kind.
        false_alarms_at_caught: the least share of false alarms at which 92% of the harmful rows are caught.
        calibration_error: expected calibration error over 15 bins of equal width (Guo et al., "On Calibration of
            Modern Neural Networks", 2017).
        classes: figures by class.
        confusion: rows by true class (down) and predicted class (across), in the order of ``LABELS``.
        accuracy_at_90: accuracy on the 90% of the rows that the model is surest of (El-Yaniv and Wiener, "On the
            Foundations of Noise-free Selective Classification", 2010); None in records of earlier code.
        accuracy_at_80: the same on 80%.
    """

    rows: int
    accuracy: float
    macro_f1: float
    false_alarms: float
    caught: float
    false_alarms_at_caught: float
    calibration_error: float
    classes: dict[Label, ClassFigures]
    confusion: list[list[int]]
    accuracy_at_90: float | None = None
    accuracy_at_80: float | None = None

    def flat(self) -> dict[str, float]:
        """Every figure under a name of its own, as a tracking server wants them."""
        figures = {
            name: float(getattr(self, name))
            for name in (
                "accuracy", "macro_f1", "false_alarms", "caught", "false_alarms_at_caught", "calibration_error", "rows",
            )
        }  # fmt: skip
        for name in ("accuracy_at_90", "accuracy_at_80"):
            if (value := getattr(self, name)) is not None:
                figures[name] = value
        for label, of_class in self.classes.items():
            figures |= {f"{name}/{label.value}": getattr(of_class, name) for name in ("precision", "recall", "f1")}
        return figures


def measure(scores: Scores, labels: Sequence[Label]) -> Measures:
    """Measure scores against the truth.

    Args:
        scores: shape (rows, classes), probabilities, columns in the order of ``LABELS``.
        labels: the true classes; at least one row.
    """
    truth = columns_of(labels)
    predicted = np.asarray(scores.argmax(axis=1), dtype=np.int64)
    matrix = confusion(truth, predicted)
    precision, recall, f1 = _per_class(matrix.astype(np.float64))
    support = matrix.sum(axis=1)
    harmful = truth != _HARMLESS_COLUMN
    called_harmful = predicted != _HARMLESS_COLUMN
    return Measures(
        rows=len(truth),
        accuracy=float((truth == predicted).mean()),
        macro_f1=float(f1[support > 0].mean()),
        false_alarms=_mean(called_harmful[~harmful]),
        caught=_mean(called_harmful[harmful]),
        false_alarms_at_caught=_false_alarms_at(1.0 - scores[:, _HARMLESS_COLUMN], harmful),
        calibration_error=calibration_error(scores, truth),
        classes={
            label: ClassFigures(float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, label in enumerate(LABELS)
        },
        confusion=matrix.tolist(),
        accuracy_at_90=accuracy_at(scores, truth, 0.9),
        accuracy_at_80=accuracy_at(scores, truth, 0.8),
    )


def columns_of(labels: Sequence[Label]) -> Columns:
    """Score columns of labels, shape (rows,)."""
    index = {label: column for column, label in enumerate(LABELS)}
    return np.array([index[label] for label in labels], dtype=np.int64)


def confusion(truth: Columns, predicted: Columns) -> Columns:
    """Rows by true and predicted class, shape (classes, classes)."""
    return np.bincount(truth * _CLASSES + predicted, minlength=_CLASSES**2).reshape(_CLASSES, _CLASSES)


def calibration_error(scores: Scores, truth: Columns) -> float:
    """Expected calibration error of the likeliest class."""
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def accuracy_at(scores: Scores, truth: Columns, coverage: float) -> float:
    """Accuracy when abstaining on the rows whose likeliest class is least likely.

    Args:
        scores: shape (rows, classes).
        truth: shape (rows,).
        coverage: the share of the rows that is decided, at least one row.
    """
    order = np.argsort(-scores.max(axis=1), kind="stable")
    decided = order[: max(1, int(coverage * len(truth)))]
    return float((scores[decided].argmax(axis=1) == truth[decided]).mean())


class Difference(msgspec.Struct, frozen=True):
    """By how much one model beats another on the same rows, in macro-F1, with the bounds of the 95% interval."""

    mean: float
    low: float
    high: float


def paired_difference(
    ours: Scores, theirs: Scores, labels: Sequence[Label], groups: NDArray[np.int64], *, resamples: int = 1000
) -> Difference:
    """Bootstrap the difference of two models' macro-F1 (Efron and Tibshirani, "An Introduction to the Bootstrap").

    Groups of near duplicates are drawn, not rows: their rows stand or fall together, and drawing rows would make the
    interval too narrow.

    Args:
        ours: shape (rows, classes).
        theirs: the same rows, scored by the other model.
        labels: the true classes.
        groups: shape (rows,).
        resamples: how many times to draw.
    """
    truth = columns_of(labels)
    _, group = np.unique(groups, return_inverse=True)
    cells = [truth * _CLASSES + scores.argmax(axis=1) for scores in (ours, theirs)]
    count = int(group.max()) + 1
    generator = np.random.default_rng(7)
    differences = np.empty(resamples)
    for i in range(resamples):
        weights = np.bincount(generator.integers(0, count, count), minlength=count)[group].astype(np.float64)
        first, second = (
            _macro_f1(np.bincount(cell, weights, minlength=_CLASSES**2).astype(np.float64)) for cell in cells
        )
        differences[i] = first - second
    low, high = np.quantile(differences, (0.025, 0.975))
    observed = [_macro_f1(np.bincount(cell, minlength=_CLASSES**2).astype(np.float64)) for cell in cells]
    return Difference(observed[0] - observed[1], float(low), float(high))


def _macro_f1(cells: NDArray[np.float64]) -> float:
    matrix = cells.reshape(_CLASSES, _CLASSES)
    return float(_per_class(matrix)[2][matrix.sum(axis=1) > 0].mean())


def _per_class(matrix: NDArray[np.float64]) -> tuple[Scores, Scores, Scores]:
    """Precision, recall and F1 of every class; 0 where there is nothing to divide by."""
    hits = np.diagonal(matrix)
    predicted, actual = matrix.sum(axis=0), matrix.sum(axis=1)
    precision = hits / np.maximum(predicted, 1e-12)
    recall = hits / np.maximum(actual, 1e-12)
    return precision, recall, 2 * hits / np.maximum(predicted + actual, 1e-12)


def _false_alarms_at(harm: Scores, harmful: NDArray[np.bool_]) -> float:
    """The share of harmless rows at or above the threshold that catches ``CAUGHT_AT_LEAST`` of the harmful ones."""
    if not harmful.any() or harmful.all():
        return 0.0
    ranked = np.sort(harm[harmful])[::-1]
    threshold = ranked[int(np.ceil(CAUGHT_AT_LEAST * len(ranked))) - 1]
    return _mean(harm[~harmful] >= threshold)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
