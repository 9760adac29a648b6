"""Forms of a word that other spellings of it share: without its vowels, with its middle sorted, as it sounds."""

from __future__ import annotations

import re
from typing import Final

RUN: Final = re.compile(r"(.)\1+")
"""A letter twice or more in a row."""

_LETTER_SOUNDS: Final = str.maketrans({"x": "ks", "c": "k", "q": "k", "z": "s", "j": "g", "y": "i"})


def deletions(word: str) -> list[str]:
    """The word without each of its letters in turn, but for the first."""
    return [word[:place] + word[place + 1 :] for place in range(1, len(word))]


def skeleton(word: str) -> str:
    """The first letter and the consonants after it, doubled ones once."""
    consonants = without_vowels(word[1:])
    return word[0] + (RUN.sub(r"\1", consonants) if RUN.search(consonants) else consonants)


def scramble(word: str) -> tuple[str, str, str]:
    """The first letter, those between in the order of the alphabet, and the last."""
    return word[0], "".join(sorted(word[1:-1])), word[-1]


def sound(word: str) -> str:
    """Roughly how a word sounds, so that other spellings of it come out alike."""
    if "h" in word:
        word = word.replace("ph", "f").replace("gh", "g")
    word = word.replace("kn", "n").replace("wr", "r").replace("ck", "k").replace("sch", "sk").replace("qu", "kw")
    word = word.translate(_LETTER_SOUNDS).replace("ee", "i").replace("ea", "i").replace("oo", "u").replace("ou", "u")
    return RUN.sub(r"\1", word) if RUN.search(word) else word


def without_vowels(word: str) -> str:
    """The word without a, e, i, o and u."""
    return word.replace("a", "").replace("e", "").replace("i", "").replace("o", "").replace("u", "")


def close(found: str, word: str) -> bool:
    """Whether a changed letter is believable: it makes another word of a short word too easily, unless two swapped."""
    return len(found) != len(word) or len(word) > 7 or sorted(found) == sorted(word)  # noqa: PLR2004
