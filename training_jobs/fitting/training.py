"""What a candidate is fitted on: the real tweets, and those made up beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import StratifiedGroupKFold

from moderation.labels import LABELS, Label
from training_jobs.fitting.augmentation import make_up
from training_jobs.fitting.bases import Rows
from training_jobs.fitting.matrix import Vectoriser

FOLDS: Final = 4
MADE_UP_FOR_LINEAR_MODELS: Final = 0.4
"""What linear models take made-up sentences for, beside what the network takes them for. Their words are those of the
grammar; the network sees kinds of words, and learns what follows from these. The more linear models heed them, the
better sentences that nobody made up are told apart, and the worse the classes of tweets; see decision 0025."""


@dataclass(frozen=True)
class Training:
    """What to train on: the real tweets first, then those made up.

    Attributes:
        rows: features, classes and weights of all.
        words: shape (all, buckets); the part of the features that topics are made of.
        styles: shape (all, style columns).
        groups: shape (all,).
        real: how many are real.
        made_up: shape (all,); which are made up altogether, and no copies of real ones either.
    """

    rows: Rows
    words: sparse.csr_matrix
    styles: NDArray[np.float32]
    groups: NDArray[np.intp]
    real: int
    made_up: NDArray[np.bool_]

    @property
    def for_linear_models(self) -> Rows:
        """The rows with the weights that they have for linear models."""
        lighter = np.where(self.made_up, MADE_UP_FOR_LINEAR_MODELS, 1.0)
        return self.rows._replace(weights=self.rows.weights * lighter)

    def inputs(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores and style side by side."""
        return np.concatenate([scores, self.styles], axis=1)

    def folds(self, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Indices of the tweets to fit on and of those held out; no group is on both sides."""
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        return list(splitter.split(self.rows.features, self.rows.classes, self.groups))


def gather(
    vectoriser: Vectoriser, texts: Sequence[str], labels: Sequence[Label], groups: Sequence[int], seed: int | None
) -> Training:
    """The tweets to train on; without a seed, none are made up."""
    all_texts, all_labels = list(texts), list(labels)
    weights, all_groups, made_up = [1.0] * len(texts), list(groups), [False] * len(texts)
    if seed is not None:
        made = make_up(texts, labels, seed)
        all_texts += made.texts
        all_labels += made.labels
        weights += made.weights
        least = min(groups) - 1
        all_groups += [groups[origin] if origin >= 0 else least + origin for origin in made.origins]
        made_up += [origin < 0 for origin in made.origins]
    matrix = vectoriser.transform(all_texts)
    classes = np.array([LABELS.index(label) for label in all_labels])
    rows = Rows(matrix.features, classes, np.array(weights))
    return Training(rows, matrix.words, matrix.styles, np.array(all_groups), len(texts), np.array(made_up))
