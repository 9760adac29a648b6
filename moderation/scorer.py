"""From raw tweets to the linear scores of a model, a whole batch at a time, in numpy.

No feature crosses a word's boundary but the pairs of neighbouring words, so what a word adds to the scores is
worked out once and kept in a row of a table. A tweet's scores are then a sum of rows, divided by the length of its
feature vector. Topics are scores of words alone, to which pairs, layout and parts add nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

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
from moderation.reading import Column, Reader, Reading, distinct_pairs
from moderation.text import Normaliser
from moderation.vocabulary import Vocabulary

_SMALLEST: Final = 1e-12
"""Added to a squared length, so that a tweet without words is no division by zero."""


class Scored(msgspec.Struct, frozen=True):
    """A batch of tweets and their linear scores.

    Attributes:
        reading: the tweets.
        scores: shape (tweets, columns and topics).
        table: shape (known words, columns and topics), float32; what each word that the reading speaks of adds, before
            the division.
        lengths: shape (tweets,); what each tweet's sum was divided by.
    """

    reading: Reading
    scores: NDArray[np.float64]
    table: NDArray[np.float32]
    lengths: NDArray[np.float64]


class Topics(msgspec.Struct, frozen=True):
    """What words add to topics: nought, but for a few of their features.

    Attributes:
        buckets: shape (features,); those that add anything, each once.
        weights: shape (features, topics), float32; what they add.
    """

    buckets: NDArray[np.integer]
    weights: NDArray[np.float32]


class Scorer:
    """Scores raw tweets with a linear model over :mod:`moderation.features`.

    Args:
        normaliser: what training used.
        settings: what training used.
        weights: shape (buckets, columns).
        intercept: shape (columns,).
        topics: of words and their character n-grams.
    """

    def __init__(
        self,
        normaliser: Normaliser,
        settings: FeatureSettings,
        weights: NDArray[np.floating],
        intercept: NDArray[np.floating],
        topics: Topics | None = None,
    ) -> None:
        self._normaliser: Final = normaliser
        self._settings: Final = settings
        self._weights: Final = np.ascontiguousarray(weights, np.float32)
        # Few features have topics: a small table of those, with nought in front, stays in the processor's cache.
        self._columns: Final = self._weights.shape[1]
        self._topics: Final = (
            np.zeros((1, 0), np.float32) if topics is None else np.pad(topics.weights, ((1, 0), (0, 0)))
        )
        self._topic_rows: Final = np.zeros(len(weights), np.int32)
        if topics is not None:
            self._topic_rows[topics.buckets] = np.arange(1, len(self._topics))
        self._width: Final = self._columns + self._topics.shape[1]
        self._intercept: Final = np.zeros(self._width)
        self._intercept[: self._columns] = intercept
        self._importance: Final = WordImportance(normaliser.vocabulary)
        self._lock: Final = threading.Lock()
        self._start_afresh()

    def score(self, texts: Sequence[str]) -> Scored:
        """Read and score raw tweets."""
        with self._lock:
            if self._reader.is_full:
                self._start_afresh()
            reading = self._reader.read(texts)
            self._add_rows(self._reader.words[self._rows.size :])
            return self._sum(reading, len(texts))

    def _start_afresh(self) -> None:
        self._reader = Reader(self._normaliser)
        self._rows = Column(np.float32, (self._width + 1,))
        self._hashes = Column(np.uint64)

    def _add_rows(self, words: Sequence[str]) -> None:
        if not words:
            return
        features = word_features(words, self._settings)
        importance = self._importance.of(words)
        starts = features.starts[:-1]
        rows = np.zeros((len(words), self._width + 1), np.float32)
        of_scores = self._weights.take(features.buckets, axis=0)
        of_scores[starts] *= np.float32(self._settings.word_value)
        np.add.reduceat(of_scores, starts, axis=0, out=rows[:, : self._columns])
        self._add_topics(rows[:, self._columns : -1], features)
        rows[:, :-1] *= importance[:, None]
        rows[:, -1] = np.add.reduceat(features.values**2, starts) * importance**2
        self._rows.extend(rows)
        self._hashes.extend(features.hashes)

    def _add_topics(self, rows: NDArray[np.float32], features: WordFeatures) -> None:
        """Add to each word's row what its features add to topics, which is nought for most."""
        topics = self._topic_rows.take(features.buckets)
        held = np.flatnonzero(topics)
        if len(held):
            owners = np.searchsorted(features.starts, held, side="right") - 1
            _add(rows, owners, self._topics.take(topics[held], axis=0) * features.values[held, None])

    def _sum(self, reading: Reading, tweets: int) -> Scored:
        total = np.zeros((tweets, self._width + 1))
        total[:, -1] = _SMALLEST
        rows = self._rows.values
        if len(reading.words):
            owners, words = distinct_pairs(reading.tweets, reading.words, len(rows))  # a word counts once in a tweet
            _add(total, owners, rows.take(words, axis=0))
            self._add_pairs(total, reading)
        lengths = np.sqrt(total[:, -1])
        scores = total[:, :-1] / lengths[:, None] + self._intercept
        for of, value in self._settings.runs():
            scores[:, : self._columns] += self._of_runs(reading.pieces(of), of, value, tweets)
        return Scored(reading, scores, rows[:, :-1], lengths)

    def _add_pairs(self, total: NDArray[np.float64], reading: Reading) -> None:
        owners, buckets = pair_features(reading.tweets, self._hashes.values[reading.words], self._settings)
        owners, buckets = distinct_pairs(owners, buckets, len(self._weights))
        _add(total[:, : self._columns], owners, self._weights.take(buckets, axis=0), self._settings.pair_value)
        total[:, -1] += self._settings.pair_value**2 * np.bincount(owners, minlength=len(total))

    def _of_runs(self, pieces: Pieces, of: Runs, value: float, tweets: int) -> NDArray[np.float64]:
        """What runs of layout or of parts add to the scores, shape (tweets, columns)."""
        owners, buckets = run_features(pieces, self._settings, of)
        total = np.zeros((tweets, self._columns))
        if len(owners):
            _add(total, owners, self._weights.take(buckets, axis=0))
        return total * run_scales(owners, tweets, value)[:, None]


class WordImportance:
    """How much a word weighs by how rare it is: its inverse document frequency in the training tweets, at most one."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        rarity = np.log((1 + vocabulary.tweets) / (1 + np.array(vocabulary.counts, np.float64))) + 1
        unseen = float(np.log(1 + vocabulary.tweets)) + 1
        self._importance: Final = dict(zip(vocabulary.words, (rarity / unseen).tolist(), strict=True))

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The importance of each word, shape (words,)."""
        return np.array([self._importance.get(word, 1.0) for word in words], np.float32)


def _add(total: NDArray[np.floating], owners: NDArray[np.intp], rows: NDArray[np.float32], value: float = 1.0) -> None:
    """Add each row, times a value, to that of its owner; ``owners`` is in ascending order and not empty."""
    starts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
    added = np.add.reduceat(rows, starts, axis=0)
    total[owners[starts]] += added if value == 1.0 else added * np.float32(value)
