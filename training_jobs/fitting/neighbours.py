"""Nearest neighbours: a baseline that scores raw tweets with scikit-learn, and has no served form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from training_jobs.fitting.bases import Rows
from training_jobs.fitting.matrix import Vectoriser


class NearestNeighbours:
    """k nearest neighbours among latent semantic vectors.

    Args:
        vectoriser: makes the features.
        rows: to fit it on.
        settings: how many ``neighbours`` and ``components``.
        seed: of the decomposition.
    """

    def __init__(self, vectoriser: Vectoriser, rows: Rows, settings: Mapping[str, Any], seed: int) -> None:
        self._vectoriser = vectoriser
        self._used = np.unique(rows.features.indices)
        learner: Any = make_pipeline(
            TruncatedSVD(settings["components"], random_state=seed),
            Normalizer(copy=False),
            KNeighborsClassifier(settings["neighbours"], weights="distance"),
        )
        self._learner = learner.fit(rows.features[:, self._used], rows.classes)

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Class probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        features = self._vectoriser.transform(texts).features[:, self._used]
        return np.asarray(self._learner.predict_proba(features), np.float64)
