"""The training matrix: the same features as serving sums up, as scikit-learn wants them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from moderation.features import FeatureSettings, WordFeatures, pair_buckets, word_features
from moderation.scorer import WordImportance
from moderation.text import Normaliser


class Vectoriser:
    """Turns raw tweets into rows of features, each of length one.

    Args:
        normaliser: what the model will be served behind.
        settings: of the features.
    """

    def __init__(self, normaliser: Normaliser, settings: FeatureSettings) -> None:
        self._normaliser = normaliser
        self._settings = settings
        self._importance = WordImportance(normaliser)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """The features of raw tweets, shape (tweets, buckets), float32."""
        tweets = [self._normaliser.words(text) for text in texts]
        ids: dict[str, int] = {}
        rows = [[ids.setdefault(word, len(ids)) for word in words] for words in tweets]
        if not ids:
            return sparse.csr_matrix((len(texts), 1 << self._settings.bits), dtype=np.float32)
        words = list(ids)
        features = word_features(words, self._settings)
        importance = self._importance.of(words)
        by_word = _by_word(features, importance, 1 << self._settings.bits)
        held = _indicator([sorted(set(row)) for row in rows], len(words))
        pairs = self._pairs(rows, features)
        squares = held @ _row_squares(features, importance) + _sums_of_squares(pairs) + 1e-12
        scale = sparse.diags_array(1.0 / np.sqrt(squares))
        return sparse.csr_matrix(scale @ (held @ by_word + pairs), dtype=np.float32)

    def _pairs(self, rows: list[list[int]], features: WordFeatures) -> sparse.csr_matrix:
        buckets = []
        for row in rows:
            hashes = features.hashes[row]
            buckets.append(np.unique(pair_buckets(hashes[:-1], hashes[1:], self._settings)))
        return self._settings.pair_value * _indicator(buckets, 1 << self._settings.bits)


def _indicator(rows: Sequence[Sequence[int]] | Sequence[NDArray[np.int64]], columns: int) -> sparse.csr_matrix:
    starts = np.cumsum([0, *map(len, rows)])
    indices = np.concatenate([np.asarray(row, np.int64) for row in rows]) if len(rows) else np.zeros(0, np.int64)
    return sparse.csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(rows), columns))


def _by_word(features: WordFeatures, importance: np.ndarray, columns: int) -> sparse.csr_matrix:
    counts = np.diff(features.starts)
    values = features.values * np.repeat(importance, counts)
    return sparse.csr_matrix((values, features.buckets, features.starts), shape=(len(counts), columns))


def _row_squares(features: WordFeatures, importance: np.ndarray) -> np.ndarray:
    return np.asarray(np.add.reduceat(features.values**2, features.starts[:-1]) * importance**2)


def _sums_of_squares(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
