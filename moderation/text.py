"""The one normaliser: from the text of a tweet to the words that the model sees, in training and serving alike.

A tweet is cut at white space into chunks, and each chunk is normalised by itself. So what a chunk becomes can be
remembered, and every word can be traced back to its place in the raw text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

USER: Final = "<user>"
URL: Final = "<url>"
TOKENS: Final = (USER, URL)
"""The words that stand for something else; no other word holds an angle bracket."""

_CHUNK: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"\w+")
_APOSTROPHES: Final = re.compile("['\u2018\u2019`\u00b4]")
_URL: Final = re.compile(r"https?:|www\.|t\.co/", re.IGNORECASE)
_LONGEST_CHUNK: Final = 256


class Token(msgspec.Struct, frozen=True):
    """A normalised word, and the characters of the raw text that it came from."""

    word: str
    start: int
    end: int


class Vocabulary(msgspec.Struct, frozen=True):
    """The words of the training tweets, and in how many tweets each was seen.

    Attributes:
        words: most frequent first.
        counts: tweets that hold the word; as long as ``words``.
        tweets: how many tweets were counted.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    tweets: int


class Normaliser:
    """Turns raw text into words. It holds no state but its tables, so the same text always gives the same words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary: Final = vocabulary
        self._counts: Final = dict(zip(vocabulary.words, vocabulary.counts, strict=True))

    def chunk_words(self, chunk: str) -> tuple[str, ...]:
        """The words of a piece of raw text that holds no white space; none if it is punctuation only."""
        if chunk in TOKENS:
            return (chunk,)
        lowered = chunk.lower()
        if lowered in self._counts:
            return (lowered,)
        return _split(chunk)

    def words(self, text: str) -> list[str]:
        """The words of a tweet, in order."""
        return [word for chunk in text.split() for word in self.chunk_words(chunk)]

    def tokens(self, text: str) -> list[Token]:
        """The words of a tweet with their places, in order."""
        return [
            Token(word, match.start(), match.end())
            for match in _CHUNK.finditer(text)
            for word in self.chunk_words(match.group())
        ]

    def normalise(self, text: str) -> str:
        """The words of a tweet, separated by single spaces. Normalising the result again changes nothing."""
        return " ".join(token.word for token in self.tokens(text))


def learn_vocabulary(texts: Iterable[str], *, least: int = 2, most: int = 30_000) -> Vocabulary:
    """Count the words of the training tweets.

    Args:
        texts: raw tweets.
        least: words in fewer tweets than this are left out; so is everything that is not letters only.
        most: how many words to keep.
    """
    counts: Counter[str] = Counter()
    tweets = 0
    for words in map(set, _bare_words(texts)):
        tweets += 1
        counts.update(words)
    kept = [(word, count) for word, count in counts.items() if count >= least and word.isalpha()]
    kept.sort(key=lambda item: (-item[1], item[0]))
    return Vocabulary(tuple(w for w, _ in kept[:most]), tuple(c for _, c in kept[:most]), tweets)


def _bare_words(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    normaliser = Normaliser(Vocabulary((), (), 0))
    for text in texts:
        yield [word for chunk in text.split() for word in normaliser.chunk_words(chunk)]


def _split(chunk: str) -> tuple[str, ...]:
    if "&" in chunk:
        chunk = html.unescape(chunk)
    if _URL.search(chunk):
        return (URL,)
    if chunk[0] == "@" and len(chunk) > 1:
        return (USER,)
    if not chunk.isascii():
        chunk = "".join(c for c in unicodedata.normalize("NFKD", chunk) if not unicodedata.combining(c))
    chunk = _APOSTROPHES.sub("", chunk[:_LONGEST_CHUNK].lower())
    return tuple(word for part in _WORD.findall(chunk) for word in part.split("_") if word)
