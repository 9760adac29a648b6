"""The training matrix: the same features as serving sums up, as scikit-learn wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from moderation.features import (
    FeatureSettings,
    Pieces,
    Runs,
    WordFeatures,
    pair_features,
    run_features,
    run_scales,
    word_features,
)
from moderation.reading import Reader, Reading, distinct_pairs
from moderation.scorer import WordImportance
from moderation.text import Normaliser


class Matrix(NamedTuple):
    """Tweets as features.

    Attributes:
        features: shape (tweets, buckets), float32; rows of length one, and those of layout and parts beside it.
        words: the part of the features that is words and their character n-grams, without pairs, layout and parts.
        styles: shape (tweets, style columns), float32.
    """

    features: sparse.csr_matrix
    words: sparse.csr_matrix
    styles: NDArray[np.float32]


class Vectoriser:
    """Turns raw tweets into features.

    Args:
        normaliser: what the model will be served behind.
        settings: of the features.
    """

    def __init__(self, normaliser: Normaliser, settings: FeatureSettings) -> None:
        self._settings = settings
        self._importance = WordImportance(normaliser.vocabulary)
        self._normaliser = normaliser

    def transform(self, texts: Sequence[str]) -> Matrix:
        """The features of raw tweets."""
        reader = Reader(self._normaliser)
        reading = reader.read(texts)
        buckets = 1 << self._settings.bits
        if not reader.words:
            nothing = sparse.csr_matrix((len(texts), buckets), dtype=np.float32)
            return Matrix(nothing, nothing, reading.styles)
        features = word_features(reader.words, self._settings)
        importance = self._importance.of(reader.words)
        held = _indicator(
            *distinct_pairs(reading.tweets, reading.words, len(reader.words)), (len(texts), len(reader.words))
        )
        pairs = self._pairs(reading, features, len(texts))
        squares = held @ _row_squares(features, importance) + _sums_of_squares(pairs) + 1e-12
        scales = sparse.diags_array(1.0 / np.sqrt(squares))
        words = scales @ (held @ _by_word(features, importance, buckets))
        rows = words + scales @ pairs
        for of, value in self._settings.runs():
            rows = rows + self._runs(reading.pieces(of), of, value, len(texts))
        return Matrix(
            sparse.csr_matrix(rows, dtype=np.float32), sparse.csr_matrix(words, dtype=np.float32), reading.styles
        )

    def _pairs(self, reading: Reading, features: WordFeatures, tweets: int) -> sparse.csr_matrix:
        width = 1 << self._settings.bits
        owners, buckets = pair_features(reading.tweets, features.hashes[reading.words], self._settings)
        owners, buckets = distinct_pairs(owners, buckets, width)
        return self._settings.pair_value * _indicator(owners, buckets, (tweets, width))

    def _runs(self, pieces: Pieces, of: Runs, value: float, tweets: int) -> sparse.csr_matrix:
        owners, buckets = run_features(pieces, self._settings, of)
        values = run_scales(owners, tweets, value)[owners]
        return sparse.csr_matrix((values, (owners, buckets)), shape=(tweets, 1 << self._settings.bits))


def _indicator(rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, int]) -> sparse.csr_matrix:
    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=shape)


def _by_word(features: WordFeatures, importance: NDArray[np.float32], columns: int) -> sparse.csr_matrix:
    counts = np.diff(features.starts)
    values = features.values * np.repeat(importance, counts)
    return sparse.csr_matrix((values, features.buckets, features.starts), shape=(len(counts), columns))


def _row_squares(features: WordFeatures, importance: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.add.reduceat(features.values**2, features.starts[:-1]) * importance**2)


def _sums_of_squares(matrix: sparse.csr_matrix) -> NDArray[np.float32]:
    return np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
