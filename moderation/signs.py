"""Digits and signs that stand for letters, alone or together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Final

_LEET: Final[dict[str, str]] = {
    "0": "o",
    "1": "il",
    "2": "z",
    "3": "e",
    "4": "a",
    "5": "s",
    "6": "gb",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "il",
    "|": "il",
    "+": "t",
    "(": "c",
    "<": "c",
    "{": "c",
    "[": "c",
    "#": "h",
    "%": "x",
    "&": "a",
}
_PAIRS_OF_SIGNS: Final = (
    ("|\\/|", "m"),
    ("/\\/\\", "m"),
    ("\\/\\/", "w"),
    ("|\\|", "n"),
    ("/\\/", "n"),
    ("|-|", "h"),
    ("|<", "k"),
    ("|{", "k"),
    ("|3", "b"),
    ("|)", "d"),
    ("|>", "p"),
    ("()", "o"),
    ("[]", "o"),
    ("\\/", "v"),
    ("/\\", "a"),
    ("|_|", "u"),
    ("(_)", "u"),
    ("><", "x"),
    ("ph", "f"),
    ("vv", "w"),
)
UNREADABLE: Final = re.compile(r"[*.,':;?\"~^=`}]|^[^|]*-|^[^\\]*/[^\\]*$|^[^|(]*_")
"""Finds signs that stand for no letter: some never, a dash only after |, a slash only with \\, _ only after | or (."""
_MOST_VARIANTS: Final = 16


def readings(text: str) -> Iterator[str]:
    """What text may say once digits and signs are read as letters; a handful at most."""
    if text.isalpha():
        return
    for signs, letter in _PAIRS_OF_SIGNS:
        if signs in text:
            text = text.replace(signs, letter)
    choices = [_LEET.get(letter, letter) for letter in text]
    for number, letters in enumerate(product(*choices)):
        if number >= _MOST_VARIANTS:
            return
        yield "".join(letters)
