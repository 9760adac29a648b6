"""Labelled tweets for the demonstration: some are held out before anything is trained, the rest is trained on."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.errors import LocalError
from moderation.labels import LABELS, Label

COLUMNS: Final = ("tweet_text", "cyberbullying_type")
"""The columns of the Kaggle data set and of the sample."""

_DEFAULT_SHARE: Final = 4
"""Without a number, one text in so many is held out."""

_MOST_BY_DEFAULT: Final = 2_000
_LARGEST_SHARE: Final = 2
_FIELD_LIMIT: Final = 1 << 20


@dataclass(frozen=True)
class Row:
    """One labelled tweet; ``lang`` where its source names its language."""

    text: str
    label: Label
    lang: str | None = None


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to replay; no text, whatever its case and spacing, is in both."""

    training: Sequence[Row]
    held_out: Sequence[Row]


def read(path: Path) -> list[Row]:
    """Read a file of labelled tweets.

    Raises:
        LocalError: there is no such file, a column is missing, or a label is unknown.
    """
    known = {label.value: label for label in LABELS}
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise LocalError(f"{path} has no column {' and no column '.join(sorted(missing))}")
            pairs = [(row[COLUMNS[0]] or "", row[COLUMNS[1]] or "") for row in reader]
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise LocalError(f"{path} is no CSV file: {error}") from None
    unknown = {label for _, label in pairs} - set(known)
    if unknown:
        raise LocalError(f"{path} has {len(unknown)} labels that are not among {', '.join(known)}")
    return [Row(text, known[label]) for text, label in pairs if text.strip()]


def split(rows: Sequence[Row], wanted: int | None = None) -> Split:
    """Hold out tweets by a digest of their text, so that the same file is always split the same way.

    Args:
        rows: every labelled tweet.
        wanted: how many to hold out; None for a quarter, at most 2,000.

    Raises:
        LocalError: more are wanted than half of the texts.
    """
    by_digest: dict[str, list[Row]] = {}
    for row in rows:
        by_digest.setdefault(digest(row.text), []).append(row)
    order = sorted(by_digest)
    number = min(len(order) // _DEFAULT_SHARE, _MOST_BY_DEFAULT) if wanted is None else wanted
    most = len(order) // _LARGEST_SHARE
    if not 0 < number <= most:
        raise LocalError(f"{number} tweets cannot be held out of {len(order)} different texts: 1 to {most} can")
    held_out = [by_digest[key][0] for key in order[:number]]
    training = [row for key in order[number:] for row in by_digest[key]]
    return Split(training, held_out)


def digest(text: str) -> str:
    """What makes a text the same text: its characters, without case and spacing."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a file of the same two columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((row.text, row.label.value) for row in rows)
