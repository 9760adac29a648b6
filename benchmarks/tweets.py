"""The tweets that are scored: distinct ones, so that no cache is flattered."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SAMPLE = Path("sample/tweets.csv")


def read(path: Path) -> tuple[list[str], list[str]]:
    """The texts and classes of a CSV file with the columns ``tweet_text`` and ``cyberbullying_type``."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["tweet_text"], row["cyberbullying_type"]) for row in csv.DictReader(file)]
    return [text for text, _ in rows], [label for _, label in rows]


def distinct(texts: list[str], number: int, seed: int = 7) -> list[str]:
    """So many distinct tweets: those given, shuffled, and after them halves of two joined, as often as needed.

    Args:
        texts: to draw from.
        number: how many to return.
        seed: the same one gives the same tweets.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    found = dict.fromkeys(draw.sample(texts, len(texts)))
    while len(found) < number:
        first, second = draw.choice(texts).split(), draw.choice(texts).split()
        found[" ".join(first[: len(first) // 2 + 1] + second[len(second) // 2 :])] = None
    return list(found)[:number]
