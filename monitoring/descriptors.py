"""What can be said of a tweet without a model and without a download: length, words, script, shouting, entities.

Also the one place where a tweet is made fit to be compared: whoever and whatever it names is masked, so that a report
can speak of words without speaking of anybody.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple

_URL: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\S+@\S+\.\S+")
_MENTION: Final = re.compile(r"@\w+")
_HASHTAG: Final = re.compile(r"#\w+")
_NUMBER: Final = re.compile(r"\w*\d{3,}\w*")
_WORD: Final = re.compile(r"\w+")

SCRIPTS: Final = ("latin", "cyrillic", "arabic", "hebrew", "devanagari", "greek", "han", "kana", "hangul", "thai")
"""The scripts that are told apart; letters of another one count as ``other``."""

NO_LETTERS: Final = "none"
"""The script of a tweet without letters: emoji, numbers."""

_NAMED: Final = {"cjk": "han", "hiragana": "kana", "katakana": "kana"} | {script: script for script in SCRIPTS}
_SCRIPT_SAMPLE: Final = 280


class Descriptors(NamedTuple):
    """Of one tweet. Counts are of characters, words or entities; shares lie between 0 and 1."""

    characters: int
    words: int
    capitals: float
    symbols: float
    mentions: int
    hashtags: int
    links: int
    script: str


def describe(text: str) -> Descriptors:
    """Describe one raw tweet."""
    length = len(text)
    letters = sum(map(str.isalpha, text))
    return Descriptors(
        characters=length,
        words=len(text.split()),
        capitals=sum(map(str.isupper, text)) / letters if letters else 0.0,
        symbols=1.0 - (letters + sum(map(str.isspace, text))) / length if length else 0.0,
        mentions=len(_MENTION.findall(text)),
        hashtags=len(_HASHTAG.findall(text)),
        links=len(_URL.findall(text)),
        script=script_of(text),
    )


def script_of(text: str) -> str:
    """The script in which most letters of a tweet are written, the cheapest stand-in for its language.

    Links, mentions and hashtags are left out: they are Latin in any language. Long posts are judged by their beginning.
    """
    bare = _HASHTAG.sub(" ", _MENTION.sub(" ", _URL.sub(" ", text)))
    counts = Counter(_script(character) for character in bare[:_SCRIPT_SAMPLE] if character.isalpha())
    return counts.most_common(1)[0][0] if counts else NO_LETTERS


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    if letter.isascii():
        return "latin"
    # Unicode names a letter by its script first; mathematical and full-width letters are Latin in disguise.
    first = unicodedata.name(letter, "OTHER").partition(" ")[0].lower()
    return "latin" if first in {"mathematical", "fullwidth"} else _NAMED.get(first, "other")


def mask(text: str) -> str:
    """A tweet without addresses, links, names of users and numbers, in lower case, and without its punctuation."""
    text = _URL.sub(" ", _ADDRESS.sub(" ", text))
    text = _NUMBER.sub(" ", _MENTION.sub(" ", text))
    return " ".join(_WORD.findall(text.lower()))
