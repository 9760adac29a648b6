"""What the model sees of a tweet: hashed words, pairs of neighbours, character n-grams of each word, and layout.

No character n-gram crosses a word's boundary (scikit-learn calls this ``char_wb``), so everything that a word adds to
a tweet depends on the word alone. Training uses this to build its matrix from one row per distinct word, and serving
to look a word's share of the scores up instead of hashing the same words again and again (:mod:`moderation.scorer`).

Layout is the order in which a tweet's pieces stand, by what they look like (:mod:`moderation.style`): a mention first,
then plain words, a link at the end. Parts are the order in which the words stand that :mod:`moderation.lexicon` knows,
by what they do: a group, then "not", then filth. Each makes a vector of its own beside that of the words.

The hash is a polynomial in 64-bit arithmetic over UTF-8 bytes, finished by the mixer of SplitMix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). It is numpy over the whole batch, and
gives the same buckets on every platform and in every version of Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError

_PRIME: Final = np.uint64(0x100000001B3)
_WORD_SEED: Final = np.uint64(0x9E3779B97F4A7C15)
_PAIR_SEED: Final = np.uint64(0xD1B54A32D192ED03)
_START: Final = np.uint64(0x8CB92BA72F3D8DD7)
_END: Final = np.uint64(0xA0761D6478BD642F)
_RUN_SEEDS: Final = {"layout": np.uint64(0xE7037ED1A0B428DB), "parts": np.uint64(0x589965CC75374CC3)}
_LONGEST_RUNS: Final = {"layout": 4, "parts": 3}
"""Parts are few: longer runs of them would be sentences known by heart."""
_BOUNDARY: Final = b" "
_FEWEST_BITS: Final = 2
_MAX_BITS: Final = 20

Runs = Literal["layout", "parts"]


class Pieces(msgspec.Struct, frozen=True):
    """What stands in a batch of tweets one after the other, in numbers: how pieces look, or what parts words play.

    Attributes:
        tweets: shape (pieces,); which tweet each stands in, in ascending order.
        codes: shape (pieces,); what each is, from nought.
    """

    tweets: NDArray[np.intp]
    codes: NDArray[np.intp]


class FeatureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How words become features.

    Attributes:
        bits: the features are hashed into ``2 ** bits`` buckets, words and pairs into the lower half.
        shortest: length of the shortest character n-gram, in bytes, boundaries included.
        longest: length of the longest character n-gram.
        word_value: value of the feature "the word itself", beside 1 for each n-gram.
        pair_value: value of the feature "these two words follow each other".
        layout_value: length of the vector of layout features, beside 1 for that of the words; 0 for none.
        parts_value: the same of the vector of parts.
        style: whether :mod:`moderation.style` and the kinds of words that :mod:`moderation.lexicon` lists stand beside
            the scores of the words.
    """

    bits: int = 17
    style: bool = False
    shortest: int = 3
    longest: int = 5
    word_value: float = 2.0
    pair_value: float = 1.0
    layout_value: float = 0.0
    parts_value: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that no model was trained with.

        Raises:
            BadArtefactError: settings come from the artefact, so theirs is the fault.
        """
        if not _FEWEST_BITS <= self.bits <= _MAX_BITS or not 1 <= self.shortest <= self.longest <= _MAX_BITS:
            raise BadArtefactError("the feature settings are out of range")

    def runs(self) -> list[tuple[Runs, float]]:
        """The runs that are features, and how long the vector of each is."""
        values: dict[Runs, float] = {"layout": self.layout_value, "parts": self.parts_value}
        return [(of, value) for of, value in values.items() if value]


class WordFeatures(msgspec.Struct, frozen=True):
    """The features of a list of words, as the three arrays of a compressed sparse row matrix, and each word's hash.

    Attributes:
        buckets: shape (features,), int64; which bucket each feature falls into.
        values: shape (features,), float32; before any weighting of the word.
        starts: shape (words + 1,), int64; features ``starts[i]`` to ``starts[i + 1]`` belong to word ``i``, the first
            of which is the word itself.
        hashes: shape (words,), uint64; what :func:`pair_features` takes.
    """

    buckets: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def word_features(words: Sequence[str], settings: FeatureSettings) -> WordFeatures:
    """Hash words and their character n-grams, all of them at once.

    Args:
        words: none of them empty.
        settings: of the model.
    """
    padded = [_BOUNDARY + word.encode("utf-8", "surrogatepass") + _BOUNDARY for word in words]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    letters = np.frombuffer(b"".join(padded), np.uint8).astype(np.uint64) + np.uint64(1)
    ends = np.cumsum(lengths)
    room = np.repeat(ends, lengths) - np.arange(len(letters))  # bytes from here to the end of the word

    # A row for each letter: the word itself where it begins, then the n-grams that begin there.
    keys = np.empty((len(letters), settings.longest - settings.shortest + 2), np.uint64)
    kept = np.zeros(keys.shape, np.bool_)
    hashes = _word_hashes(letters, ends - lengths, ends)
    keys[ends - lengths, 0] = hashes
    kept[ends - lengths, 0] = True
    rolling = np.zeros(len(letters), np.uint64)
    for size in range(1, settings.longest + 1):
        rolling = rolling[: len(letters) - size + 1] * _PRIME + letters[size - 1 :]
        if size >= settings.shortest:
            column = size - settings.shortest + 1
            keys[: len(rolling), column] = rolling + np.uint64(size)
            kept[: len(rolling), column] = room[: len(rolling)] >= size
    buckets = _bucket(keys[kept], settings)
    values = np.ones(len(buckets), np.float32)
    before = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])  # features of letters that come before this one
    starts = before[np.concatenate([[0], ends])]
    buckets += 1 << (settings.bits - 1)
    buckets[starts[:-1]] -= 1 << (settings.bits - 1)
    values[starts[:-1]] = settings.word_value
    return WordFeatures(buckets, values, starts, hashes)


def pair_features(
    tweets: NDArray[np.intp], hashes: NDArray[np.uint64], settings: FeatureSettings
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Pairs of words that follow each other; the first word of a tweet follows its start, and its end the last word.

    Args:
        tweets: shape (words,); which tweet each word stands in, in ascending order.
        hashes: shape (words,); of the words, from :func:`word_features`.
        settings: of the model.

    Returns:
        Two arrays of shape (pairs,): the tweet and the bucket of each, not in order.
    """
    if not len(tweets):
        return tweets, np.zeros(0, np.int64)
    same = tweets[1:] == tweets[:-1]
    inside = np.flatnonzero(same)
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    last = np.flatnonzero(np.concatenate([~same, [True]]))
    before = np.concatenate([hashes[inside], np.full(len(first), _START), hashes[last]])
    after = np.concatenate([hashes[inside + 1], hashes[first], np.full(len(last), _END)])
    owners = np.concatenate([tweets[inside], tweets[first], tweets[last]])
    return owners, _bucket((before ^ _PAIR_SEED) * _PRIME + after, settings)


def run_features(pieces: Pieces, settings: FeatureSettings, of: Runs) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Runs of up to four pieces of a tweet, or three parts, start and end among them.

    Args:
        pieces: what follows each other.
        settings: of the model.
        of: what these are; runs of one thing are other features than those of another.

    Returns:
        Two arrays of shape (runs,): the tweet of each, in ascending order, and its bucket; a run may come more than
        once.
    """
    tweets, codes = pieces.tweets, pieces.codes
    new = np.concatenate([[True], tweets[1:] != tweets[:-1]]) if len(tweets) else np.zeros(0, np.bool_)
    before = 2 * np.cumsum(new) - 1  # starts and ends of tweets that come before this piece
    holders = tweets[new]
    count = len(tweets) + 2 * len(holders)
    line = np.full(count, 2, np.uint64)
    owners = np.full(count, -1, np.intp)
    places = np.arange(len(tweets)) + before
    line[places] = codes.astype(np.uint64) + np.uint64(3)
    owners[places] = tweets
    starts = places[new] - 1
    ends = np.append(starts[1:] - 1, count - 1)[: len(starts)]
    line[starts] = 1
    owners[starts] = owners[ends] = holders
    runs = np.full(count, _RUN_SEEDS[of])
    keys = np.empty((count, _LONGEST_RUNS[of]), np.uint64)
    kept = np.zeros(keys.shape, np.bool_)
    for size in range(1, min(_LONGEST_RUNS[of], count) + 1):
        runs = runs[: count - size + 1] * _PRIME + line[size - 1 :]
        keys[: len(runs), size - 1] = runs
        kept[: len(runs), size - 1] = owners[: len(runs)] == owners[size - 1 :]
    return np.repeat(owners, kept.sum(axis=1)), _bucket(keys[kept], settings)


def run_scales(owners: NDArray[np.intp], tweets: int, value: float) -> NDArray[np.float64]:
    """What each tweet's runs are multiplied by, shape (tweets,), so that they are about ``value`` long in all."""
    return value / np.sqrt(np.maximum(np.bincount(owners, minlength=tweets), 1))


def _word_hashes(letters: NDArray[np.uint64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One hash per word: the sum of its letters times powers of the prime, which needs no loop over letters."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    longest = int((ends - starts).max())
    powers = np.cumprod(np.full(longest, _PRIME, np.uint64))
    place = np.arange(len(letters)) - np.repeat(starts, ends - starts)
    return _mix(np.add.reduceat(letters * powers[place], starts) + _WORD_SEED)


def _bucket(hashes: NDArray[np.uint64], settings: FeatureSettings) -> NDArray[np.int64]:
    return (_mix(hashes) >> np.uint64(65 - settings.bits)).astype(np.int64)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the input moves every bit of the output."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
