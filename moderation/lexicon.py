"""Words that say what a sentence does, whatever else it says: whom it names, whether it insults, threatens or excludes.

``lexicon.txt`` lists them by kind: its name in a line of its own, its words in indented ones. A word may be of several
kinds. Data teaches a word by how often it was seen. These are known at once, so that a threat is one though nobody made
it with that verb before, and the name of a people is one though no tweet has named it yet. A kind is neither good nor
bad by itself: what follows from kinds in each other's company is learned (:mod:`training_jobs.fitting.head`).

A model is only right with the lexicon that it was trained with: who changes the file raises
:data:`moderation.model.NORMALISER_VERSION`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = 18
"""How many kinds of words there are."""

GROUPS: Final = 5
"""The first so many kinds name people of a group."""

_ENDINGS: Final = (("s", ""), ("es", ""), ("d", ""), ("ed", ""), ("ing", ""), ("ing", "e"), ("ies", "y"))
"""What may be added to a word, and what it may have had instead."""

_LAST: Final = frozenset(ending[-1] for ending, _ in _ENDINGS)
_SHORTEST_STEM: Final = 3


def kinds_of(words: Sequence[str]) -> NDArray[np.float32]:
    """Which kinds normalised words are of.

    Args:
        words: none of them empty.

    Returns:
        Shape (words, KINDS), one or nought.
    """
    found = np.zeros((len(words), KINDS), np.float32)
    known = lexicon().get
    for place, word in enumerate(words):
        kinds = known(word) or (word[-1] in _LAST and next(filter(None, map(known, _stems(word))), None))
        if kinds:
            found[place, kinds] = 1.0
    return found


def parts_of(kinds: NDArray[np.float32]) -> NDArray[np.intp]:
    """What part each word plays in a sentence, as far as the lexicon knows: all groups of people play the same.

    Args:
        kinds: shape (words, KINDS), from :func:`kinds_of`.

    Returns:
        Shape (words,): a number for each part, that of the first of a word's kinds; nought for a word of none.
    """
    first = np.where(kinds.any(axis=1), kinds.argmax(axis=1) + 1, 0)
    return np.where((first > 0) & (first <= GROUPS), 1, first)


@cache
def lexicon() -> dict[str, list[int]]:
    """The kinds of each word that is listed."""
    table: dict[str, list[int]] = {}
    for kind, (_, *words) in enumerate(_kinds()):
        for word in dict.fromkeys(words):
            table.setdefault(word, []).append(kind)
    return table


def names() -> list[str]:
    """What the kinds are called."""
    return [name for name, *_ in _kinds()]


def _kinds() -> list[list[str]]:
    """Each kind's name with its words after it."""
    kinds: list[list[str]] = []
    for line in Path(__file__).with_name("lexicon.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            kinds.append([])
        kinds[-1] += line.split()
    return kinds


def _stems(word: str) -> Iterator[str]:
    """What a word may be a form of."""
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word[: -len(ending)]
            yield stem + instead
            if stem[-1] == stem[-2]:  # stabbed, stabbing
                yield stem[:-1]
