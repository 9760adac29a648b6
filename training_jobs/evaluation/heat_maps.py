"""The tables of the report that are drawn: the confusion matrix, and what becomes of sentences about groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moderation.labels import LABELS
from training_jobs.evaluation.canvas import FAINT, INK, draw
from training_jobs.evaluation.findings import Findings, GroupCell

_NAMES: Final = [label.value.replace("_cyberbullying", "") for label in LABELS]
_DARK_FROM: Final = 0.55


def draw_confusion(findings: Findings, file: Path) -> None:
    """Draw the confusion matrix, shaded by the share of each true class."""
    counts = np.array(findings.measures.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            ink = "white" if share >= _DARK_FROM else INK
            axes.text(column, row - 0.1, f"{share:.0%}", ha="center", va="center", color=ink, weight="bold")
            axes.text(column, row + 0.24, f"{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=8)
        axes.set_xticks(range(len(_NAMES)), _NAMES)
        axes.set_yticks(range(len(_NAMES)), _NAMES)
        axes.set(xlabel="what the model said", ylabel="what it was labelled")
        axes.xaxis.set_label_position("top")
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        _rule(axes, shares.shape)

    draw(file, 4.8, paint)


def draw_groups(findings: Findings, file: Path) -> None:
    """Draw, side by side, harmless sentences that are flagged and attacks that are caught, by group and kind."""
    harmless = [cell for cell in findings.groups if not cell.attack]
    attacks = [cell for cell in findings.groups if cell.attack]

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        _groups(left, harmless, [cell.shares.flagged for cell in harmless], "Oranges")
        left.set_title("harmless sentences\nflagged: should be pale")
        _groups(right, attacks, [cell.shares.caught for cell in attacks], "Blues")
        right.set_title("attacks\nflagged or referred: should be dark")

    groups = len({cell.group for cell in harmless})
    draw(file, 1.9 + 0.25 * groups, paint)


def _groups(axes: Axes, cells: Sequence[GroupCell], values: Sequence[float], colours: str) -> None:
    groups, kinds = (list(dict.fromkeys(names)) for names in zip(*((c.group, c.kind) for c in cells), strict=True))
    shares = np.zeros((len(groups), len(kinds)))
    for cell, value in zip(cells, values, strict=True):
        shares[groups.index(cell.group), kinds.index(cell.kind)] = value
    grounds = {cell.group: cell.ground for cell in cells}
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share >= _DARK_FROM else INK
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(len(kinds)), [_in_two_lines(kind) for kind in kinds], fontsize=8.5)
    axes.set_yticks(range(len(groups)), groups, fontsize=9)
    axes.spines[:].set_visible(False)
    _rule(axes, shares.shape)
    for row, group in enumerate(groups[1:], start=1):
        if grounds[group] != grounds[groups[row - 1]]:
            axes.axhline(row - 0.5, color=FAINT, lw=1.2)


def _rule(axes: Axes, shape: tuple[int, ...]) -> None:
    """White lines between the cells."""
    axes.set_xticks(np.arange(shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(shape[0] + 1) - 0.5, minor=True)
    axes.grid(visible=True, which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)


def _in_two_lines(name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{first}\n{rest}"
