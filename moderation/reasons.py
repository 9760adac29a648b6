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
_CANDIDATES: Final = 2
"""So many times as many words are looked at as reasons are wanted: a word may come twice, and so may a piece."""


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

    def best(self, number: int) -> Weighed:
        """So many words of each tweet that spoke for its class and not against it, heaviest first."""
        order = np.lexsort((-self.weights, self.owners))
        owners = self.owners[order]
        rank = np.arange(len(order)) - np.searchsorted(owners, owners)
        kept = order[(rank < number) & (self.weights[order] > 0)]
        return Weighed(self.owners[kept], self.places[kept], self.weights[kept])


def heaviest(texts: Sequence[str], reading: Reading, tweets: Ids, words: Weighed, limit: int) -> list[list[Reason]]:
    """The reasons of tweets, heaviest first; no word and no piece of the text twice.

    Args:
        texts: a batch of raw tweets.
        reading: of these.
        tweets: shape (explained,); which of them to explain, in ascending order.
        words: of these tweets.
        limit: the most reasons per tweet.
    """
    words = words.best(_CANDIDATES * limit)
    starts, ends = _places(texts, reading)
    reasons: list[list[Reason]] = [[] for _ in tweets]
    seen: set[tuple[int, int]] = set()
    told: set[tuple[int, int, int]] = set()
    for owner, tweet, word, start, end, weight in zip(
        words.owners.tolist(),
        tweets[words.owners].tolist(),
        reading.words[words.places].tolist(),
        starts[reading.first[words.places]].tolist(),
        ends[reading.last[words.places]].tolist(),
        words.weights.tolist(),
        strict=True,
    ):
        of_tweet = reasons[owner]
        if len(of_tweet) == limit or (owner, word) in seen:
            continue
        seen.add((owner, word))
        if (owner, start, end) not in told:
            told.add((owner, start, end))
            of_tweet.append(Reason(texts[tweet][start:end], round(weight, _DECIMALS), start, end))
    return reasons


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
