"""How right verdicts are: accuracy, and precision, recall and F1 of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from moderation.labels import LABELS, Label


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one set of verdicts. A class that never occurred, or was never said, has no value where it would divide by 0.

    Attributes:
        accuracy: share of verdicts that are right.
        precision: by class, the share of its verdicts that are right.
        recall: by class, the share of its tweets that were recognised.
        f1: by class that occurred, the harmonic mean of the two, 0 where it was never recognised.
    """

    accuracy: float
    precision: dict[Label, float]
    recall: dict[Label, float]
    f1: dict[Label, float]


def measure(verdicts: Iterable[tuple[Label, Label]]) -> Quality:
    """Measure verdicts.

    Args:
        verdicts: pairs of the true class and the class that was said; at least one.
    """
    pairs = Counter(verdicts)
    true, said, right = Counter[Label](), Counter[Label](), Counter[Label]()
    for (label, verdict), count in pairs.items():
        true[label] += count
        said[verdict] += count
        right[label] += count * (label is verdict)
    return Quality(
        accuracy=right.total() / pairs.total(),
        precision={label: right[label] / said[label] for label in LABELS if said[label]},
        recall={label: right[label] / true[label] for label in LABELS if true[label]},
        f1={label: 2 * right[label] / (true[label] + said[label]) for label in LABELS if true[label]},
    )
