"""The curves and bars of the report, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from training_jobs.evaluation.canvas import (
    BLUE,
    FAINT,
    FLAGGED,
    GRID,
    INK,
    ORANGE,
    PASSED,
    REFERRED,
    SKY,
    draw,
    percent_axes,
)
from training_jobs.evaluation.findings import Attacked, Bin, Findings, Shares

_PARTS: Final = (("flagged", FLAGGED), ("referred", REFERRED), ("passed", PASSED))
_WIDE_ENOUGH: Final = 0.05
"""A narrower part of a bar has no room for its figure."""


def draw_decisions(findings: Findings, file: Path) -> None:
    """Draw what becomes of harmful and of harmless tweets."""
    rows = [("harmful tweets", findings.harmful), ("harmless tweets", findings.harmless)]
    draw(file, 1.9, lambda figure: _stacked(figure.subplots(), rows))


def draw_out_of_domain(findings: Findings, file: Path) -> None:
    """Draw the same for the tweets of another source."""
    foreign = findings.out_of_domain
    if foreign:
        rows = [("harmful tweets", foreign.harmful), ("harmless tweets", foreign.harmless)]
        draw(file, 1.9, lambda figure: _stacked(figure.subplots(), rows))


def draw_people(findings: Findings, file: Path) -> None:
    """Draw the same for sentences to and about single people, by kind."""
    rows = [(kind.name, kind.shares) for kind in findings.people]
    draw(file, 0.9 + 0.42 * len(rows), lambda figure: _stacked(figure.subplots(), rows))


def draw_tradeoff(findings: Findings, file: Path) -> None:
    """Draw harmful tweets caught against harmless ones caught, with what the model's thresholds make of it."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([point.x for point in findings.tradeoff], [point.y for point in findings.tradeoff], color=BLUE, lw=2)
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.5, ls="--")
        axes.text(0.62, 0.57, "a coin", color=FAINT, rotation=36)
        harmful, harmless = findings.harmful, findings.harmless
        for name, colour, x, y, offset in (
            ("flagged", FLAGGED, harmless.flagged, harmful.flagged, (14, -50)),
            ("flagged or referred", ORANGE, harmless.caught, harmful.caught, (14, -50)),
        ):
            axes.plot([x, x, -0.02], [0, y, y], color=colour, lw=1, ls=":")
            axes.plot([x], [y], "o", color=colour, ms=9, mec="white", mew=1.5, zorder=3)
            axes.annotate(
                f"{name}\n{y:.0%} of harmful,\n{x:.0%} of harmless",
                (x, y), textcoords="offset points", xytext=offset, color=INK, fontsize=9.5,
            )  # fmt: skip
        axes.set(xlim=(-0.01, 1), ylim=(0, 1.02), xlabel="harmless tweets caught (false alarms)",
                 ylabel="harmful tweets caught")  # fmt: skip
        axes.grid(visible=True)
        percent_axes(axes)

    draw(file, 5.0, paint)


def draw_reliability(findings: Findings, file: Path) -> None:
    """Draw what the model said against what was, for harm and for the likeliest class."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        _reliability(left, findings.harm_bins, "probability of harm", "share that is harmful")
        _reliability(right, findings.class_bins, "probability of the likeliest class", "share that is of that class")

    draw(file, 3.9, paint)


def draw_coverage(findings: Findings, file: Path) -> None:
    """Draw the accuracy on the tweets that the model is surest of, by how many these are."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        x, y = ([getattr(point, axis) for point in findings.coverage] for axis in ("x", "y"))
        axes.plot(x, y, color=BLUE, lw=2)
        for share in (0.8, 0.9, 1.0):
            accuracy = y[int(np.argmin(np.abs(np.array(x) - share)))]
            axes.plot([share], [accuracy], "o", color=ORANGE, ms=8, mec="white", mew=1.5, zorder=3)
            axes.annotate(f"{accuracy:.1%}", (share, accuracy), textcoords="offset points", xytext=(9, 3))
        axes.set_xlim(right=1.07)
        axes.set_xticks(np.linspace(0.3, 1.0, 8))
        axes.set(xlabel="share of tweets decided without a person, the surest first", ylabel="right class")
        low = min(y)
        axes.set_ylim(low - 0.12 * (1 - low) - 0.01, 1.0 + 0.05 * (1 - low))
        axes.grid(visible=True)
        percent_axes(axes)

    draw(file, 3.3, paint)


def draw_robustness(findings: Findings, file: Path) -> None:
    """Draw macro-F1 under each kind of disguise: those that every filter should know, then the others."""
    known, others = (
        sorted((attack for attack in findings.attacks if attack.named is named), key=lambda attack: attack.macro_f1)
        for named in (True, False)
    )

    def paint(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[len(known) + 1, len(others) + 1])
        clean = findings.undisguised.macro_f1
        _attack_bars(top, known, clean, "disguises that every filter should know", BLUE)
        _attack_bars(bottom, others, clean, "disguises that the model may not have been told about", SKY)
        bottom.set_xlabel("macro-F1; the line is the same tweets without a disguise")

    draw(file, 1.4 + 0.205 * len(findings.attacks), paint)


def _stacked(axes: Axes, rows: Sequence[tuple[str, Shares]]) -> None:
    for place, (_, shares) in enumerate(rows):
        start = 0.0
        for part, colour in _PARTS:
            share = getattr(shares, part)
            axes.barh(place, share, left=start, color=colour, height=0.66, edgecolor="white")
            if share >= _WIDE_ENOUGH:
                ink = "white" if colour == FLAGGED else INK
                axes.text(start + share / 2, place, f"{share:.0%}", ha="center", va="center", color=ink, weight="bold")
            start += share
    axes.set_yticks(range(len(rows)), [f"{name}\n({shares.rows:,})" for name, shares in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    labels = ("flagged", "goes to a person", "passes")
    handles = [Patch(color=colour, label=label) for (_, colour), label in zip(_PARTS, labels, strict=True)]
    axes.legend(handles=handles, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _reliability(axes: Axes, bins: Sequence[Bin], said: str, was: str) -> None:
    most = max(each.rows for each in bins)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls="--")
    axes.scatter(
        [each.said for each in bins], [each.was for each in bins],
        s=[20 + 260 * each.rows / most for each in bins], color=BLUE, alpha=0.75, edgecolor="white", zorder=3,
    )  # fmt: skip
    axes.set(xlim=(-0.03, 1.06), ylim=(-0.03, 1.06), xlabel=f"{said}, as the model said", title=was)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(visible=True)
    percent_axes(axes)


def _attack_bars(axes: Axes, attacks: Sequence[Attacked], clean: float, title: str, colour: str) -> None:
    names = [attack.name.replace("_", " ") for attack in attacks]
    values = [attack.macro_f1 for attack in attacks]
    axes.barh(names, values, color=colour, height=0.72)
    for place, value in enumerate(values):
        axes.text(max(value, clean) + 0.01, place, f"{value:.2f}", va="center", fontsize=8.5)
    axes.axvline(clean, color=INK, lw=1)
    axes.set_title(title)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(attacks) - 0.4)
    axes.tick_params(axis="y", labelsize=9)
    axes.spines[:].set_visible(False)
    axes.grid(visible=True, axis="x")
