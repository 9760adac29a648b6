"""The linear models whose scores a stack is built on, all over the same features: one table of weights serves them.

They err differently: one is a support vector machine on everything, one looks at words and pairs only, one is naive
Bayes, and one knows nothing but the hardest question, which of "other" and "not" it is.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from moderation.labels import LABELS, Label

_HARD: Final = [LABELS.index(Label.OTHER_CYBERBULLYING), LABELS.index(Label.NOT_CYBERBULLYING)]
_ON_EVERYTHING: Final = len(LABELS) + 1
"""The first columns of a stack: one class against the rest for each, and the two hard classes against each other."""

_TOLERANCE: Final = 0.01
"""Probabilities differ by 3e-4 at most from those at 1e-4, as scikit-learn has it, and are there in little more than
half the time (measured on the public data set)."""


class Linear(NamedTuple):
    """Linear scores.

    Attributes:
        weights: shape (buckets, columns).
        intercept: shape (columns,).
    """

    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def scores(self, features: sparse.csr_matrix) -> NDArray[np.float64]:
        """Shape (tweets, columns)."""
        return np.asarray(features @ self.weights + self.intercept)


class Rows(NamedTuple):
    """What to fit on.

    Attributes:
        features: shape (tweets, buckets).
        classes: shape (tweets,).
        weights: shape (tweets,); how much each tweet counts.
    """

    features: sparse.csr_matrix
    classes: NDArray[np.intp]
    weights: NDArray[np.float64]

    def taken(self, chosen: NDArray[np.intp]) -> Rows:
        """Some of the rows."""
        return Rows(self.features[chosen], self.classes[chosen], self.weights[chosen])


def logistic_regression(rows: Rows, *, strength: float, seed: int) -> Linear:
    """Balanced logistic regressions, one class against the rest; ``strength`` is scikit-learn's C."""
    models = []
    for column in range(len(LABELS)):
        # Liblinear in its dual form takes a tenth of the time that the multinomial solver takes on this many features.
        learner = LogisticRegression(
            C=strength, class_weight="balanced", solver="liblinear", dual=True, tol=0.05, random_state=seed
        )
        models.append(_linear(learner, rows._replace(classes=rows.classes == column)))
    return _beside(*models)


def support_vectors(rows: Rows, *, strength: float, seed: int) -> Linear:
    """Balanced linear support vector machines, one class against the rest; ``strength`` is scikit-learn's C."""
    learner = LinearSVC(C=strength, class_weight="balanced", tol=_TOLERANCE, random_state=seed)
    return _linear(learner, rows)


def naive_bayes(rows: Rows, *, smoothing: float) -> Linear:
    """Multinomial naive Bayes; the scores are log joint probabilities, less what all classes have in common."""
    learner = MultinomialNB(alpha=smoothing).fit(rows.features, rows.classes, rows.weights)
    weights = learner.feature_log_prob_.T
    return Linear(weights - weights.mean(axis=1, keepdims=True), learner.class_log_prior_)


def stack_bases(rows: Rows, *, strength: float, smoothing: float, seed: int) -> Linear:
    """All the models of a stack, their columns side by side."""
    half = rows.features.shape[1] // 2
    words = rows._replace(features=rows.features[:, :half])
    on_words = support_vectors(words, strength=2 * strength, seed=seed)
    padding = np.zeros((rows.features.shape[1] - half, on_words.weights.shape[1]))
    hard = rows.taken(np.flatnonzero(np.isin(rows.classes, _HARD)))
    return _beside(
        support_vectors(rows, strength=strength, seed=seed),
        support_vectors(hard, strength=strength, seed=seed),
        naive_bayes(rows, smoothing=smoothing),
        Linear(np.vstack([on_words.weights, padding]), on_words.intercept),
    )


def importance(stack: Linear) -> NDArray[np.float64]:
    """How much each feature weighs in the support vector machines on all features of a stack, shape (buckets,)."""
    return np.asarray(np.linalg.norm(stack.weights[:, :_ON_EVERYTHING], axis=1))


def _beside(*models: Linear) -> Linear:
    return Linear(
        np.concatenate([model.weights for model in models], axis=1),
        np.concatenate([model.intercept for model in models]),
    )


def _linear(learner: Any, rows: Rows) -> Linear:
    """Fit a scikit-learn classifier on the features that occur at all; the others weigh nothing."""
    used = np.unique(rows.features.indices)
    learner.fit(rows.features[:, used], rows.classes, rows.weights)
    weights = np.zeros((rows.features.shape[1], len(learner.coef_)))
    weights[used] = learner.coef_.T
    return Linear(weights, np.asarray(learner.intercept_, np.float64))
