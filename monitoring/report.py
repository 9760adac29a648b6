"""From two windows to a report: numbers under their metrics' names, and pages for a person.

What too little data cannot carry is not given as a number: the report says 'not enough data', and of what.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from moderation.labels import LABELS, Label
from monitoring import metric_names as names
from monitoring.descriptors import describe, keep_shared_words, mask
from monitoring.metric_names import Metric
from monitoring.windows import Row, Window

if TYPE_CHECKING:
    from monitoring import evidently_report

SIGNALS: Final[dict[str, Metric]] = {
    "text": names.TEXT_DRIFT,
    "classification": names.PREDICTION_DRIFT,
    "confidence": names.CONFIDENCE_DRIFT,
    "characters": names.LENGTH_DRIFT,
    "language": names.LANGUAGE_DRIFT,
}
"""The columns whose distance is published; the other descriptors stand in the report only."""

MAX_TEXTS: Final = 5_000
"""Tweets of either side that the text classifier is fitted on and tested with."""

SHARED_BY: Final = 5
"""How many tweets must use a word before a report may show it."""

_NAMED_LANGUAGES: Final = 0.9
"""From this share of tweets whose source names their language, that is what is compared; else it is their script."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The least data from which a number is given.

    Attributes:
        verdicts: of either side, for a distance.
        labels: of either side, for any measure of quality.
        class_labels: of either side, for that of one class.
    """

    verdicts: int = 500
    labels: int = 200
    class_labels: int = 30


@dataclass(frozen=True, slots=True)
class Value:
    """One number, ready to be published; ``by`` is the value of its metric's further dimension."""

    metric: Metric
    value: float
    by: str | None = None


@dataclass(slots=True)
class Report:
    """What a comparison found.

    Attributes:
        current: the window that was compared.
        reference: what it was compared with, if there was anything.
        values: every number.
        missing: what could not be said, in sentences.
        words: words that current tweets use more than those of the reference, the most telling first.
        drift_page: Evidently's page, empty without distances.
        quality_page: the same of quality.
        numbers: Evidently's numbers as JSON, empty without distances.
        quality: of the current side and of the reference, if there were labels enough.
    """

    current: Window
    reference: Window | None
    values: list[Value] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    drift_page: str = ""
    quality_page: str = ""
    numbers: str = ""
    quality: tuple[evidently_report.Quality, evidently_report.Quality] | None = None

    def add(self, metric: Metric, value: float, by: str | None = None) -> None:
        """Note a number."""
        self.values.append(Value(metric, value, by))

    def value(self, metric: Metric, by: str | None = None) -> float | None:
        """A number that was noted."""
        return next((item.value for item in self.values if item.metric is metric and item.by == by), None)


def make_report(
    current: Window,
    reference: Window | None,
    limits: Limits | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Compare the current window with the reference.

    Args:
        current: what was classified.
        reference: the champion's validation data; None where there is none.
        limits: the least data from which a number is given.
        progress: told what is being done.
    """
    limits = limits or Limits()
    report = Report(current, reference)
    _count(report)
    if reference is None:
        report.missing.append("Not enough data: the champion has no reference to compare with.")
    else:
        progress("loading Evidently")
        # Ten seconds, and of no use where there is nothing to compare.
        from monitoring import evidently_report  # noqa: F401, PLC0415

        started = time.monotonic()
        progress("measuring drift")
        _add_drift(report, reference, limits)
        progress("measuring quality")
        _add_quality(report, reference, limits)
        report.add(names.REPORT_SECONDS, time.monotonic() - started)
    return report


def _count(report: Report) -> None:
    current, reference = report.current, report.reference
    report.add(names.VERDICTS_IN_WINDOW, current.verdicts)
    report.add(names.LABELS_IN_WINDOW, len(current.labelled))
    report.add(names.REFERENCE_VERDICTS, reference.verdicts if reference else 0)
    report.add(names.UNREADABLE_RECORDS, current.unreadable)
    report.add(names.VERSIONS_SERVING, len(current.versions))
    if current.verdicts:
        report.add(names.CONFIDENCE_MEAN, current.confidence / current.verdicts)
        report.add(names.TEXT_MISSING, current.text_missing)
        report.add(names.DUPLICATE_SHARE, current.duplicates)
        for label in LABELS:
            report.add(names.CLASS_SHARE, current.classes[label] / current.verdicts, label.value)


def _add_drift(report: Report, reference: Window, limits: Limits) -> None:
    from monitoring import evidently_report  # noqa: PLC0415 - see make_report

    least = min(len(report.current.rows), len(reference.rows))
    if least < limits.verdicts:
        report.missing.append(
            f"Not enough data for drift: {len(report.current.rows):,} current and {len(reference.rows):,} reference "
            f"verdicts, {limits.verdicts:,} of each are needed."
        )
        return
    sides = _columns(report.current.rows, reference.rows)
    texts = tuple(sum(text is not None for text in side["text"]) for side in sides)
    if min(texts) < limits.verdicts:
        report.missing.append(
            f"Not enough data for text: the archive holds the tweets of {texts[0]:,} of the verdicts, "
            f"{limits.verdicts:,} are needed."
        )
        keep = ("classification", "decision", "confidence")
        sides = tuple({name: side[name] for name in keep} for side in sides)  # type: ignore[assignment]
    else:
        report.words = _telling_words(*(_texts(side["text"]) for side in sides))
    found = evidently_report.drift(*sides, {column: metric.threshold or 0.0 for column, metric in SIGNALS.items()})
    report.drift_page, report.numbers = found.page, found.numbers
    signals = [(metric, found.scores[column]) for column, metric in SIGNALS.items() if column in found.scores]
    for metric, score in signals:
        report.add(metric, score)
    if len(signals) == len(SIGNALS):
        report.add(names.DRIFTED_SHARE, sum(metric.beyond(score) for metric, score in signals) / len(signals))


def _columns(
    current: Sequence[Row], reference: Sequence[Row]
) -> tuple[dict[str, list[object]], dict[str, list[object]]]:
    named = all(
        sum(row.lang is not None for row in rows) >= _NAMED_LANGUAGES * len(rows) for rows in (current, reference)
    )
    masked = [[mask(row.text) for row in rows[:MAX_TEXTS] if row.text is not None] for rows in (current, reference)]
    shared = [
        keep_shared_words(masked[0], masked[1], least=SHARED_BY),
        keep_shared_words(masked[1], masked[0], least=SHARED_BY),
    ]
    return _side(current, shared[0], named=named), _side(reference, shared[1], named=named)


def _side(rows: Sequence[Row], texts: list[str], *, named: bool) -> dict[str, list[object]]:
    """Columns of one side; the texts are those of the first rows that have any."""
    left = iter(texts)
    columns: dict[str, list[object]] = {
        "text": [next(left, None) if row.text is not None else None for row in rows],
        "classification": [row.classification.value for row in rows],
        "decision": [row.decision.value for row in rows],
        "confidence": [row.confidence for row in rows],
    }
    described = [None if row.text is None else describe(row.text) for row in rows]
    for number in ("characters", "words", "capitals", "symbols", "mentions", "hashtags", "links"):
        columns[number] = [None if item is None else float(getattr(item, number)) for item in described]
    columns["language"] = [
        row.lang if named else (None if item is None else item.script)
        for row, item in zip(rows, described, strict=True)
    ]
    return columns


def _texts(column: Sequence[object]) -> list[str]:
    return [text for text in column if isinstance(text, str)]


def _telling_words(current: Sequence[str], reference: Sequence[str], *, limit: int = 20) -> list[str]:
    """Words whose share of tweets has grown most, by the difference of the shares' square roots.

    The square root makes the noise of rare and of frequent words alike (the Freeman-Tukey transform), so that neither
    the rarest nor the most common words win by chance.
    """
    now, then = (Counter(word for text in side for word in set(text.split())) for side in (current, reference))

    def growth(word: str) -> float:
        return float((now[word] / len(current)) ** 0.5 - (then[word] / len(reference)) ** 0.5)

    grown = sorted(now, key=lambda word: (-growth(word), word))[:limit]
    return [word for word in grown if growth(word) > 0.05]  # noqa: PLR2004 - less is noise at the least sample


def _add_quality(report: Report, reference: Window, limits: Limits) -> None:
    from monitoring import evidently_report  # noqa: PLC0415 - see make_report

    current_rows, reference_rows = report.current.labelled, reference.labelled
    if min(len(current_rows), len(reference_rows)) < limits.labels:
        report.missing.append(
            f"Not enough data for quality: {len(current_rows):,} labels have come in, {limits.labels:,} are needed."
        )
        return
    sides = _labelled(current_rows), _labelled(reference_rows)
    current, before = evidently_report.quality(sides[0]), evidently_report.quality(sides[1])
    report.quality = current, before
    report.quality_page = evidently_report.quality_page(*sides)
    report.add(names.ACCURACY, current.accuracy)
    labels = list(_classes_with_labels(current_rows, reference_rows, limits.class_labels))
    few = [label.value for label in LABELS if label not in labels]
    if few:
        report.missing.append(
            f"Not enough data for the quality of: {', '.join(few)} ({limits.class_labels} labels each)."
        )
    for label in labels:
        report.add(names.CLASS_PRECISION, current.precision.get(label, 0.0), label.value)
        report.add(names.CLASS_RECALL, current.recall.get(label, 0.0), label.value)
        report.add(names.CLASS_F1, current.f1.get(label, 0.0), label.value)
    if labels:
        now, then = (sum(side.f1.get(label, 0.0) for label in labels) / len(labels) for side in (current, before))
        report.add(names.MACRO_F1, now)
        report.add(names.MACRO_F1_DROP, then - now)


def _labelled(rows: Sequence[Row]) -> dict[str, list[object]]:
    return {
        "classification": [row.classification.value for row in rows],
        "label": [row.label.value for row in rows if row.label is not None],
    }


def _classes_with_labels(current: Sequence[Row], reference: Sequence[Row], least: int) -> Iterator[Label]:
    counts = [Counter(row.label for row in rows) for rows in (current, reference)]
    return (label for label in LABELS if all(count[label] >= least for count in counts))
