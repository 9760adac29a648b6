"""Reading labelled tweets from CSV files, and setting aside the rows that no model should learn from.

The columns are those of the public data set (``tweet_text``, ``cyberbullying_type``); others are ignored. A file that
is not to this form fails the job with the file and the row numbers, counted as a spreadsheet does (the header is row
1). Messages never quote the text of a row.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from moderation.labels import LABELS, Label
from moderation.messages import MAX_TEXT_CHARACTERS
from training_jobs.errors import InputError

log = logging.getLogger(__name__)

TEXT_COLUMN: Final = "tweet_text"
LABEL_COLUMN: Final = "cyberbullying_type"
ROWS_NAMED: Final = 10
"""How many rows of a kind of fault a message names; a systematic fault would otherwise fill the log."""

_MAX_FIELD: Final = 10_000_000
_LABELS: Final = {label.value: label for label in LABELS}


class Rejected(StrEnum):
    """Why a row is not learnt from."""

    EMPTY_TEXT = "empty_text"
    OVERSIZED = "oversized"
    CONTRADICTORY_LABELS = "contradictory_labels"
    DUPLICATE = "duplicate"


class LabelledTweet(msgspec.Struct, frozen=True):
    """One row of the data.

    Attributes:
        text: as it stands in the file.
        label: its class.
        file: the file's path within the data set.
        row: in the file, the header being row 1.
    """

    text: str
    label: Label
    file: str
    row: int


class RejectedTweet(msgspec.Struct, frozen=True):
    """A row that was set aside, whole, with its reason."""

    reason: Rejected
    text: str
    label: Label
    file: str
    row: int


class _Columns(NamedTuple):
    """Where a file's columns are, and how many it has."""

    width: int
    text: int
    label: int


class _Faults:
    """Collects the faults of the data set, so that one run names them all."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[int]] = {}

    def add(self, file: str, fault: str, row: int) -> None:
        self._rows.setdefault((file, fault), []).append(row)

    def raise_any(self) -> None:
        if self._rows:
            raise InputError("; ".join(f"{file}: {_rows(rows)} {fault}" for (file, fault), rows in self._rows.items()))


def read_labelled(folder: Path) -> list[LabelledTweet]:
    """Read every CSV file under a folder, in the order of their paths.

    Raises:
        InputError: there is none, or one is not to the form; names every faulty file and its first faulty rows.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() == ".csv")
    if not files:
        raise InputError(f"there is no CSV file in the data set ({folder})")
    csv.field_size_limit(_MAX_FIELD)
    faults = _Faults()
    tweets = [tweet for path in files for tweet in _read_file(path, path.relative_to(folder).as_posix(), faults)]
    faults.raise_any()
    if not tweets:
        raise InputError("the data set has no rows")
    return tweets


def select(tweets: Iterable[LabelledTweet]) -> tuple[list[LabelledTweet], list[RejectedTweet]]:
    """Part the rows to learn from from those to set aside.

    Set aside are rows without text, rows longer than what is ever scored, every row whose text carries contradictory
    labels, and all but the first of rows that are the same in text and label.
    """
    tweets = list(tweets)
    labels: dict[str, set[Label]] = {}
    for tweet in tweets:
        labels.setdefault(tweet.text, set()).add(tweet.label)
    kept: list[LabelledTweet] = []
    rejected: list[RejectedTweet] = []
    seen: set[str] = set()
    for tweet in tweets:
        reason = _rejection(tweet, labels[tweet.text], seen)
        seen.add(tweet.text)
        if reason is None:
            kept.append(tweet)
        else:
            rejected.append(RejectedTweet(reason, tweet.text, tweet.label, tweet.file, tweet.row))
    return kept, rejected


def count_reasons(rejected: Iterable[RejectedTweet]) -> dict[str, int]:
    """How many rows were set aside, by reason; every reason is named."""
    counts = Counter(tweet.reason for tweet in rejected)
    return {reason.value: counts[reason] for reason in Rejected}


def _rejection(tweet: LabelledTweet, labels: set[Label], seen: set[str]) -> Rejected | None:
    if not tweet.text or tweet.text.isspace():
        return Rejected.EMPTY_TEXT
    if len(tweet.text) > MAX_TEXT_CHARACTERS:
        return Rejected.OVERSIZED
    if len(labels) > 1:
        return Rejected.CONTRADICTORY_LABELS
    return Rejected.DUPLICATE if tweet.text in seen else None


def _read_file(path: Path, name: str, faults: _Faults) -> Iterator[LabelledTweet]:
    row = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, None)
            if header is None:
                raise InputError(f"{name}: the file is empty")
            row, columns = 1, _columns(header, name)
            for row, fields in enumerate(reader, start=2):
                tweet = _read_row(fields, columns, (name, row), faults)
                if tweet is not None:
                    yield tweet
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: not UTF-8 at or after row {row + 1} (byte {error.object[error.start]:#04x}); save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise InputError(f"{name}: row {row + 1} cannot be read ({error}); is a quotation mark left open?") from None


def _read_row(fields: list[str], columns: _Columns, place: tuple[str, int], faults: _Faults) -> LabelledTweet | None:
    if not fields:
        return None  # a blank line
    if len(fields) != columns.width:
        faults.add(place[0], f"where the header has {columns.width} columns and the row has not", place[1])
        return None
    label = _LABELS.get(fields[columns.label].strip())
    if label is None:
        faults.add(place[0], f"with a {LABEL_COLUMN} that is none of {', '.join(_LABELS)}", place[1])
        return None
    return LabelledTweet(fields[columns.text], label, *place)


def _columns(header: list[str], name: str) -> _Columns:
    names = [column.strip() for column in header]
    missing = [column for column in (TEXT_COLUMN, LABEL_COLUMN) if column not in names]
    if missing:
        raise InputError(f"{name}: row 1 names no column {' and no column '.join(missing)}")
    twice = [column for column in (TEXT_COLUMN, LABEL_COLUMN) if names.count(column) > 1]
    if twice:
        raise InputError(f"{name}: row 1 names the column {twice[0]} more than once")
    return _Columns(len(names), names.index(TEXT_COLUMN), names.index(LABEL_COLUMN))


def _rows(rows: list[int]) -> str:
    named = ", ".join(str(row) for row in rows[:ROWS_NAMED])
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"
