"""Ways to disguise a tweet, for training on: letters left out, swapped, masked, spaced, respelt, words run together.

What the normaliser undoes leaves a tweet as it was; what it cannot undo the model has then seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from training_jobs.fitting.phrases import fill

_LOOKALIKES: Final = dict(zip("aeoicpsxy", "\u0430\u0435\u043e\u0456\u0441\u0440\u0455\u0445\u0443", strict=True))
_DIGITS: Final = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}
_SPELLINGS: Final = (
    ("ck", "k"),
    ("c", "k"),
    ("s", "z"),
    ("f", "ph"),
    ("oo", "u"),
    ("y", "i"),
    ("er", "a"),
    ("ight", "ite"),
)


def disguise(text: str, chance: random.Random) -> str:
    """A copy of a tweet in which some words, or all, are disguised in one way."""
    if chance.random() < _WHOLE_SHARE:
        return chance.choice(_WHOLE_WAYS)(text, chance)
    way = chance.choice(_WAYS)
    share = chance.choice((0.3, 0.6, 1.0))
    words = text.split(" ")
    return " ".join(way(word, chance) if _may_change(word) and chance.random() < share else word for word in words)


def _may_change(word: str) -> bool:
    """Whether a word is long enough to be disguised, and neither a mention, a hashtag nor a link."""
    return len(word) > 2 and word[0] not in "@#" and not word.startswith("http")  # noqa: PLR2004


def _deleted(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + word[place + 1 :]


def _swapped(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _inserted(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + chance.choice("aeiourstln.-_*") + word[place:]


def _replaced(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + chance.choice("aeiourstlnm") + word[place + 1 :]


def _doubled(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word))
    return word[:place] + word[place] * chance.randint(2, 5) + word[place + 1 :]


def _halved(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return f"{word[:place]} {word[place:]}"


def _masked(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    size = chance.randint(1, max(1, len(word) // 2))
    return (word[:place] + "*" * size + word[place + size :])[: len(word)]


def _spaced(word: str, chance: random.Random) -> str:
    return chance.choice((" ", ".", "-", "_")).join(word)


def _digits(word: str, _chance: random.Random) -> str:
    return "".join(_DIGITS.get(letter, letter) for letter in word.lower())


def _lookalikes(word: str, _chance: random.Random) -> str:
    return "".join(_LOOKALIKES.get(letter, letter) for letter in word)


def _vowelless(word: str, _chance: random.Random) -> str:
    return word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")


def _respelt(word: str, _chance: random.Random) -> str:
    for common, other in _SPELLINGS:
        word = word.replace(common, other)
    return word


def _lowered(text: str, _chance: random.Random) -> str:
    return text.lower()


def _shouted(text: str, _chance: random.Random) -> str:
    return text.upper()


def _mixed_case(text: str, chance: random.Random) -> str:
    return "".join(chance.choice((letter.upper(), letter.lower())) for letter in text)


def _unpunctuated(text: str, _chance: random.Random) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " @#/_&")


def _padded(text: str, chance: random.Random) -> str:
    """With ordinary words before or after it, which must not make up for the rest."""
    filling = fill("{subject} {doing}", chance)
    return f"{filling} {text}" if chance.random() < 0.4 else f"{text} {filling}"  # noqa: PLR2004


def _run_together(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    gaps = ["" if _may_change(word) and chance.random() < 0.4 else " " for word in words]  # noqa: PLR2004
    return "".join(word + gap for word, gap in zip(words, gaps, strict=True)).strip()


def _backwards(word: str, _chance: random.Random) -> str:
    return word[::-1]


_WAYS: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _deleted,
    _swapped,
    _inserted,
    _replaced,
    _doubled,
    _halved,
    _masked,
    _spaced,
    _digits,
    _lookalikes,
    _vowelless,
    _respelt,
    _backwards,
    _deleted,
    _swapped,
)
_WHOLE_WAYS: Final = (_lowered, _shouted, _mixed_case, _unpunctuated, _padded, _padded, _run_together)
_WHOLE_SHARE: Final = 0.3
