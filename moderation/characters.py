"""Characters that look like others, or that are not seen at all, and what to read them as.

``folds.txt`` lists them by what they are read as: Unicode's compatibility forms (NFKD) without their marks, and
look-alikes from other scripts in the spirit of Unicode Technical Standard 39 ("confusables"), small capitals, enclosed
letters, regional indicators and emoji letters. The list is a file of ours and not asked of ``unicodedata``, so that
a model reads the same under every version of Python.
"""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import Final

_UNSEEN: Final = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x0300, 0x036F),  # combining marks: Zalgo, and accents written apart
    (0x0483, 0x0489),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x064B, 0x065F),  # Arabic vowel signs
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x200B, 0x200F),  # zero width, direction
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x20D0, 0x20FF),  # enclosing marks: keycaps, prohibition signs
    (0x2800, 0x2800),  # blank Braille
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0000, 0xE0FFF),  # tags and more variation selectors
)

_FLAG: Final = re.compile("(?<![\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff]{2}(?![\U0001f1e6-\U0001f1ff])")
_ENTITIES_DEEP: Final = 2
_TURNED: Final = dict(zip("ɐɔǝɟƃɥᴉıɾʞןɯɹʇʌʍʎ∀Ɔ∃Ⅎ⅄", "acefghiijklmrtvwyaceyy", strict=True)) | {"Ⅎ": "f"}
_TURNED_ONLY: Final = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")
_UPRIGHT: Final = str.maketrans(_TURNED | dict(zip("nupdbqmw96", "undpqbwm69", strict=True)))


def fold(text: str) -> str:
    """Plain letters for look-alikes; what is not seen is left out. ASCII comes back as it is. Linear time."""
    if text.isascii():
        return text
    return _FLAG.sub("", text).translate(_folds())


def upright(text: str) -> str | None:
    """What text turned upside down says, or None if it is not: most letters are turned ones, the last comes first."""
    if len(_TURNED_ONLY.findall(text)) * 4 < len(text):
        return None
    return fold(text.lower().translate(_UPRIGHT)[::-1])


def unescape(text: str) -> str:
    """HTML entities as the characters they stand for, also when they were escaped twice."""
    for _ in range(_ENTITIES_DEEP):
        if "&" not in text:
            break
        text = html.unescape(text)
    return text


@cache
def _folds() -> dict[int, str]:
    table: dict[int, str] = {}
    for line in Path(__file__).with_name("folds.txt").read_text(encoding="utf-8").splitlines():
        target, _, characters = line.partition(" ")
        table.update(dict.fromkeys(map(ord, characters), target))
    for first, last in _UNSEEN:
        table.update(dict.fromkeys(range(first, last + 1), ""))
    return table
