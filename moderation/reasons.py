"""The pieces of raw tweets that spoke most for a class: from weights of words to places in the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.messages import Reason
from moderation.reading import Ids, Reading

_DECIMALS: Final = 4


class Weighed(msgspec.Struct, frozen=True):
    """Words of the tweets that are to be explained, see :meth:`moderation.reading.Reading.words_of`.

    Attributes:
        owners: shape (words,); which of these tweets each stands in, in ascending order.
        places: shape (words,); where each stands among the words of the batch.
        weights: shape (words,); how much each spoke for the class of its tweet.
    """

    owners: Ids
    places: Ids
    weights: NDArray[np.floating]

    def __getitem__(self, chosen: NDArray[np.integer | np.bool_]) -> Weighed:
        """Some of the words."""
        return Weighed(self.owners[chosen], self.places[chosen], self.weights[chosen])

    def ranked(self) -> Weighed:
        """The words that spoke for the class of their tweet and not against it, heaviest first within each tweet."""
        speaking = self[self.weights > 0]
        return speaking[np.lexsort((-speaking.weights, speaking.owners))]

    def best(self, number: int) -> Weighed:
        """The first so many of each tweet."""
        return self[np.arange(len(self.owners)) - np.searchsorted(self.owners, self.owners) < number]


def heaviest(texts: Sequence[str], reading: Reading, tweets: Ids, words: Weighed, limit: int) -> list[list[Reason]]:
    """The reasons of tweets, heaviest first; no word and no piece of the text twice.

    Args:
        texts: a batch of raw tweets.
        reading: of these.
        tweets: shape (explained,); which of them to explain, in ascending order.
        words: of these tweets.
        limit: the most reasons per tweet.
    """
    words = words.ranked()
    words = words[_first_of_each(words.owners, reading.words[words.places])]
    words = words[_first_of_each(reading.first[words.places], reading.last[words.places])].best(limit)
    starts, ends = _places(texts, reading)
    reasons: list[list[Reason]] = [[] for _ in tweets]
    for owner, tweet, start, end, weight in zip(
        words.owners.tolist(),
        tweets[words.owners].tolist(),
        starts[reading.first[words.places]].tolist(),
        ends[reading.last[words.places]].tolist(),
        np.round(words.weights.astype(np.float64), _DECIMALS).tolist(),
        strict=True,
    ):
        reasons[owner].append(Reason(texts[tweet][start:end], weight, start, end))
    return reasons


def _first_of_each(first: Ids, second: Ids) -> Ids:
    """Where pairs of numbers come for the first time, in ascending order."""
    return np.sort(np.unique(first * (second.max(initial=0) + 1) + second, return_index=True)[1])


def _places(texts: Sequence[str], reading: Reading) -> tuple[Ids, Ids]:
    """Where each chunk of a batch begins and ends in its tweet, in characters."""
    lengths = np.fromiter(map(len, reading.chunks), np.intp, len(reading.chunks))
    bounds = reading.chunk_starts
    counts = np.diff(bounds)
    ends = np.concatenate([[0], np.cumsum(lengths + 1)])
    starts = ends[:-1] - np.repeat(ends[bounds[:-1]], counts)
    # What stands above is right for tweets with single spaces between their chunks and nothing around them.
    longest = ends[bounds[1:]] - ends[bounds[:-1]] - 1
    for tweet in np.flatnonzero(longest != np.fromiter(map(len, texts), np.intp, len(texts))).tolist():
        text, start = texts[tweet], 0
        for place in range(bounds[tweet], bounds[tweet + 1]):
            chunk = reading.chunks[place]
            start = text.find(chunk, start)
            starts[place] = start
            start += len(chunk)
    return starts, starts + lengths
