"""How a tweet is written, beside what it says: mentions, links, shouting, quotation, how sentences end, how long it is.

Styles are counted over chunks of raw text, so a chunk's part is worked out once and kept with its words. Disguised
words count as plain ones: how somebody hides a word must not move the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Shape(IntEnum):
    """What a chunk looks like."""

    PLAIN = 0
    TITLE = 1
    SHOUT = 2
    USER = 3
    REPLY_DOT = 4
    URL = 5
    HASHTAG = 6
    NUMBER = 7
    SYMBOL = 8
    ENTITY = 9
    RETWEET = 10
    NEUTRAL = 11


class Closing(IntEnum):
    """How a chunk ends."""

    NONE = 0
    STOP = 1
    COMMA = 2
    EXCLAMATION = 3
    QUESTION = 4
    ELLIPSIS = 5
    QUOTE = 6
    COLON = 7
    BRACKET = 8
    MANY = 9


_CLOSINGS: Final[dict[str, Closing]] = {
    ".": Closing.STOP,
    ",": Closing.COMMA,
    "!": Closing.EXCLAMATION,
    "?": Closing.QUESTION,
    "\u2026": Closing.ELLIPSIS,
    '"': Closing.QUOTE,
    "\u201d": Closing.QUOTE,
    "'": Closing.QUOTE,
    ":": Closing.COLON,
    ";": Closing.COLON,
    ")": Closing.BRACKET,
}
_OPENINGS: Final = frozenset("\"'(\u201c\u2018-*")
_SHAPES: Final = len(Shape)
_ENDS: Final = len(Closing)
_STARTS: Final = 2

CODES: Final = _SHAPES * _ENDS * _STARTS
"""Chunk styles are numbers below this: shape, closing and whether something opens, in one."""

_SIGNS: Final = "&-/'*_.\",!?:"
MARKS: Final = 4 + len(_SIGNS)
"""How many counts of characters are kept of a chunk: all, capitals, digits, beyond ASCII, and each of some signs."""

COLUMNS: Final = 2 * (_SHAPES + _ENDS + 1) + _SHAPES + _ENDS + 2 * MARKS + 8
"""How many numbers describe the style of a tweet."""

_LONG: Final = 140


def chunk_style(chunk: str) -> int:
    """The code of a chunk of raw text."""
    if chunk.isalpha():  # most are
        return (Shape.URL if chunk.startswith("http") else _word_shape(chunk)) * _ENDS * _STARTS
    closing = _CLOSINGS.get(chunk[-1], Closing.NONE)
    if closing and len(chunk) > 1 and chunk[-2] == chunk[-1]:
        closing = Closing.ELLIPSIS if closing is Closing.STOP else Closing.MANY
    return (_shape(chunk) * _ENDS + closing) * _STARTS + (chunk[0] in _OPENINGS)


def chunk_marks(chunks: Sequence[str]) -> NDArray[np.float32]:
    """Counts of the characters of chunks of raw text, shape (chunks, MARKS)."""
    encoded = [chunk.encode("utf-8", "surrogatepass") for chunk in chunks]
    lengths = np.fromiter(map(len, encoded), np.intp, len(encoded))
    kinds = _KINDS[np.frombuffer(b"".join(encoded), np.uint8)]
    counts = _count(np.repeat(np.arange(len(chunks)), lengths), kinds, len(chunks), MARKS)
    counts[:, 0] = np.fromiter(map(len, chunks), np.float32, len(chunks))
    return counts


def _kinds() -> NDArray[np.intp]:
    """Which column each byte counts in; the first for those that only count as characters."""
    kinds = np.zeros(256, np.intp)
    kinds[ord("A") : ord("Z") + 1] = 1
    kinds[ord("0") : ord("9") + 1] = 2
    kinds[0xC0:] = 3  # the first byte of a character beyond ASCII
    for number, sign in enumerate(_SIGNS):
        kinds[ord(sign)] = 4 + number
    return kinds


_KINDS: Final = _kinds()


def _shape(chunk: str) -> Shape:
    first = chunk[0]
    if first == "@":
        return Shape.USER
    if first == "#":
        return Shape.HASHTAG
    if chunk.startswith("http"):
        return Shape.URL
    if first == "&":
        return Shape.ENTITY
    if first == "." and chunk.startswith(".@"):
        return Shape.REPLY_DOT
    return _letters(chunk)


def _letters(chunk: str) -> Shape:
    core = chunk.strip("\"'()[].,:;?!\u2026\u201c\u201d*-")
    if not core:
        return Shape.SYMBOL
    if core.isdigit():
        return Shape.NUMBER
    if core.isalpha():
        return _word_shape(core)
    return Shape.NEUTRAL if len(core) == 1 else Shape.PLAIN


def _word_shape(word: str) -> Shape:
    """What a chunk looks like whose letters are these, all of them."""
    if len(word) == 1:
        return Shape.NEUTRAL
    if word.isupper():
        return Shape.RETWEET if word == "RT" else Shape.SHOUT
    return Shape.TITLE if word[0].isupper() else Shape.PLAIN


def layout_pieces(codes: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.intp]:
    """What of a batch's chunks belongs to the layout of their tweets.

    A word that was taken apart counts as one plain piece, and single letters, which may be what is left of one, are
    no pieces.

    Args:
        codes: shape (chunks,); the chunks' codes.
        first: shape (words,); the chunk in which each word begins.
        last: shape (words,); the chunk in which each word ends.

    Returns:
        Shape (chunks,): the codes of the pieces, and -1 where there is none.
    """
    pieces = np.where(codes // (_STARTS * _ENDS) == Shape.NEUTRAL, -1, codes)
    apart = np.flatnonzero(last > first)
    for begin, end in zip(first[apart].tolist(), last[apart].tolist(), strict=True):
        pieces[begin:end] = -1
        pieces[end] = codes[end] % (_STARTS * _ENDS)
    return pieces


def tweet_styles(
    codes: NDArray[np.intp],
    marks: NDArray[np.float32],
    tweets: NDArray[np.intp],
    words: NDArray[np.intp],
    distinct: NDArray[np.intp],
) -> NDArray[np.float32]:
    """The style of each tweet of a batch.

    Args:
        codes: shape (chunks,); the chunks' codes, tweets one after the other.
        marks: shape (chunks, MARKS); the counts of their characters.
        tweets: shape (chunks,); which tweet each chunk stands in.
        words: shape (tweets,); how many words each has.
        distinct: shape (tweets,); how many different ones.

    Returns:
        Shape (tweets, COLUMNS): logarithms of counts, shares of chunks, and what comes first and last.
    """
    count = len(words)
    starts = codes % _STARTS
    closings = codes // _STARTS % _ENDS
    shapes = codes // (_STARTS * _ENDS)
    sums = np.zeros((count, MARKS), np.float32)
    first = np.zeros((count, _SHAPES), np.float32)
    last = np.zeros((count, _ENDS), np.float32)
    if len(codes):
        begins = np.flatnonzero(np.diff(tweets, prepend=-1))
        ends = np.append(begins[1:], len(codes)) - 1
        holders = tweets[begins]
        sums[holders] = np.add.reduceat(marks, begins, axis=0)
        first[holders, shapes[begins]] = 1
        last[holders, closings[ends]] = 1
    counts = np.concatenate(
        [
            _count(tweets, shapes, count, _SHAPES),
            _count(tweets, closings, count, _ENDS),
            np.bincount(tweets, starts, count).astype(np.float32)[:, None],
        ],
        axis=1,
    )
    chunks = counts[:, :_SHAPES].sum(axis=1, keepdims=True) - counts[:, [Shape.NEUTRAL]]
    characters = sums[:, :1] + chunks
    parts: Sequence[NDArray[np.float32]] = (
        np.log1p(counts),
        counts / np.maximum(chunks, 1),
        first,
        last,
        np.log1p(sums),
        sums / np.maximum(characters, 1),
        _lengths(words, distinct),
        np.log1p(chunks),
        np.minimum(characters, _LONG) / _LONG,
        characters > _LONG,
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def _lengths(words: NDArray[np.intp], distinct: NDArray[np.intp]) -> NDArray[np.float32]:
    """How long tweets are, in words, so that short and long differ most; and how much they repeat themselves."""
    length = np.log1p(words)
    repeated = (words + 1) / (distinct + 1)
    columns = (length, length**2 / 4, np.minimum(words, 10) / 10, np.minimum(words, 25) / 25, repeated)
    return np.stack(columns, axis=1).astype(np.float32)


def _count(tweets: NDArray[np.intp], kinds: NDArray[np.intp], rows: int, columns: int) -> NDArray[np.float32]:
    counted = np.bincount(tweets * columns + kinds, minlength=rows * columns)
    return counted.reshape(rows, columns).astype(np.float32)
