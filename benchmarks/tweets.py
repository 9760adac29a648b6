"""The tweets: some to train on, the others to classify. Those are distinct, so that no cache is flattered."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moderation.labels import LABELS

SAMPLE: Final = Path("sample/tweets.csv")
TEXT: Final = "tweet_text"
LABEL: Final = "cyberbullying_type"
_HELD_OUT: Final = 0.25


class BadDataError(Exception):
    """The file is not one of labelled tweets."""


@dataclass(frozen=True)
class Rows:
    """Labelled tweets: texts, and as many classes."""

    texts: list[str]
    labels: list[str]


def read(path: Path) -> Rows:
    """The labelled tweets of a CSV file.

    Raises:
        BadDataError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
    except OSError as error:
        raise BadDataError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} is not a CSV file: {error}") from None
    if not found:
        raise BadDataError(f"{path} has no rows")
    if any(row.get(TEXT) is None or row.get(LABEL) is None for row in found):
        raise BadDataError(f"{path} is not a CSV file with the columns {TEXT} and {LABEL} in every row")
    unknown = {row[LABEL] for row in found} - set(LABELS)
    if unknown:
        raise BadDataError(f"{path} has classes that no model knows: {', '.join(sorted(unknown)[:5])}")
    return Rows([row[TEXT] for row in found], [row[LABEL] for row in found])


def split(rows: Rows, seed: int = 7) -> tuple[Rows, list[str]]:
    """Rows to train on, and the texts of the quarter that nothing is trained on.

    Args:
        rows: all of them.
        seed: the same one gives the same split.
    """
    order = list(range(len(rows.texts)))
    random.Random(seed).shuffle(order)  # noqa: S311 - nothing secret is drawn
    held = int(len(order) * _HELD_OUT)
    kept = sorted(order[held:])
    training = Rows([rows.texts[place] for place in kept], [rows.labels[place] for place in kept])
    return training, [rows.texts[place] for place in order[:held]]


def distinct(texts: Sequence[str], number: int, seed: int = 7) -> list[str]:
    """So many distinct tweets: those given, shuffled, and after them halves of two joined, as often as needed.

    Args:
        texts: to draw from.
        number: how many to return.
        seed: the same one gives the same tweets.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    found = dict.fromkeys(text for text in draw.sample(texts, len(texts)) if text.strip())
    while len(found) < number:
        first, second = draw.choice(texts).split(), draw.choice(texts).split()
        found[" ".join(first[: len(first) // 2 + 1] + second[len(second) // 2 :])] = None
    return list(found)[:number]
