"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

Every number on the page names the place of its figure in ``figures.json`` (``data-figure``) and how it is written
(``data-format``), so that anybody can hold one against the other.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from training_jobs.evaluation import heat_maps, plots
from training_jobs.evaluation.findings import FIGURES_FILE, Findings
from training_jobs.measures import CAUGHT_AT_LEAST

PAGE_FILE: Final = "report.html"
PICTURES: Final[Mapping[str, Callable[[Findings, Path], None]]] = {
    "decisions": plots.draw_decisions,
    "tradeoff": plots.draw_tradeoff,
    "confusion": heat_maps.draw_confusion,
    "reliability": plots.draw_reliability,
    "coverage": plots.draw_coverage,
    "robustness": plots.draw_robustness,
    "groups": heat_maps.draw_groups,
    "people": plots.draw_people,
    "out_of_domain": plots.draw_out_of_domain,
}
"""What draws each picture; ``out_of_domain`` only where there are such tweets."""

_TEMPLATE: Final = "page.html.jinja"
_NORMAL_95: Final = 1.96
"""Standard errors to each side of a mean between which 95% of a normal distribution lie."""


def _hundred(value: float) -> str:
    """How many of a hundred; of a few it never says none, of nearly all never all."""
    whole = round(100 * value)
    if (whole == 0 and value > 0) or (whole == 100 and value < 1):  # noqa: PLR2004 - of a hundred
        return f"{100 * value:.1f}"
    return str(whole)


def _margin(part: str) -> Callable[[Mapping[str, float]], str]:
    """By how many percentage points chance moves a share: half the 95% interval of a proportion."""

    def written(shares: Mapping[str, float]) -> str:
        share, rows = shares[part], max(shares["rows"], 1)
        return f"{100 * _NORMAL_95 * math.sqrt(share * (1 - share) / rows):.1f}"

    return written


FORMATS: Final[Mapping[str, Callable[[Any], str]]] = {
    "three": lambda value: f"{value:.3f}",
    "percent": lambda value: f"{_hundred(value)}%",
    "percent1": lambda value: f"{value:.1%}",
    "points": lambda value: f"{100 * value:.1f}",
    "hundred": _hundred,
    "count": lambda value: f"{value:,}",
    "plain": str,
    "margin_passed": _margin("passed"),
    "margin_flagged": _margin("flagged"),
}


def find(figures: Any, path: str) -> Any:
    """A figure by its path, or the sum of several, as of decoded ``figures.json``.

    Args:
        figures: decoded.
        path: names and, in lists, the ``name`` of the member meant, with dots between; ``a.b+c.d`` for a sum.

    Raises:
        KeyError: there is no such figure.
    """
    if "+" in path:
        return sum(find(figures, part) for part in path.split("+"))
    for name in path.split("."):
        if isinstance(figures, list):
            figures = {member["name"]: member for member in figures}
        figures = figures[name]
    return figures


def render(findings: Findings, images: Mapping[str, Path], *, sample: bool) -> str:
    """The page.

    Args:
        findings: to report.
        images: PNG files, by the names of :data:`PICTURES`.
        sample: whether the data is the sample that ships with the project.
    """
    figures = msgspec.to_builtins(findings, str_keys=True)

    def figure(path: str, form: str = "three") -> Markup:
        written = FORMATS[form](find(figures, path))
        return Markup('<span data-figure="{}" data-format="{}">{}</span>').format(path, form, written)

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(_TEMPLATE).render(
        f=findings,
        figure=figure,
        images={name: _inlined(file) for name, file in images.items()},
        caught_at_least=f"{CAUGHT_AT_LEAST:.0%}",
        groups=len({cell.group for cell in findings.groups}),
        parts=("flagged", "referred", "passed"),
        sample=sample,
    )


def write_report(findings: Findings, out: Path, *, sample: bool) -> Path:
    """Draw the pictures and write the page beside them; returns the page."""
    images = {}
    for name, draw in PICTURES.items():
        file = out / f"{name}.png"
        file.unlink(missing_ok=True)  # of an earlier evaluation with other data
        draw(findings, file)
        if file.is_file():
            images[name] = file
    page = out / PAGE_FILE
    page.write_text(render(findings, images, sample=sample), encoding="utf-8")
    return page


def written(out: Path) -> list[Path]:
    """The files of an evaluation in its folder."""
    names = (PAGE_FILE, FIGURES_FILE, *(f"{name}.png" for name in PICTURES))
    return [out / name for name in names if (out / name).is_file()]


def _inlined(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
