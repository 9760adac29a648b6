"""Long tweets made to be slow to read: what one of them costs."""

from __future__ import annotations

import random
import statistics
import string
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from benchmarks.clock import milliseconds
from benchmarks.job import Job, Values
from benchmarks.sides import OURS, TITLES, open_side
from benchmarks.sides import SIDES as ALL

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = ALL
TWEETS: Final = 3
"""Of each shape. Each of them is met once, by a model that has met none of its words."""

_LEET: Final = str.maketrans("aeiostlbg", "43105718 6".replace(" ", ""))
_LOOK_ALIKES: Final = str.maketrans("aceiopsxy", "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443")
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_MARKS: Final = [chr(code) for code in range(0x300, 0x36F)]
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"

Shape = Callable[[random.Random, Sequence[str]], Iterator[str]]


def _zalgo(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for letter in " ".join(words):
        yield letter + "".join(draw.choices(_MARKS, k=8))


def _one_chunk(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    del words
    yield from iter(lambda: draw.choice(string.ascii_lowercase), "")


def _one_letter(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    yield from (word[0] * draw.randint(40, 400) for word in words)


def _separators(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    yield from (letter + draw.choice("._-*~|+/") for word in words for letter in word)


def _leet(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    del draw
    yield from (word.translate(_LEET) + " " for word in words)


def _masked(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield "".join(draw.choice("*#@$_") if draw.random() < 0.4 else letter for letter in word) + " "  # noqa: PLR2004


def _spaced(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    del draw
    yield from (f"{letter} " for word in words for letter in word)


def _halves(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        cut = draw.randint(1, max(1, len(word) - 1))
        yield f"{word[:cut]} {word[cut:]} "


def _random_words(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for _ in words:
        yield "".join(draw.choices(string.ascii_lowercase, k=draw.randint(3, 10))) + " "


def _entities(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield "".join(f"&{'amp;' * draw.randint(0, 4)}#{ord(letter)};" for letter in word) + " "


def _look_alikes(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        disguised = word.translate(_LOOK_ALIKES if draw.random() < 0.5 else _FULL_WIDTH)  # noqa: PLR2004
        yield draw.choice(_INVISIBLE).join(f"&#x{ord(letter):x};" if letter in "ei" else letter for letter in disguised)
        yield " "


def _invisible(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield "".join(letter + draw.choice(_INVISIBLE) for letter in word) + " "


def _mentions(draw: random.Random, words: Sequence[str]) -> Iterator[str]:
    yield from (draw.choice(("@", "#", "https://", "www.", "_@")) + word for word in words)


SHAPES: Final[dict[str, tuple[str, Shape]]] = {
    "zalgo": ("eight combining marks on each letter", _zalgo),
    "one_chunk": ("one word without end", _one_chunk),
    "one_letter": ("the same letter on and on", _one_letter),
    "separators": ("a sign after each letter, no space", _separators),
    "leet": ("digits for letters in every word", _leet),
    "masked": ("signs in the place of letters", _masked),
    "spaced": ("a space after each letter", _spaced),
    "halves": ("every word in two halves", _halves),
    "random_words": ("words that nobody has ever written", _random_words),
    "entities": ("each letter an HTML entity, escaped up to four times", _entities),
    "look_alikes": ("look-alike letters, entities and invisible characters at once", _look_alikes),
    "invisible": ("an invisible character after each letter", _invisible),
    "mentions": ("mentions, hashtags and links without spaces", _mentions),
}


def tweet(shape: str, words: Sequence[str], characters: int, seed: int) -> str:
    """A tweet of a shape.

    Args:
        shape: a key of :data:`SHAPES`.
        words: ordinary ones, to disguise.
        characters: the tweet's length.
        seed: the same one gives the same tweet.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    text = ""
    while len(text) < characters:
        for piece in SHAPES[shape][1](draw, draw.choices(words, k=characters // 4 + 1)):
            text += piece
            if len(text) >= characters:
                break
    return text[:characters]


def measure(side: str, job: Job, started: float) -> Values:
    """Milliseconds a tweet, as a batch of its own."""
    del started
    opened = open_side(side, job)
    texts = job.read_texts(job.scale.slow_tweets)
    words = sorted({word.lower() for text in texts for word in text.split() if word.isascii() and word.isalpha()})
    opened.prepared(texts[:1])()
    values: Values = {"characters": float(job.scale.characters)}
    for shape in SHAPES:
        taken = []
        for seed in range(TWEETS):
            opened.fresh()
            taken.append(milliseconds(opened.prepared([tweet(shape, words, job.scale.characters, seed)])))
        values[f"{shape}_ms"] = statistics.median(taken)
        values[f"{shape}_worst_ms"] = max(taken)
    return values


def lines(results: Results) -> Iterator[str]:
    """A table of the shapes."""
    from benchmarks.results import number, table  # noqa: PLC0415 - processes that measure do without it

    characters = results.median("adversarial", OURS, "characters") or 0
    head = [
        f"ms a tweet of {characters:,.0f} characters",
        TITLES[OURS],
        "its worst",
        *(TITLES[side] for side in SIDES if side != OURS),
    ]

    def cells(shape: str) -> Iterator[str]:
        yield number(results.median("adversarial", OURS, f"{shape}_ms"))
        yield number(results.median("adversarial", OURS, f"{shape}_worst_ms"))
        yield from (number(results.median("adversarial", side, f"{shape}_ms")) for side in SIDES if side != OURS)

    yield from table(head, ([title, *cells(shape)] for shape, (title, _) in SHAPES.items()))
