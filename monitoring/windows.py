"""The two things that are compared: the champion's validation data, and what was classified in the last hours.

A window may hold any number of verdicts. Counts are taken over all of them; rows are kept for a sample that is chosen
by a hash of the tweet's id, so that both streams, and every run, choose the same tweets without remembering the rest
(the "bottom-k" sketch of E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).
"""

from __future__ import annotations

import csv
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import chain
from typing import Final, Generic, TypeVar

import msgspec

from moderation.errors import PoisonRecordError
from moderation.labels import Label
from moderation.messages import (
    ClassificationEvent,
    Decision,
    TweetEvent,
    decode_classification_event,
    decode_tweet_event,
    timestamp,
)
from moderation.reference import ReferenceVerdict
from moderation.tombstones import written_at
from moderation.withdrawn import Withdrawn
from monitoring.archive import TWEETS, VERDICTS, WITHDRAWN, Store, lines, partitions

MAX_ROWS: Final = 20_000
"""Rows kept of either side. Distances settle long before; the sample bounds memory and time."""

MAX_LABELS: Final = 100_000
"""Labels that are joined, the newest files first."""

UNKNOWN_SOURCE: Final = "unknown"

_LATE: Final = timedelta(hours=1)
"""How much later than its record an object may be, and how much older than its verdict a tweet."""

_WITHDRAWN_BEFORE: Final = timedelta(days=1)
"""How much older than its verdict's archiving a withdrawal may be: as long as a backlog of tweets is worked off."""

T = TypeVar("T")


@dataclass(slots=True)
class Row:
    """One verdict, with its tweet and its true class where they are known."""

    classification: Label
    confidence: float
    decision: Decision
    text: str | None = None
    label: Label | None = None
    lang: str | None = None


@dataclass(slots=True)
class Window:
    """One side of a comparison.

    Attributes:
        start: of the window; None for a reference.
        end: of the window, exclusive; None for a reference.
        verdicts: how many there were. ``rows`` may be fewer.
        classes: verdicts by class.
        versions: verdicts by version of the model.
        sources: verdicts by where their tweets came from.
        confidence: sum over the verdicts.
        rows: a sample, each tweet once.
        labelled: verdicts whose true class is known, from the longer window of labels; a sample too.
        duplicates: share of verdicts that repeat one on the same tweet.
        unreadable: records and labels that were not to contract.
        withdrawn: verdicts that were left out, because their tweets were deleted, edited or taken down.
    """

    start: datetime | None = None
    end: datetime | None = None
    verdicts: int = 0
    classes: Counter[Label] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    confidence: float = 0.0
    rows: list[Row] = field(default_factory=list)
    labelled: list[Row] = field(default_factory=list)
    duplicates: float = 0.0
    unreadable: int = 0
    withdrawn: int = 0

    @property
    def text_missing(self) -> float:
        """Share of the rows whose tweet was not found."""
        return sum(row.text is None for row in self.rows) / len(self.rows) if self.rows else 0.0


class Sample(Generic[T]):
    """At most ``capacity`` values, those whose keys have the smallest hashes: a fair and repeatable sample."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._heap: list[tuple[int, str]] = []
        self._kept: dict[str, T] = {}
        self._copies: Counter[str] = Counter()

    def add(self, key: str, value: T) -> None:
        """Offer a value. The first value of a key stays."""
        if key in self._kept:
            self._copies[key] += 1
            return
        order = -int.from_bytes(blake2b(key.encode(), digest_size=8).digest())
        if len(self._heap) < self._capacity:
            heapq.heappush(self._heap, (order, key))
        elif order > self._heap[0][0]:
            _, dropped = heapq.heapreplace(self._heap, (order, key))
            del self._kept[dropped]
            del self._copies[dropped]
        else:
            return
        self._kept[key] = value

    def get(self, key: str) -> T | None:
        """The value of a key, if it is in the sample."""
        return self._kept.get(key)

    def values(self) -> list[T]:
        """The values, by the hash of their keys, smallest first."""
        return [self._kept[key] for _, key in sorted(self._heap, reverse=True)]

    @property
    def duplicates(self) -> float:
        """Share of repeated keys among what was offered of those in the sample."""
        repeated = sum(self._copies.values())
        return repeated / (len(self._kept) + repeated) if self._kept else 0.0


def reference_window(verdicts: Iterable[ReferenceVerdict], *, max_rows: int = MAX_ROWS) -> Window:
    """The champion's validation data as one side of a comparison.

    Raises:
        BadArtefactError: the reference is damaged.
    """
    window = Window()
    sample: Sample[Row] = Sample(max_rows)
    for number, verdict in enumerate(verdicts):
        window.verdicts += 1
        window.classes[verdict.classification] += 1
        window.confidence += verdict.confidence
        row = Row(
            verdict.classification, verdict.confidence, verdict.decision, verdict.text, verdict.label, verdict.lang
        )
        sample.add(str(number), row)
    window.rows = window.labelled = sample.values()
    return window


class Collector:
    """Gathers a current window from records in any order: first the labels, then verdicts, then tweets."""

    def __init__(
        self,
        start: datetime,
        end: datetime,
        labels: dict[str, Label],
        *,
        max_rows: int = MAX_ROWS,
        withdrawn: Withdrawn | None = None,
    ) -> None:
        self._withdrawn = withdrawn or Withdrawn()
        self.window = Window(start=start, end=end)
        # In the form of the wire, moments sort as strings.
        self._start = timestamp(start)
        self._end = timestamp(end)
        self._labels = labels
        self._rows: Sample[Row] = Sample(max_rows)
        self._labelled: Sample[Row] = Sample(max_rows)

    def add_verdict(self, line: bytes) -> None:
        """Take in one record of ``tweet_classification``; one that is not to contract is counted."""
        try:
            verdict = decode_classification_event(line)
        except PoisonRecordError:
            self.window.unreadable += 1
            return
        prediction = verdict.prediction
        if self._withdrawn.holds(prediction.tweet_id, verdict.author_id, written_at(verdict)):
            self.window.withdrawn += 1
            return
        row = Row(prediction.classification, prediction.confidence, prediction.decision)
        label = self._labels.get(prediction.tweet_id)
        if label is not None and verdict.classified_at < self._end:
            row.label = label
            self._labelled.add(prediction.tweet_id, row)
        if self._start <= verdict.classified_at < self._end:
            self._count(verdict)
            self._rows.add(prediction.tweet_id, row)

    def add_tweet(self, line: bytes) -> None:
        """Take in one record of ``tweet_events``, if its verdict is in the sample.

        A record that is not to contract has no verdict: the classifier has set it aside, and counted it.
        """
        try:
            event = decode_tweet_event(line)
        except PoisonRecordError:
            return
        row = self._rows.get(event.tweet_id)
        if row is not None:
            _give_text(row, event)

    def finish(self) -> Window:
        """The window."""
        self.window.rows = self._rows.values()
        self.window.labelled = self._labelled.values()
        self.window.duplicates = self._rows.duplicates
        return self.window

    def _count(self, verdict: ClassificationEvent) -> None:
        self.window.verdicts += 1
        self.window.classes[verdict.prediction.classification] += 1
        self.window.versions[verdict.version] += 1
        self.window.sources[verdict.source or UNKNOWN_SOURCE] += 1
        self.window.confidence += verdict.prediction.confidence


def current_window(
    archive: Store,
    labels: Store | None,
    *,
    end: datetime,
    hours: float,
    label_hours: float,
    max_rows: int = MAX_ROWS,
) -> Window:
    """What was classified in the last hours, from the archive.

    Args:
        archive: with the streams' names as first part of its keys.
        labels: files of true classes, or None.
        end: of the window, exclusive.
        hours: how long the window is.
        label_hours: how far back verdicts are looked up for labels, which come late; never less than ``hours``.
        max_rows: rows kept.
    """
    start = end - timedelta(hours=hours)
    known, unreadable = read_labels(labels) if labels is not None else ({}, 0)
    oldest = end - timedelta(hours=max(hours, label_hours)) if known else start
    # A tweet can be withdrawn at any time after it was put, and before its verdict was archived.
    withdrawn = Withdrawn(lines(archive, _keys(archive, WITHDRAWN, oldest - _WITHDRAWN_BEFORE, end + _LATE)))
    collector = Collector(start, end, known, max_rows=max_rows, withdrawn=withdrawn)
    collector.window.unreadable = unreadable
    for line in lines(archive, _keys(archive, VERDICTS, oldest, end + _LATE)):
        collector.add_verdict(line)
    for line in lines(archive, _keys(archive, TWEETS, start - _LATE, end + _LATE)):
        collector.add_tweet(line)
    return collector.finish()


def read_labels(store: Store, *, limit: int = MAX_LABELS) -> tuple[dict[str, Label], int]:
    """True classes by tweet id, from CSV files or JSON lines with the fields ``tweet_id`` and ``label``.

    The files' names should begin with a date: they are read newest first, and the first label of a tweet stays.

    Returns:
        The labels, at most ``limit``, and how many lines could not be read.
    """
    labels: dict[str, Label] = {}
    unreadable = 0
    for key in sorted(store.keys(""), reverse=True):
        for record in _label_records(store, key):
            if isinstance(record, _TrueClass):
                labels.setdefault(record.tweet_id, record.label)
            else:
                unreadable += 1
            if len(labels) >= limit:
                return labels, unreadable
    return labels, unreadable


class _TrueClass(msgspec.Struct, frozen=True):
    tweet_id: str
    label: Label


def _label_records(store: Store, key: str) -> Iterator[_TrueClass | None]:
    content = lines(store, [key])
    first = next(content, b"")
    rows: Iterable[object] = (_parsed(line) for line in chain([first], content) if line)
    if not first.startswith(b"{"):
        text = (line.decode("utf-8-sig", errors="replace") for line in chain([first], content))
        rows = csv.DictReader(text)
    for row in rows:
        try:
            yield msgspec.convert(row, _TrueClass)
        except msgspec.ValidationError:
            yield None


def _parsed(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _keys(archive: Store, stream: str, start: datetime, end: datetime) -> Iterator[str]:
    return chain.from_iterable(archive.keys(prefix) for prefix in partitions(stream, start, end))


def _give_text(row: Row, event: TweetEvent) -> None:
    row.text = event.tweet.tweet_text
    row.lang = event.lang
