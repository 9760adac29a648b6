"""From scores to decisions.

A decision is made on the probability of harm, ``1 - P(not_cyberbullying)``, against the thresholds of the harmful
class that is most likely: a tweet whose harm is certain but whose kind is not (a third religion, a third ethnicity,
a third gender) must not slip through because no single class is sure. What follows from a decision is in
:mod:`moderation.effects`.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.labels import HARMFUL, HARMLESS, LABELS, Label
from moderation.messages import Decision

DECISIONS: Final[tuple[Decision, ...]] = (Decision.PASS, Decision.REFER, Decision.FLAG)
"""Every decision, by severity; :func:`decide` returns indices into it."""

_PASS, _REFER, _FLAG = range(3)
_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)
_HARMFUL_COLUMNS: Final = np.array([LABELS.index(label) for label in HARMFUL])


class Thresholds(msgspec.Struct, frozen=True):
    """Per harmful class, the least probability of harm at which a tweet is flagged or referred to a person."""

    flag: dict[Label, float]
    refer: dict[Label, float]

    def __post_init__(self) -> None:
        """Refuse thresholds with a gap, out of range, or with a flag below its referral.

        Raises:
            BadArtefactError: thresholds come from the artefact, so theirs is the fault.
        """
        for name, values in (("flag", self.flag), ("refer", self.refer)):
            if set(values) != set(HARMFUL):
                raise BadArtefactError(f"the {name} thresholds must name the {len(HARMFUL)} harmful classes")
            if not all(0.0 < value <= 1.0 for value in values.values()):
                raise BadArtefactError(f"the {name} thresholds must lie in (0, 1]")
        if any(self.flag[label] < self.refer[label] for label in HARMFUL):
            raise BadArtefactError("a flag threshold is below its referral threshold")


def decide(scores: NDArray[np.floating], thresholds: Thresholds) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Classes and decisions of a batch.

    Args:
        scores: shape (tweets, classes), calibrated probabilities, columns in the order of ``LABELS``.
        thresholds: of the model that made the scores.

    Returns:
        Two arrays of shape (tweets,): indices into ``LABELS``, indices into ``DECISIONS``.
    """
    classes = np.argmax(scores, axis=1)
    harm = 1.0 - scores[:, _HARMLESS_COLUMN]
    likeliest = np.argmax(scores[:, _HARMFUL_COLUMNS], axis=1)
    flag = np.array([thresholds.flag[label] for label in HARMFUL])[likeliest]
    refer = np.array([thresholds.refer[label] for label in HARMFUL])[likeliest]
    decisions = np.where(harm >= refer, _REFER, _PASS)
    # Never flag what the verdict itself calls harmless: a person decides about such a contradiction.
    decisions[(harm >= flag) & (classes != _HARMLESS_COLUMN)] = _FLAG
    return classes, decisions
