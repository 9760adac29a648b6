"""From two windows to a report: numbers under their metrics' names, and pages for a person.

What too little data cannot carry is not given as a number: the report says 'not enough data', and of what.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from moderation.labels import LABELS, Label
from monitoring import metric_names as names
from monitoring.descriptors import describe, mask
from monitoring.metric_names import Metric
from monitoring.quality import Quality, measure
from monitoring.windows import Row, Window

SIGNALS: Final[dict[str, Metric]] = {
    "text": names.TEXT_DRIFT,
    "classification": names.PREDICTION_DRIFT,
    "confidence": names.CONFIDENCE_DRIFT,
    "characters": names.LENGTH_DRIFT,
    "language": names.LANGUAGE_DRIFT,
}
"""The columns whose distance is published; the other descriptors stand in the report only."""

MAX_SOURCES: Final = 10
"""Sources that are published, the largest first: each is a metric of its own, and is paid for."""

MAX_SOURCE_NAME: Final = 64

MAX_TEXTS: Final = 5_000
"""Tweets of either side that the text classifier is fitted on and tested with."""

SHARED_BY: Final = 5
"""How many tweets must use a word before a report may show it."""

_CLASSES_OF_A_PAGE: Final = 3

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
    quality: tuple[Quality, Quality] | None = None

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
        for source, count in current.sources.most_common(MAX_SOURCES):
            report.add(names.SOURCE_SHARE, count / current.verdicts, source[:MAX_SOURCE_NAME])
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
    current, before = _columns(report.current.rows, reference.rows)
    scores = _text_score(report, reference, limits)
    if not scores:
        without_text = ("classification", "decision", "confidence")
        current, before = ({name: side[name] for name in without_text} for side in (current, before))
    thresholds = {column: metric.threshold or 0.0 for column, metric in SIGNALS.items()}
    found = evidently_report.drift(current, before, thresholds)
    report.drift_page, report.numbers = found.page, found.numbers
    scores |= found.scores
    signals = [(metric, scores[column]) for column, metric in SIGNALS.items() if column in scores]
    for metric, score in signals:
        report.add(metric, score)
    if len(signals) == len(SIGNALS):
        report.add(names.DRIFTED_SHARE, sum(metric.beyond(score) for metric, score in signals) / len(signals))


def _text_score(report: Report, reference: Window, limits: Limits) -> dict[str, float]:
    """The distance between the texts, under the name of its column; nothing where there are too few."""
    from monitoring import evidently_report  # noqa: PLC0415 - see make_report

    current, before = (
        [mask(row.text) for row in islice((row for row in rows if row.text is not None), MAX_TEXTS) if row.text]
        for rows in (report.current.rows, reference.rows)
    )
    if min(len(current), len(before)) < limits.verdicts:
        report.missing.append(
            f"Not enough data for text: the archive holds the tweets of {len(current):,} of the verdicts, "
            f"{limits.verdicts:,} are needed."
        )
        return {}
    report.words = telling_words(current, before)
    return {"text": evidently_report.text_drift(current, before)}


def _columns(current: Sequence[Row], reference: Sequence[Row]) -> list[dict[str, list[object]]]:
    named = all(
        sum(row.lang is not None for row in rows) >= _NAMED_LANGUAGES * len(rows) for rows in (current, reference)
    )
    return [_side(rows, named=named) for rows in (current, reference)]


def _side(rows: Sequence[Row], *, named: bool) -> dict[str, list[object]]:
    described = [None if row.text is None else describe(row.text) for row in rows]
    columns: dict[str, list[object]] = {
        "classification": [row.classification.value for row in rows],
        "decision": [row.decision.value for row in rows],
        "confidence": [row.confidence for row in rows],
        "language": [
            row.lang if named else (None if item is None else item.script)
            for row, item in zip(rows, described, strict=True)
        ],
    }
    for number in ("characters", "words", "capitals", "symbols", "mentions", "hashtags", "links"):
        columns[number] = [None if item is None else float(getattr(item, number)) for item in described]
    return columns


def telling_words(current: Sequence[str], reference: Sequence[str], *, limit: int = 20) -> list[str]:
    """Words whose share of tweets has grown most, by the difference of the shares' square roots.

    A word that fewer than :data:`SHARED_BY` current tweets use could point to its author and is left out.

    The square root makes the noise of rare and of frequent words alike (the Freeman-Tukey transform), so that neither
    the rarest nor the most common words win by chance.
    """
    now, then = (Counter(word for text in side for word in set(text.split())) for side in (current, reference))

    def growth(word: str) -> float:
        return float((now[word] / len(current)) ** 0.5 - (then[word] / len(reference)) ** 0.5)

    shared = [word for word, uses in now.items() if uses >= SHARED_BY]
    grown = sorted(shared, key=lambda word: (-growth(word), word))[:limit]
    return [word for word in grown if growth(word) > 0.05]  # noqa: PLR2004 - less is noise at the least sample


def _add_quality(report: Report, reference: Window, limits: Limits) -> None:
    from monitoring import evidently_report  # noqa: PLC0415 - see make_report

    current_rows, reference_rows = report.current.labelled, reference.labelled
    if min(len(current_rows), len(reference_rows)) < limits.labels:
        report.missing.append(
            f"Not enough data for quality: {len(current_rows):,} labels have come in, {limits.labels:,} are needed."
        )
        return
    current, before = (
        measure((row.label, row.classification) for row in rows if row.label is not None)
        for rows in (current_rows, reference_rows)
    )
    report.quality = current, before
    sides = _labelled(current_rows), _labelled(reference_rows)
    if all(len({*side["classification"], *side["label"]}) >= _CLASSES_OF_A_PAGE for side in sides):
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
