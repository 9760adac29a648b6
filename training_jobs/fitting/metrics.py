"""The figures by which models are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from moderation.labels import HARMLESS, LABELS
from training_jobs.fitting.calibration import calibration_error

CAUGHT = 0.92
"""The share of cyberbullying to catch at which false alarms are compared."""

_HARMLESS_COLUMN = LABELS.index(HARMLESS)


def summary(probabilities: NDArray[np.float64], classes: NDArray[np.intp]) -> dict[str, float]:
    """Accuracy, macro-F1, false alarms at :data:`CAUGHT`, calibration error, accuracy at 90% and 80% coverage."""
    guessed = probabilities.argmax(axis=1)
    return {
        "accuracy": float((guessed == classes).mean()),
        "macro_f1": float(f1_score(classes, guessed, average="macro")),
        "false_alarms": false_alarms(1 - probabilities[:, _HARMLESS_COLUMN], classes != _HARMLESS_COLUMN),
        "calibration_error": calibration_error(probabilities, classes),
        "accuracy_at_90": accuracy_at(probabilities, classes, 0.9),
        "accuracy_at_80": accuracy_at(probabilities, classes, 0.8),
    }


def false_alarms(harm: NDArray[np.float64], harmful: NDArray[np.bool_], caught: float = CAUGHT) -> float:
    """Share of harmless tweets at or above the threshold that catches ``caught`` of the harmful ones."""
    ordered = np.sort(harm[harmful])[::-1]
    threshold = ordered[min(len(ordered) - 1, int(np.ceil(caught * len(ordered))) - 1)]
    return float((harm[~harmful] >= threshold).mean())


def accuracy_at(probabilities: NDArray[np.float64], classes: NDArray[np.intp], coverage: float) -> float:
    """Accuracy on the share ``coverage`` of tweets that the model is surest of."""
    confidence = probabilities.max(axis=1)
    kept = np.argsort(-confidence, kind="stable")[: max(1, int(coverage * len(classes)))]
    return float((probabilities[kept].argmax(axis=1) == classes[kept]).mean())
