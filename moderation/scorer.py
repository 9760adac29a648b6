"""From raw tweets to the linear scores of a model, a whole batch at a time, in numpy.

No feature crosses a word's boundary but the pairs of neighbouring words, so what a word adds to the scores is
worked out once and kept: a chunk of raw text leads to its words, and a word to its row of scores. Ordinary tweets
are then mostly dictionary look-ups and one gather. Both tables are bounded and start afresh when they are full, so that
no stream of made-up words makes them grow, and the scores do not depend on what they hold.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.features import FeatureSettings, pair_buckets, word_features
from moderation.text import Normaliser

_MOST_CHUNKS: Final = 200_000
_MOST_WORDS: Final = 100_000
_LONGEST_KEPT: Final = 64


class Words(msgspec.Struct, frozen=True):
    """The words of a batch of tweets.

    Attributes:
        ids: shape (words,), intp; rows of the scorer's table, tweets one after the other.
        tweets: shape (words,), intp; which tweet each word stands in.
    """

    ids: NDArray[np.intp]
    tweets: NDArray[np.intp]


class Scorer:
    """Scores raw tweets with a linear model over :mod:`moderation.features`.

    Args:
        normaliser: what training used.
        settings: what training used.
        weights: shape (buckets, columns).
        intercept: shape (columns,).
    """

    def __init__(
        self,
        normaliser: Normaliser,
        settings: FeatureSettings,
        weights: NDArray[np.floating],
        intercept: NDArray[np.floating],
    ) -> None:
        self._normaliser: Final = normaliser
        self._settings: Final = settings
        self._weights: Final = np.ascontiguousarray(weights, np.float32)
        self._intercept: Final = intercept.astype(np.float64)
        self._importance: Final = WordImportance(normaliser)
        self._lock: Final = threading.Lock()
        self._start_afresh()

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The linear scores of raw tweets, shape (tweets, columns)."""
        with self._lock:
            words = self._words(texts)
            return self._sum(words, len(texts))

    def contributions(self, word: str) -> NDArray[np.float64]:
        """What one word by itself adds to the scores, before the tweet's norm; shape (columns,)."""
        with self._lock:
            return self._rows[self._word_ids([word])[0], :-1].astype(np.float64)

    def _start_afresh(self) -> None:
        columns = self._weights.shape[1]
        self._chunk_ids: dict[str, int] = {}
        self._chunk_starts: list[int] = []
        self._chunk_lengths: list[int] = []
        self._chunk_words: list[int] = []
        self._ids: dict[str, int] = {}
        self._rows: NDArray[np.float32] = np.zeros((0, columns + 1), np.float32)
        self._hashes: NDArray[np.uint64] = np.zeros(0, np.uint64)

    def _words(self, texts: Sequence[str]) -> Words:
        if len(self._chunk_ids) > _MOST_CHUNKS or len(self._ids) > _MOST_WORDS:
            self._start_afresh()
        chunked = [text.split() for text in texts]
        chunks = list(chain.from_iterable(chunked))
        lengths = np.fromiter(map(len, chunked), np.intp, len(chunked))
        known = self._chunk_ids
        new = [chunk for chunk in dict.fromkeys(chunks) if chunk not in known]
        if new:
            self._learn_chunks(new)
        ids = np.fromiter(map(known.__getitem__, chunks), np.intp, len(chunks))
        counts = np.array(self._chunk_lengths, np.intp)[ids]
        starts = np.array(self._chunk_starts, np.intp)[ids]
        before = np.cumsum(counts) - counts
        places = np.repeat(starts - before, counts) + np.arange(counts.sum())
        tweets = np.repeat(np.repeat(np.arange(len(texts)), lengths), counts)
        return Words(np.array(self._chunk_words, np.intp)[places], tweets)

    def _learn_chunks(self, chunks: Sequence[str]) -> None:
        words = [self._normaliser.chunk_words(chunk) for chunk in chunks]
        ids = self._word_ids(list(chain.from_iterable(words)))
        for chunk, group in zip(chunks, words, strict=True):
            self._chunk_ids[chunk] = len(self._chunk_starts)
            self._chunk_starts.append(len(self._chunk_words))
            self._chunk_lengths.append(len(group))
            self._chunk_words.extend(ids[: len(group)])
            ids = ids[len(group) :]

    def _word_ids(self, words: Sequence[str]) -> list[int]:
        new = [word for word in dict.fromkeys(words) if word not in self._ids]
        if new:
            features = word_features(new, self._settings)
            gathered = self._weights[features.buckets] * features.values[:, None]
            importance = self._importance.of(new)
            rows = np.add.reduceat(gathered, features.starts[:-1], axis=0) * importance[:, None]
            norms = np.add.reduceat(features.values**2, features.starts[:-1]) * importance**2
            self._rows = np.vstack([self._rows, np.column_stack([rows, norms])])
            self._hashes = np.concatenate([self._hashes, features.hashes])
            for word in new:
                self._ids[word] = len(self._ids)
        return [self._ids[word] for word in words]

    def _sum(self, words: Words, tweets: int) -> NDArray[np.float64]:
        total = np.zeros((tweets, self._rows.shape[1]))
        total[:, -1] = 1e-12
        if len(words.ids):
            keys = np.unique(words.tweets * len(self._rows) + words.ids)  # a word counts once in a tweet
            _add(total, keys // len(self._rows), self._rows[keys % len(self._rows)])
            self._add_pairs(total, words)
        return total[:, :-1] / np.sqrt(total[:, -1:]) + self._intercept

    def _add_pairs(self, total: NDArray[np.float64], words: Words) -> None:
        neighbours = np.flatnonzero(words.tweets[1:] == words.tweets[:-1])
        if not len(neighbours):
            return
        hashes = self._hashes[words.ids]
        buckets = pair_buckets(hashes[neighbours], hashes[neighbours + 1], self._settings)
        keys = np.unique(words.tweets[neighbours] * len(self._weights) + buckets)
        rows = np.empty((len(keys), total.shape[1]), np.float32)
        rows[:, :-1] = self._weights[keys % len(self._weights)] * self._settings.pair_value
        rows[:, -1] = self._settings.pair_value**2
        _add(total, keys // len(self._weights), rows)


class WordImportance:
    """How much a word weighs by how rare it is: its inverse document frequency in the training tweets."""

    def __init__(self, normaliser: Normaliser) -> None:
        vocabulary = normaliser.vocabulary
        rarity = np.log((1 + vocabulary.tweets) / (1 + np.array(vocabulary.counts, np.float64))) + 1
        self._rarity: Final = dict(zip(vocabulary.words, rarity.tolist(), strict=True))
        self._unseen: Final = float(np.log(1 + vocabulary.tweets)) + 1

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The importance of each word, shape (words,)."""
        return np.array([self._rarity.get(word, self._unseen) for word in words], np.float32) / np.float32(self._unseen)


def _add(total: NDArray[np.float64], tweets: NDArray[np.intp], rows: NDArray[np.float32]) -> None:
    """Add each row to its tweet; ``tweets`` is sorted."""
    starts = np.flatnonzero(np.diff(tweets, prepend=-1))
    total[tweets[starts]] += np.add.reduceat(rows, starts, axis=0)
