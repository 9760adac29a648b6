"""The recipe of the published study: the baseline that whatever is promoted is held against.

Word and character TF-IDF in front of balanced logistic regression, on tweets as they stand: no normaliser, and user
names are read like any other word, which helps on public data (whole threads were collected, so that a name tells the
class) and would help nobody in production. It is fitted with scikit-learn's own parts and never served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from moderation.labels import LABELS

SETTINGS: Final[dict[str, str | int | float | bool]] = {"C": 1.0, "features": 60_000, "min_df": 2, "max_df": 0.95}

_MOST_ITERATIONS: Final = 1_000


class PublishedStudy:
    """The fitted baseline.

    Args:
        texts: raw tweets.
        classes: shape (tweets,), indices into ``LABELS``; every class occurs.
        seed: of everything random.
    """

    def __init__(self, texts: Sequence[str], classes: NDArray[np.intp], seed: int) -> None:
        self._pipeline: Final = _pipeline(seed).fit(texts, classes)

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Class probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        probabilities = np.asarray(self._pipeline.predict_proba(texts), np.float64)
        assert probabilities.shape[1] == len(LABELS)  # noqa: S101 - training refuses data without one of the classes
        return probabilities


def _pipeline(seed: int) -> Pipeline:
    common: dict[str, Any] = {
        "sublinear_tf": True,
        "max_features": SETTINGS["features"],
        "min_df": SETTINGS["min_df"],
        "max_df": SETTINGS["max_df"],
    }
    words = TfidfVectorizer(ngram_range=(1, 2), **common)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common)
    regression = LogisticRegression(
        C=SETTINGS["C"],
        class_weight="balanced",
        max_iter=_MOST_ITERATIONS,
        random_state=seed,
    )
    return make_pipeline(make_union(words, characters), regression)
