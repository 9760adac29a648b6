"""Pictures of how good a model is: the confusion matrix and the calibration, as PNG files.

They are drawn with Pillow alone: importing a plotting library costs every training job more than a second, and the
image sixty megabytes, for a table of thirty-six cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.labels import LABELS
from training_jobs.measures import CALIBRATION_BINS

_CELL: Final = 92
_LEFT: Final = 190
_TOP: Final = 110
_SIDE: Final = _CELL * len(LABELS)
_MARGIN: Final = 30
_INK: Final = (31, 41, 55)
_FAINT: Final = (156, 163, 175)
_DEEP: Final = np.array((30, 64, 120))
_WHITE: Final = (255, 255, 255)
_DARK_FROM: Final = 0.5
_NAMES: Final = [label.value.replace("_cyberbullying", "") for label in LABELS]


def draw_confusion(confusion: Sequence[Sequence[int]], title: str, file: Path) -> None:
    """Draw a confusion matrix, shaded by the share of each true class.

    Args:
        confusion: rows by true class (down) and predicted class (across), in the order of ``LABELS``.
        title: what stands above it.
        file: a PNG file.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only jobs that draw need it

    counts = np.asarray(confusion, dtype=np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = Image.new("RGB", (_LEFT + _SIDE + _MARGIN, _TOP + _SIDE + _MARGIN), _WHITE)
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(20), ImageFont.load_default(14)
    draw.text((_MARGIN, 18), title, _INK, large)
    draw.text((_LEFT, 56), "predicted", _FAINT, small)
    draw.text((_MARGIN, _TOP - 26), "true", _FAINT, small)
    for i, name in enumerate(_NAMES):
        draw.text((_LEFT + i * _CELL + _CELL // 2, _TOP - 18), name, _INK, small, anchor="mm")
        draw.text((_LEFT - 14, _TOP + i * _CELL + _CELL // 2), name, _INK, small, anchor="rm")
    for (row, column), share in np.ndenumerate(shares):
        x, y = _LEFT + column * _CELL, _TOP + row * _CELL
        shade = tuple(int(value) for value in 255 + (_DEEP - 255) * share)
        ink = _WHITE if share >= _DARK_FROM else _INK
        draw.rectangle((x, y, x + _CELL - 3, y + _CELL - 3), fill=shade)
        draw.text((x + _CELL // 2, y + _CELL // 2 - 10), f"{share:.0%}", ink, large, anchor="mm")
        draw.text((x + _CELL // 2, y + _CELL // 2 + 14), f"{counts[row, column]:,}", ink, small, anchor="mm")
    image.save(file, optimize=True)


def draw_calibration(scores: NDArray[np.float64], truth: NDArray[np.int64], title: str, file: Path) -> None:
    """Draw how often the model is right against how sure it is, by bins of confidence.

    Args:
        scores: shape (rows, classes), probabilities.
        truth: shape (rows,), columns of the true classes.
        title: what stands above it.
        file: a PNG file.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only jobs that draw need it

    side, left, top = 440, 80, 80
    image = Image.new("RGB", (left + side + _MARGIN, top + side + 70), _WHITE)
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(20), ImageFont.load_default(14)
    draw.text((_MARGIN, 18), title, _INK, large)
    draw.text((left, 52), "share that is right, by confidence", _FAINT, small)
    for tick in range(0, 11, 2):
        at = side * tick // 10
        draw.text((left - 10, top + side - at), f"{tick / 10:.1f}", _FAINT, small, anchor="rm")
        draw.text((left + at, top + side + 16), f"{tick / 10:.1f}", _FAINT, small, anchor="mm")
    for index, (right, rows) in enumerate(_right_by_confidence(scores, truth)):
        if rows:
            x, width = left + side * index / CALIBRATION_BINS, side / CALIBRATION_BINS
            draw.rectangle((x + 1, top + side - side * right, x + width - 1, top + side), fill=(147, 178, 219))
    draw.line((left, top + side, left + side, top), fill=_INK, width=2)
    draw.rectangle((left, top, left + side, top + side), outline=_FAINT)
    image.save(file, optimize=True)


def _right_by_confidence(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> list[tuple[float, int]]:
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    hits = np.bincount(bins, weights=right, minlength=CALIBRATION_BINS)
    return [(float(hit / max(row, 1)), int(row)) for hit, row in zip(hits, rows, strict=True)]
