"""Sets of classes that hold the true one as often as promised, whichever class that is.

Mondrian (class-conditional) split conformal prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World" (2005), section 4.5; Angelopoulos and Bates, "A Gentle Introduction to Conformal Prediction" (2021), section 4.2.
A class belongs to a tweet's set if its probability is not among the lowest share ``alpha`` of those that tweets of
that class get. Sets with one class are what a model is sure of; the larger they are, the less it knows.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.labels import LABELS, Label
from training_jobs.measures import Columns, Scores

ALPHA: Final = 0.1
"""The share of tweets, of every class, whose set may miss their class."""

LEAST_PER_CLASS: Final = int(np.ceil(1 / ALPHA)) - 1
"""With fewer rows of a class to calibrate on, no bound holds at this ``alpha`` but the one that lets everything in."""


class Conformal(msgspec.Struct, frozen=True, kw_only=True):
    """How conformal sets did on rows that their bounds were not taken from.

    Attributes:
        alpha: the share that may be missed.
        coverage: the share of each class's rows whose set holds it.
        mean_size: classes a set holds, over all rows.
        single: the share of rows whose set holds one class.
    """

    alpha: float
    coverage: dict[Label, float]
    mean_size: float
    single: float

    def flat(self) -> dict[str, float]:
        """Every figure under a name of its own, as a tracking server wants them."""
        figures = {f"conformal/coverage/{label.value}": share for label, share in self.coverage.items()}
        return {**figures, "conformal/mean_size": self.mean_size, "conformal/single": self.single}


def conformal(
    scores: Scores, truth: Columns, groups: NDArray[np.int64], *, alpha: float = ALPHA, seed: int = 7
) -> Conformal | None:
    """Calibrate on half of the groups, measure on the other half, and the other way round.

    Args:
        scores: shape (rows, classes), of rows that the model has not seen.
        truth: shape (rows,).
        groups: shape (rows,); near duplicates of one group lie in one half.
        alpha: the share that may be missed.
        seed: of the halves.

    Returns:
        None if one of the halves has too few rows of a class for any bound.
    """
    _, group = np.unique(groups, return_inverse=True)
    first = (np.random.default_rng(seed).permutation(int(group.max()) + 1) % 2 == 0)[group]
    held = np.zeros(scores.shape, dtype=np.bool_)
    for half in (first, ~first):
        bounds = class_bounds(scores[half], truth[half], alpha)
        if bounds is None:
            return None
        held[~half] = scores[~half] >= bounds
    covered, sizes = held[np.arange(len(truth)), truth], held.sum(axis=1)
    return Conformal(
        alpha=alpha,
        coverage={label: float(covered[truth == column].mean()) for column, label in enumerate(LABELS)},
        mean_size=float(sizes.mean()),
        single=float((sizes == 1).mean()),
    )


def class_bounds(scores: Scores, truth: Columns, alpha: float) -> Scores | None:
    """The least probability, per class, at which it is in a set; shape (classes,).

    Returns:
        None if a class has too few rows for a bound.
    """
    bounds = np.empty(len(LABELS))
    for column in range(len(LABELS)):
        own = np.sort(scores[truth == column, column])
        missed = int(np.floor(alpha * (len(own) + 1)))
        if missed < 1:
            return None
        bounds[column] = own[missed - 1]
    return bounds
