"""The report: every table with what it says, in Markdown; and its place in the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.job import Scale
from benchmarks.measures import (
    adversarial,
    end_to_end,
    ingest,
    layers,
    one_tweet,
    sizes,
    startup,
    stream,
    window_report,
)
from benchmarks.results import Results

SECTIONS: Final = {
    "stream": ("Throughput", stream),
    "layers": ("By layer and batch size", layers),
    "one_tweet": ("One tweet at a time", one_tweet),
    "startup": ("Start", startup),
    "sizes": ("Sizes", sizes),
    "adversarial": ("Adversarial tweets", adversarial),
    "ingest": ("The tweet source", ingest),
    "window_report": ("Monitoring's report", window_report),
    "end_to_end": ("Through the local stage", end_to_end),
}
"""In the order of the report."""

BEGIN: Final = "<!-- make bench writes from here -->"
END: Final = "<!-- to here -->"
MARKDOWN_FILE: Final = "benchmarks.md"
JSON_FILE: Final = "benchmarks.json"


class NoPlaceError(Exception):
    """The document does not say where the report is to stand."""


def markdown(results: Results, facts: list[str]) -> str:
    """The report.

    Args:
        results: sections of what was not measured are left out.
        facts: sentences on what was measured, how and where.
    """
    return "\n".join([" ".join(facts), *_sections(results)]) + "\n"


def _sections(results: Results) -> Iterator[str]:
    for what, (title, module) in SECTIONS.items():
        if results.has(what):
            yield f"\n### {title}\n"
            yield from module.lines(results)


def write(folder: Path, text: str, results: Results, facts: list[str], scale: Scale) -> None:
    """Write the report, and every figure of every round beside it.

    Args:
        folder: made if it does not exist.
        text: the report.
        results: the figures.
        facts: what was measured, how and where.
        scale: how much was measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKDOWN_FILE).write_text(text, encoding="utf-8")
    written = {"facts": facts, "scale": asdict(scale), "figures": results.plain()}
    (folder / JSON_FILE).write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def place(document: Path, text: str) -> None:
    """Put the report where the document has the last one.

    Raises:
        NoPlaceError: the two marks are not there.
    """
    written = document.read_text(encoding="utf-8")
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlaceError(f"{document} needs the lines {BEGIN} and {END}, to say where the report stands")
    document.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
