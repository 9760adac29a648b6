"""A report as files: pages for a person, numbers for a program.

``report.html`` says first, in plain words, what was found, then shows Evidently's plots; ``quality.html`` holds the
confusion matrices, ``summary.json`` every number under its metric's name and ``report.json`` Evidently's own numbers.
None of them holds a tweet: only words that several tweets share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

import msgspec

from moderation.labels import LABELS
from monitoring.metric_names import (
    CLASS_F1,
    CLASS_PRECISION,
    CLASS_RECALL,
    DRIFT_SIGNALS,
    DRIFTED_SHARE,
    MACRO_F1,
    MACRO_F1_DROP,
    Metric,
)
from monitoring.report import SHARED_BY, Report

REPORT_PAGE: Final = "report.html"
QUALITY_PAGE: Final = "quality.html"
SUMMARY: Final = "summary.json"
NUMBERS: Final = "report.json"

_BODY: Final = re.compile(r"<body[^>]*>")
_STYLE: Final = """
<style>
.summary { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
.summary h1 { font-size: 1.6rem; margin: 0 0 .3rem; } .summary h2 { font-size: 1.1rem; margin: 1.4rem 0 .4rem; }
.summary table { border-collapse: collapse; width: 100%; } .summary td, .summary th { padding: .3rem .6rem;
border-bottom: 1px solid #d1d9e0; text-align: left; } .summary td.n, .summary th.n { text-align: right;
font-variant-numeric: tabular-nums; white-space: nowrap; } .summary .beyond { color: #b42318; font-weight: 600; }
.summary .within { color: #1a7f37; } .summary .note { color: #59636e; }
</style>
"""


class _Number(msgspec.Struct, omit_defaults=True):
    metric: str
    value: float
    unit: str
    by: str | None = None
    threshold: float | None = None
    beyond: bool = False


class _Summary(msgspec.Struct):
    start: str | None
    end: str | None
    verdicts: int
    versions: dict[str, int]
    numbers: list[_Number]
    not_enough_data: list[str]
    words: list[str]


def write(report: Report, folder: Path) -> None:
    """Write a report's files into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT_PAGE).write_text(page(report), encoding="utf-8")
    (folder / SUMMARY).write_bytes(msgspec.json.format(summary(report), indent=2) + b"\n")
    if report.numbers:
        (folder / NUMBERS).write_text(report.numbers, encoding="utf-8")
    if report.quality_page:
        (folder / QUALITY_PAGE).write_text(report.quality_page, encoding="utf-8")


def summary(report: Report) -> bytes:
    """Every number of a report as JSON."""
    return msgspec.json.encode(
        _Summary(
            start=_moment(report.current.start),
            end=_moment(report.current.end),
            verdicts=report.current.verdicts,
            versions=dict(report.current.versions),
            numbers=[
                _Number(
                    metric=item.metric.name,
                    value=item.value,
                    unit=item.metric.unit,
                    by=item.by,
                    threshold=item.metric.threshold,
                    beyond=item.metric.beyond(item.value),
                )
                for item in report.values
            ],
            not_enough_data=report.missing,
            words=report.words,
        )
    )


def page(report: Report) -> str:
    """The page: the summary on top of Evidently's plots, or alone where there are none."""
    top = f"{_STYLE}<section class='summary'>{''.join(_sections(report))}</section>"
    if not report.drift_page:
        return (
            f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Drift report</title><body>{top}</body></html>"
        )
    return _BODY.sub(lambda match: match.group(0) + top, report.drift_page, count=1)


def _sections(report: Report) -> Iterator[str]:
    yield f"<h1>{escape(_headline(report))}</h1>"
    yield f"<p class='note'>{escape(_about(report))}</p>"
    yield from (f"<p><strong>{escape(sentence)}</strong></p>" for sentence in report.missing)
    rows = [
        (metric, value) for metric in (*DRIFT_SIGNALS, DRIFTED_SHARE) if (value := report.value(metric)) is not None
    ]
    rows += [(metric, value) for metric in (MACRO_F1, MACRO_F1_DROP) if (value := report.value(metric)) is not None]
    if rows:
        yield "<h2>Findings</h2><table>"
        yield "<tr><th>signal</th><th></th><th class='n'>value</th><th class='n'>threshold</th><th></th></tr>"
        yield from (_finding(metric, value) for metric, value in rows)
        yield "</table>"
    if report.words:
        yield "<h2>Words that current tweets use more</h2>"
        yield f"<p>{escape(', '.join(report.words))}</p>"
        yield f"<p class='note'>Only words that {SHARED_BY} tweets or more use; users, links, numbers are masked.</p>"
    yield from _quality(report)


def _headline(report: Report) -> str:
    share, drop = report.value(DRIFTED_SHARE), report.value(MACRO_F1_DROP)
    drifted = share is not None and DRIFTED_SHARE.beyond(share)
    worse = drop is not None and MACRO_F1_DROP.beyond(drop)
    if drifted and worse:
        return "Tweets have drifted and the model has become worse"
    if drifted:
        return "Tweets have drifted"
    if worse:
        return "The model has become worse"
    return "Not enough data" if share is None else "No drift"


def _about(report: Report) -> str:
    current, reference = report.current, report.reference
    span = f" from {_moment(current.start)} to {_moment(current.end)}" if current.start else ""
    versions = ", ".join(sorted(current.versions)) or "none"
    against = f"{reference.verdicts:,} verdicts on the champion's validation data" if reference else "no reference"
    return f"{current.verdicts:,} verdicts{span}, model versions: {versions}; compared with {against}."


def _finding(metric: Metric, value: float) -> str:
    beyond = metric.beyond(value)
    state = "" if metric.threshold is None else "beyond" if beyond else "within"
    threshold = "" if metric.threshold is None else f"{metric.threshold:g}"
    return (
        f"<tr><td>{_words(metric.name)}</td><td class='note'>{escape(metric.meaning)}</td>"
        f"<td class='n'>{value:.3f}</td><td class='n'>{threshold}</td><td class='{state}'>{state}</td></tr>"
    )


def _quality(report: Report) -> Iterator[str]:
    if report.quality is None:
        return
    current, reference = report.quality
    yield f"<h2>Quality on {len(report.current.labelled):,} labelled tweets (in brackets: the reference)</h2>"
    yield "<table><tr><th>class</th><th class='n'>precision</th><th class='n'>recall</th><th class='n'>F1</th></tr>"
    for label in LABELS:
        # What was left out of the numbers for want of labels is left out here, too.
        cells = "".join(
            f"<td class='n'>{_number(report.value(metric, label.value))} ({_number(before.get(label))})</td>"
            for metric, before in (
                (CLASS_PRECISION, reference.precision),
                (CLASS_RECALL, reference.recall),
                (CLASS_F1, reference.f1),
            )
        )
        yield f"<tr><td>{label.value}</td>{cells}</tr>"
    link = f"<a href='{QUALITY_PAGE}'>Confusion matrices</a>" if report.quality_page else ""
    yield f"</table><p>Accuracy {current.accuracy:.3f} ({reference.accuracy:.3f}). {link}</p>"


def _words(name: str) -> str:
    """A metric's name as words: ``TextDrift`` is 'Text drift', ``MacroF1Drop`` 'Macro-F1 drop'."""
    words = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f" {match.group(1).lower()}", name)
    return words.replace(" f1", "-F1")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
