"""From scores to probabilities that mean what they say: of tweets given 0.8, eight in ten."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

BINS = 15


class CalibrationMap(NamedTuple):
    """A multinomial logistic regression from scores to logits.

    Attributes:
        weights: shape (columns, classes).
        intercept: shape (classes,).
    """

    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]


def fit_calibration(scores: NDArray[np.float64], classes: NDArray[np.intp]) -> CalibrationMap:
    """Fit on scores, shape (tweets, columns), of tweets that the scoring learner has not seen; classes (tweets,)."""
    # Columns on one scale, or the penalty and the solver would favour some of them.
    centre, scale = scores.mean(axis=0), scores.std(axis=0) + 1e-9
    regression = LogisticRegression(C=10.0, max_iter=1000).fit((scores - centre) / scale, classes)
    weights = regression.coef_.T / scale[:, None]
    return CalibrationMap(weights, regression.intercept_ - centre @ weights)


def calibration_error(probabilities: NDArray[np.float64], classes: NDArray[np.intp]) -> float:
    """Expected calibration error of the likeliest class over 15 bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(classes))
