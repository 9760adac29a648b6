"""Undoing what people do to a word so that a filter does not see it.

Digits stand for letters; letters are masked, dropped, doubled, swapped or reversed; words are run together.

Nothing is undone unless it yields a word of the training vocabulary, and the bolder guesses only for words that
tell a class: a rare word of ordinary speech stays as it is. Every guess is a handful of dictionary look-ups in the
length of the word, whatever the word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Final

from moderation.signs import UNREADABLE, readings
from moderation.spelling import RUN, close, deletions, scramble, skeleton, sound, without_vowels
from moderation.vocabulary import Vocabulary

_MASK: Final = re.compile(r"[*#_\-.%?@$!&^+~=]")
_HASHTAG: Final = re.compile(r"#[a-z]{5,}")
_EDGES: Final = re.compile(r"^[*#_\-.%?@$!&^+~=]+|[*#_\-.%?@$!&^+~=]+$")
_LETTER: Final = re.compile(r"[^\W\d_]")
_AMOUNT: Final = re.compile(r"\W*\d[\d,.]*[a-z]{1,2}\W*|[a-z]{1,3}\d+")
_LONG_RUN: Final = re.compile(r"(.)\1{2,}")
_JOINED_COST: Final = 9.0
"""What may be paid, in nats, to read a word as several, beside one nat for each of its letters."""

_MEAN_PART: Final = 2.5
_LONGEST_WORD: Final = 20
_LONGEST_READ: Final = 40
"""Characters of text whose digits and signs are read as letters: two or three may stand for one."""

_OPENING: Final = 4
_SHORT: Final = range(1, _OPENING + 1)
_RARE: Final = 20
_SEEN: Final = 5
_COMMON: Final = 200
_SHORT_WORDS: Final = frozenset(
    [
        "a",
        "i",
        "u",
        "ur",
        "im",
        "am",
        "an",
        "as",
        "at",
        "be",
        "by",
        "do",
        "go",
        "he",
        "hi",
        "if",
        "in",
        "is",
        "it",
        "me",
        "my",
        "no",
        "of",
        "oh",
        "ok",
        "on",
        "or",
        "so",
        "to",
        "up",
        "us",
        "we",
        "ya",
        "yo",
    ]
)
"""The words of one or two letters that others may fall apart into."""


class Repairs:
    """The tables behind the guesses, made from a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._counts: Final = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
        self._telling: Final = {w for w, tells in zip(vocabulary.words, vocabulary.telling, strict=True) if tells}
        total = sum(vocabulary.counts) + 1
        self._cost: Final = {
            word: math.log(total / count)
            for word, count in self._counts.items()
            if len(word) > 2 or word in _SHORT_WORDS  # noqa: PLR2004
        }
        self._longer: Final = _lengths_by_opening(self._cost)
        self._by_ends: Final[dict[tuple[int, str, str], list[str]]] = {}
        self._deletions: Final[dict[str, str]] = {}
        self._skeletons: Final[dict[str, str]] = {}
        self._sounds: Final[dict[str, str]] = {}
        self._scrambles: Final[dict[tuple[str, str, str], str]] = {}
        for word in vocabulary.words:
            for ends in ((word[0], word[-1]), (word[0], ""), ("", word[-1])):
                self._by_ends.setdefault((len(word), *ends), []).append(word)
            if word in self._telling:
                self._index(word)

    def _index(self, word: str) -> None:
        self._skeletons.setdefault(skeleton(word), word)
        self._sounds.setdefault(sound(word), word)
        if len(word) >= 4:  # noqa: PLR2004 - of a shorter word a deletion leaves next to nothing
            self._scrambles.setdefault(scramble(word), word)
            self._deletions[word] = word
            for shorter in deletions(word):
                if shorter not in self._telling:
                    self._deletions.setdefault(shorter, word)

    def word(self, word: str) -> tuple[str, ...]:
        """What a run of letters and digits that is not in the vocabulary stands for; itself if nothing fits."""
        if not word.isascii() or word.isdigit():
            return (word,)
        plain = self._unleet(word) if not word.isalpha() else None
        if plain:
            return (plain,)
        squeezed = self._squeeze(word)
        if squeezed in self._counts or len(squeezed) < 4 or not squeezed.isalpha():  # noqa: PLR2004
            return (squeezed,)
        return self._guess(squeezed)

    def signs(self, text: str) -> str | None:
        """The word behind text with signs for letters or over letters (``$h1t``, ``f**k``), or None."""
        found = self._unleet(text)
        return found if found or _HASHTAG.fullmatch(text) else self._unmask(text)

    def segment(self, letters: str, *, certain: bool) -> tuple[str, ...] | None:
        """The most likely words that, run together, give these letters (Viterbi); None if there are none, or unlikely.

        Args:
            letters: any length; the time is linear in it.
            certain: whether the letters are known to have been taken apart, so that any reading is better than none.
        """
        size = len(letters)
        most = math.inf if certain else math.nextafter(_JOINED_COST + size, math.inf)
        costs = [0.0, *[most] * size]
        origins = [0] * (size + 1)
        known, longer = self._cost.get, self._longer.get
        for start in range(size):
            so_far = costs[start]
            if so_far == most:
                continue
            for length in (*_SHORT, *longer(letters[start : start + _OPENING], ())):
                end = start + length
                if end > size:
                    break
                cost = known(letters[start:end])
                if cost is not None and so_far + cost < costs[end]:
                    costs[end] = so_far + cost
                    origins[end] = start
        if costs[size] == most:
            return None
        words = []
        end = size
        while end:
            words.append(letters[origins[end] : end])
            end = origins[end]
        return tuple(reversed(words)) if size >= _MEAN_PART * len(words) else None

    def rejoined(self, first: str, second: str) -> str | None:
        """The word that two neighbours are halves of, or None: it must be far more common than the rarer half."""
        whole = self._counts.get(first + second, 0)
        if not whole:
            return None
        rarer = min(self._counts.get(first, 0), self._counts.get(second, 0))
        return first + second if whole > 3 * rarer + 4 and rarer < _RARE else None

    def is_fragment(self, word: str) -> bool:
        """Whether a word is so rare that it may be half of another."""
        return word.isalpha() and self._counts.get(word, 0) < _RARE

    def _guess(self, word: str) -> tuple[str, ...]:
        found = self._misspelt(word) or self._reshaped(word) if len(word) <= _LONGEST_WORD + 2 else None
        if found:
            return (found,)
        parts = self.segment(word, certain=False) if len(word) >= 7 else None  # noqa: PLR2004 - shorter: by chance
        return parts or (word,)

    def _reshaped(self, word: str) -> str | None:
        """A telling word written backwards, with its middle shuffled, without its vowels, or as it sounds."""
        if word[::-1] in self._telling:
            return word[::-1]
        found = self._scrambles.get(scramble(word))
        if found:
            return found
        if len(without_vowels(word)) + 2 >= len(word):  # one vowel may be left, beside the first letter
            bare = skeleton(word)
            if len(bare) >= 3 and len(word) <= len(bare) + 1:  # noqa: PLR2004
                found = self._skeletons.get(bare)
                if found:
                    return found
        heard = sound(word)
        return self._sounds.get(heard) if len(heard) >= 3 else None  # noqa: PLR2004

    def _misspelt(self, word: str) -> str | None:
        """A telling word with the same first letter, one letter more, fewer, changed or swapped away."""
        if len(word) < 5:  # noqa: PLR2004
            return None
        best, most = None, 0
        for found in filter(None, map(self._deletions.get, (word, *deletions(word)))):
            if found[0] == word[0] and self._counts[found] > most and close(found, word):
                best, most = found, self._counts[found]
        return best

    def _squeeze(self, word: str) -> str:
        """The word with runs of a letter shortened, as few as give a known word; runs of three at least to two."""
        if not RUN.search(word):
            return word
        twice = _LONG_RUN.sub(r"\1\1", word)
        return next(filter(self._counts.__contains__, _squeezed(word, twice)), twice)

    def _unleet(self, text: str) -> str | None:
        if len(text) > _LONGEST_READ or UNREADABLE.search(text) or not _LETTER.search(text):
            return None
        least = _COMMON if _AMOUNT.fullmatch(text) or len(text) < 3 else _SEEN  # noqa: PLR2004
        read = list(readings(text))
        squeezed = [self._squeeze(reading) for reading in read[:2] if reading.isalpha()]
        for word in (*read, *squeezed):
            if word in self._telling or self._counts.get(word, 0) >= least:
                return word
        return None

    def _unmask(self, text: str) -> str | None:
        """The word that fits around masked letters: one that tells a class, else the most common."""
        if not 3 <= len(text) <= _LONGEST_WORD or not _MASK.search(text):  # noqa: PLR2004
            return None
        inside = _EDGES.sub("", text)
        if len(inside) >= 3 and inside in self._counts:  # noqa: PLR2004 - a word between signs, not behind them
            return inside
        first = "" if _MASK.match(text[0]) else text[0]
        last = "" if _MASK.match(text[-1]) else text[-1]
        if not first and not last:
            return None
        known = [(place, letter) for place, letter in enumerate(text) if not _MASK.match(letter)]
        if len(known) == 1:
            place, letter = known[0]
            fitting = [word for word in self._by_ends.get((len(text), first, last), ()) if word[place] == letter]
        else:
            letters = itemgetter(*(place for place, _ in known))
            wanted = tuple(letter for _, letter in known)
            fitting = [word for word in self._by_ends.get((len(text), first, last), ()) if letters(word) == wanted]
        if not fitting or (len(known) == 1 and fitting[0] not in self._telling and len(text) < 4):  # noqa: PLR2004
            return None
        return next((word for word in fitting if word in self._telling), fitting[0])


def _lengths_by_opening(words: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """By their first letters, how long the words that go on after these are, in ascending order."""
    lengths: dict[str, set[int]] = {}
    for word in words:
        if len(word) > _OPENING:
            lengths.setdefault(word[:_OPENING], set()).add(len(word))
    return {opening: tuple(sorted(found)) for opening, found in lengths.items()}


def _squeezed(word: str, twice: str) -> Iterator[str]:
    """What a word with runs of a letter may be short for, likeliest first."""
    yield twice
    if twice != word:
        yield _LONG_RUN.sub(r"\1", word)
    yield from _one_run_kept(word)
    yield RUN.sub(r"\1", word)


def _one_run_kept(word: str) -> Iterator[str]:
    """The word with every run of a letter shortened to one, but one run, which keeps two."""
    runs = list(RUN.finditer(word))
    for kept in runs[:4] if len(runs) > 1 else ():  # of a single run, two are what has been tried
        yield RUN.sub(r"\1", word[: kept.start()]) + kept.group(1) * 2 + RUN.sub(r"\1", word[kept.end() :])
