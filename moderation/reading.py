"""Reading a batch of tweets: which words each holds, in numbers, and its style.

What a chunk of raw text becomes is worked out once and kept, so an ordinary tweet is read by dictionary look-ups in C
and arithmetic on whole arrays. The tables are bounded: the owner drops a reader that :attr:`Reader.is_full`, so that no
stream of made-up words makes it grow. What a text is read as does not depend on what the tables hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.features import Pieces, Runs
from moderation.halves import sums_of
from moderation.lexicon import KINDS, kinds_of, parts_of
from moderation.style import COLUMNS, MARKS, chunk_marks, chunk_style, layout_pieces, tweet_styles
from moderation.text import Normaliser, is_letter

_MOST_CHUNKS: Final = 150_000
_MOST_WORDS: Final = 100_000
_ROOM: Final = 4096
_UNMET: Final = -1

STYLE_COLUMNS: Final = COLUMNS + KINDS
"""How many numbers describe the style of a tweet, and how many words of each kind of the lexicon it holds."""

Ids = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


class Reading(msgspec.Struct, frozen=True):
    """A batch of tweets in numbers.

    Attributes:
        words: shape (words,); indices into the reader's words, tweets one after the other.
        tweets: shape (words,); which tweet each word stands in.
        styles: shape (tweets, STYLE_COLUMNS); how they are written, and how many words of each kind they hold.
        kinds: shape (words known by then, KINDS); of which kinds each of the reader's words is, see ``lexicon``.
        first: shape (words,); index among the batch's chunks of the one that the word begins in.
        last: shape (words,); the same of the one that it ends in.
        chunks: the pieces of raw text between white space, tweets one after the other.
        chunk_starts: shape (tweets + 1,); where each tweet's chunks begin among those of the batch.
        layout: how the tweets' pieces look, see ``style.chunk_style``.
        parts: what parts the words play that the lexicon knows, see ``lexicon.parts_of``.
    """

    words: Ids
    tweets: Ids
    styles: NDArray[np.float32]
    kinds: NDArray[np.float32]
    first: Ids
    last: Ids
    chunks: Sequence[str]
    chunk_starts: Ids
    layout: Pieces
    parts: Pieces

    def pieces(self, of: Runs) -> Pieces:
        """What runs are made of."""
        return self.layout if of == "layout" else self.parts

    def kind_slopes(self, tweets: Ids) -> NDArray[np.float32]:
        """How much one word more of each kind adds to the styles of some of the tweets, shape (chosen, KINDS)."""
        return np.exp(-self.styles[tweets, -KINDS:])  # the styles hold log(1 + count)

    def words_of(self, tweets: Ids) -> tuple[Ids, Ids]:
        """The words of some of the tweets.

        Args:
            tweets: shape (chosen,); in ascending order.

        Returns:
            Two arrays of shape (words of these,): which of the chosen tweets each stands in, and its place among the
            words of the batch.
        """
        bounds = np.searchsorted(self.tweets, np.stack([tweets, tweets + 1]))
        lengths = bounds[1] - bounds[0]
        owners = np.repeat(np.arange(len(tweets)), lengths)
        return owners, np.arange(len(owners)) + np.repeat(bounds[0] - np.cumsum(lengths) + lengths, lengths)


class Reader:
    """Reads tweets with one normaliser and remembers what their chunks became.

    Attributes:
        words: every word met so far; the others speak of them by index.
    """

    def __init__(self, normaliser: Normaliser) -> None:
        self.words: Final[list[str]] = []
        self._normaliser: Final = normaliser
        self._word_ids: Final[dict[str, int]] = {}
        self._chunk_ids: Final[dict[str, int]] = {}
        self._starts: Final = Column(np.intp)
        self._lengths: Final = Column(np.intp)
        self._styles: Final = Column(np.intp)
        self._marks: Final = Column(np.float32, (MARKS,))
        self._contents: Final = Column(np.intp)
        self._fragments: Final = Column(np.bool_)
        self._letters: Final = Column(np.bool_)
        self._sums: Final = Column(np.uint64)
        self._powers: Final = Column(np.uint64)
        self._kinds: Final = Column(np.float32, (KINDS,))
        self._parts: Final = Column(np.intp)

    @property
    def is_full(self) -> bool:
        """Whether the tables have reached their limit."""
        return len(self._chunk_ids) > _MOST_CHUNKS or len(self.words) > _MOST_WORDS

    def read(self, texts: Sequence[str]) -> Reading:
        """Read raw tweets."""
        chunked = [text.split() for text in texts]
        chunks = list(chain.from_iterable(chunked))
        lengths = np.fromiter(map(len, chunked), np.intp, len(chunked))
        ids = self._ids_of(chunks)
        tweets = np.repeat(np.arange(len(texts)), lengths)
        words, origins = self._expand(ids)
        words, word_tweets, first, last = self._mended(words, tweets[origins], origins)
        per_tweet = np.bincount(word_tweets, minlength=len(texts))
        distinct = distinct_pairs(word_tweets, words, len(self.words))[0]
        per_tweet_distinct = np.bincount(distinct, minlength=len(texts))
        codes = self._styles.values[ids]
        styles = tweet_styles(codes, self._marks.values[ids], tweets, per_tweet, per_tweet_distinct)
        styles = np.concatenate([styles, self._kinds_in(words, per_tweet)], axis=1)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        pieces = layout_pieces(codes, first, last)
        seen = pieces >= 0
        parts = self._parts.values[words]
        played = np.flatnonzero(parts)
        return Reading(
            words,
            word_tweets,
            styles,
            self._kinds.values,
            first,
            last,
            chunks,
            starts,
            Pieces(tweets[seen], pieces[seen]),
            Pieces(word_tweets[played], parts[played]),
        )

    def _kinds_in(self, words: Ids, lengths: Ids) -> NDArray[np.float32]:
        """How many words of each kind tweets hold, as logarithms: shape (tweets, KINDS)."""
        counts = np.zeros((len(lengths), KINDS), np.float32)
        held = np.flatnonzero(lengths)
        if len(held):
            starts = (np.cumsum(lengths) - lengths)[held]
            counts[held] = np.add.reduceat(self._kinds.values.take(words, axis=0), starts, axis=0)
        return np.log1p(counts)

    def _ids_of(self, chunks: list[str]) -> Ids:
        found = np.fromiter(map(self._chunk_ids.get, chunks, repeat(_UNMET)), np.intp, len(chunks))
        missing = np.flatnonzero(found == _UNMET)
        if len(missing):
            named = self._normaliser.without_names([chunks[place] for place in missing.tolist()])
            self._learn([chunk for chunk in dict.fromkeys(named) if chunk not in self._chunk_ids])
            found[missing] = np.fromiter(map(self._chunk_ids.__getitem__, named), np.intp, len(named))
        return found

    def _learn(self, new: list[str]) -> None:
        if not new:
            return
        words = list(map(self._normaliser.chunk_words, new))
        first = len(self._chunk_ids)
        self._chunk_ids.update(zip(new, range(first, first + len(new)), strict=True))
        lengths = np.fromiter(map(len, words), np.intp, len(words))
        self._starts.extend(np.cumsum(lengths) - lengths + self._contents.size)
        self._lengths.extend(lengths)
        plain = list(map(self._normaliser.undisguised, new, words))
        self._styles.extend(np.fromiter(map(chunk_style, plain), np.intp, len(new)))
        self._marks.extend(chunk_marks(plain))
        self._contents.extend(self._ids_of_words(list(chain.from_iterable(words))))

    def _ids_of_words(self, words: list[str]) -> Ids:
        new = [word for word in dict.fromkeys(words) if word not in self._word_ids]
        if new:
            self._word_ids.update(zip(new, range(len(self.words), len(self.words) + len(new)), strict=True))
            self.words.extend(new)
            self._letters.extend(np.fromiter(map(is_letter, new), np.bool_, len(new)))
            sums, powers = sums_of(new)
            self._sums.extend(sums)
            self._powers.extend(powers)
            kinds = kinds_of(new)
            self._kinds.extend(kinds)
            self._parts.extend(parts_of(kinds))
            self._fragments.extend(np.fromiter(map(self._normaliser.is_fragment, new), np.bool_, len(new)))
        return np.fromiter(map(self._word_ids.__getitem__, words), np.intp, len(words))

    def _expand(self, ids: Ids) -> tuple[Ids, Ids]:
        """The words of chunks, and for each word which of the chunks it came from."""
        lengths = self._lengths.values[ids]
        origins = np.repeat(np.arange(len(ids)), lengths)
        before = np.cumsum(lengths) - lengths
        places = np.arange(len(origins)) + np.repeat(self._starts.values[ids] - before, lengths)
        return self._contents.values[places], origins

    def _mended(self, words: Ids, tweets: Ids, origins: Ids) -> tuple[Ids, Ids, Ids, Ids]:
        """The same with words put together again that white space had taken apart; first and last origins."""
        parts = []
        done = 0
        for tweet in self._suspects(words, tweets).tolist():
            start, end = np.searchsorted(tweets, [tweet, tweet + 1]).tolist()
            mended = self._normaliser.mended([self.words[word] for word in words[start:end].tolist()])
            parts.append((words[done:start], tweets[done:start], origins[done:start], origins[done:start]))
            ids = self._ids_of_words([word for word, _, _ in mended])
            places = np.array([(first, last) for _, first, last in mended], np.intp).reshape(-1, 2) + start
            parts.append((ids, np.full(len(ids), tweet), origins[places[:, 0]], origins[places[:, 1]]))
            done = end
        if not parts:
            return words, tweets, origins, origins
        parts.append((words[done:], tweets[done:], origins[done:], origins[done:]))
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return joined[0], joined[1], joined[2], joined[3]

    def _suspects(self, words: Ids, tweets: Ids) -> Ids:
        """Tweets in which something was taken apart: letters in a row, or a rare word that its neighbour completes."""
        letters = self._letters.values[words]
        rows = letters[:-2] & letters[1:-1] & letters[2:] & (tweets[:-2] == tweets[2:])
        found = np.concatenate([np.flatnonzero(rows), self._split_in_two(words, tweets)])
        return np.unique(tweets[found])

    def _split_in_two(self, words: Ids, tweets: Ids) -> Ids:
        """Where words stand that their next neighbours complete; one of the two is rare."""
        rare = self._fragments.values[words]
        places = np.flatnonzero((rare[:-1] | rare[1:]) & (tweets[:-1] == tweets[1:]))
        sums, first, second = self._sums.values, words[places], words[places + 1]
        places = places[self._normaliser.halves.may_be(sums[first], self._powers.values[first], sums[second])]
        known, halves = self.words, self._normaliser.are_halves
        split = [place for place in places.tolist() if halves(known[words[place]], known[words[place + 1]])]
        return np.array(split, np.intp)


class Column(Generic[Number]):
    """An array that grows at its end, in steps, so that adding to it is cheap.

    Args:
        kind: of the numbers.
        shape: of one element.
    """

    def __init__(self, kind: type[Number], shape: tuple[int, ...] = ()) -> None:
        self.size = 0
        self._room: NDArray[Number] = np.empty((_ROOM, *shape), kind)

    @property
    def values(self) -> NDArray[Number]:
        """What was added so far; a view."""
        return self._room[: self.size]

    def extend(self, values: NDArray[Number]) -> None:
        """Add elements at the end."""
        needed = self.size + len(values)
        if needed > len(self._room):
            room = np.empty((max(needed, 2 * len(self._room)), *self._room.shape[1:]), self._room.dtype)
            room[: self.size] = self.values
            self._room = room
        self._room[self.size : needed] = values
        self.size = needed


def distinct_pairs(first: Ids, second: Ids, limit: int) -> tuple[Ids, Ids]:
    """Pairs of numbers without repetition, sorted; ``limit`` is above every second number."""
    keys = np.sort(first * limit + second)
    kept = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=kept[1:])
    return np.divmod(keys[kept], limit) if limit else (first, second)
