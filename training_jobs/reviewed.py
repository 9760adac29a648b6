"""Reading a deployment's reviewed tweets: a class each, or only whether they are harmful.

A CSV file with the columns ``tweet_text`` and ``cyberbullying_type`` (the six classes), or ``tweet_text`` and
``harmful`` (yes or no). Messages never quote the text of a row.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMLESS, LABELS
from training_jobs.dataset import LABEL_COLUMN, TEXT_COLUMN
from training_jobs.errors import InputError

HARMFUL_COLUMN: Final = "harmful"
LEAST_PER_CLASS: Final = 25
"""Reviewed tweets of every class (or of either kind): with five folds, five of them say how good the result is."""

_ROWS_NAMED: Final = 10
_KINDS: Final = {"yes": True, "true": True, "1": True, "harmful": True} | {
    "no": False, "false": False, "0": False, "harmless": False,
}  # fmt: skip


@dataclass(frozen=True)
class ReviewedTweets:
    """The file's rows, each text once.

    Attributes:
        texts: raw tweets.
        labels: as many; a class, or for two-way labels ``harmful`` or ``harmless``.
        two_way: whether the labels say no more than harmful or not.
        sha256: digest of texts and labels, whatever their order.
    """

    texts: list[str]
    labels: list[str]
    two_way: bool
    sha256: str

    def allowed(self) -> NDArray[np.bool_]:
        """The classes that each label allows, shape (tweets, classes)."""
        if not self.two_way:
            return np.array([[label == column.value for column in LABELS] for label in self.labels])
        return np.array(
            [[(label == "harmful") == (column is not HARMLESS) for column in LABELS] for label in self.labels]
        )


def read_reviewed(file: Path) -> ReviewedTweets:
    """Read the file.

    Raises:
        InputError: it is missing or not to the form, contradicts itself, or has too few rows of a class.
    """
    if file.is_dir():
        raise InputError(f"{file} is a folder; name a CSV file of reviewed tweets (LABELS=reviewed.csv)")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise InputError(f"there is no file {file}") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file.name} is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{file.name} cannot be read ({error}); is a quotation mark left open?") from None
    if not rows:
        raise InputError(f"{file.name} has no rows")
    two_way = _is_two_way(file.name, rows[0].keys())
    found = _labels(file.name, rows, two_way=two_way)
    _check_counts(file.name, list(found.values()), two_way=two_way)
    texts, labels = list(found), list(found.values())
    return ReviewedTweets(texts, labels, two_way, labels_sha256(texts, labels))


def labels_sha256(texts: Sequence[str], labels: Sequence[str]) -> str:
    """Digest of labelled texts, whatever their order."""
    rows = sorted(f"{label}\0{text}\0" for text, label in zip(texts, labels, strict=True))
    return hashlib.sha256("".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _is_two_way(name: str, names: Collection[str]) -> bool:
    if TEXT_COLUMN in names and LABEL_COLUMN in names:
        return False
    if TEXT_COLUMN in names and HARMFUL_COLUMN in names:
        return True
    raise InputError(
        f"{name}: row 1 must name the columns {TEXT_COLUMN} and {LABEL_COLUMN}, or {TEXT_COLUMN} and {HARMFUL_COLUMN}"
    )


def _labels(name: str, rows: Sequence[dict[str, str]], *, two_way: bool) -> dict[str, str]:
    """Labels by text; the same text twice counts once."""
    found: dict[str, str] = {}
    faulty, contradictory = [], []
    for number, row in enumerate(rows, start=2):
        text, label = row.get(TEXT_COLUMN) or "", _label(row, two_way=two_way)
        if not text.strip() or label is None:
            faulty.append(number)
        elif found.setdefault(text, label) != label:
            contradictory.append(number)
    if faulty:
        wanted = "yes or no" if two_way else ", ".join(label.value for label in LABELS)
        column = HARMFUL_COLUMN if two_way else LABEL_COLUMN
        raise InputError(f"{name}: {_named(faulty)} without a text or with a {column} that is none of {wanted}")
    if contradictory:
        raise InputError(
            f"{name}: {_named(contradictory)} with a text that another row labels otherwise; decide which is right"
        )
    return found


def _label(row: dict[str, str], *, two_way: bool) -> str | None:
    if two_way:
        kind = _KINDS.get((row.get(HARMFUL_COLUMN) or "").strip().lower())
        return None if kind is None else "harmful" if kind else "harmless"
    label = (row.get(LABEL_COLUMN) or "").strip()
    return label if label in {known.value for known in LABELS} else None


def _check_counts(name: str, labels: Sequence[str], *, two_way: bool) -> None:
    wanted: Iterator[str] = iter(("harmful", "harmless")) if two_way else (label.value for label in LABELS)
    short = [f"{label} ({labels.count(label)})" for label in wanted if labels.count(label) < LEAST_PER_CLASS]
    if short:
        advice = (
            ""
            if two_way
            else f"; or label them only {HARMFUL_COLUMN} yes or no, for which {LEAST_PER_CLASS} of either are enough"
        )
        raise InputError(
            f"{name}: fewer than {LEAST_PER_CLASS} reviewed tweets of {', '.join(short)}: review more{advice}"
        )


def _named(rows: Sequence[int]) -> str:
    more = f" and {len(rows) - _ROWS_NAMED} more" if len(rows) > _ROWS_NAMED else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:_ROWS_NAMED]))}{more}"
