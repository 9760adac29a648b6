"""What every picture of the report shares: paper, ink, and colours that colour-blind readers can tell apart.

The colours are those of Okabe and Ito, "Color Universal Design" (2008).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

INK: Final = "#1f2937"
FAINT: Final = "#6b7280"
GRID: Final = "#e5e7eb"
BLUE: Final = "#0072b2"
SKY: Final = "#56b4e9"
ORANGE: Final = "#e69f00"
VERMILION: Final = "#d55e00"

FLAGGED: Final = VERMILION
REFERRED: Final = "#f0c05a"
PASSED: Final = "#b9d7ea"

DOTS_PER_INCH: Final = 130
_SHADES: Final = 96
WIDTH: Final = 7.6
"""Inches; the page shows a picture about as wide as its text."""

STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "legend.frameon": False,
}
"""Settings of matplotlib, for notebooks too."""


def draw(file: Path, height: float, paint: Callable[[Figure], None], width: float = WIDTH) -> None:
    """Draw a picture and write it as a PNG file.

    Args:
        file: to write.
        height: in inches.
        paint: draws on the figure.
        width: in inches.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        paint(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        # A palette is a third of the size, and nothing here has more shades than that.
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        Image.fromarray(pixels[..., :3]).quantize(_SHADES).save(file, optimize=True)


def percent_axes(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Write the ticks of axes as per cent."""
    for on, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if on:
            axis.set_major_formatter(lambda value, _place: f"{value:.0%}")
