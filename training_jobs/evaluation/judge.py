"""A model with its thresholds, as one thing: from texts to probabilities, decisions and shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMLESS, LABELS
from moderation.messages import Decision
from moderation.policy import DECISIONS, Thresholds, decide
from training_jobs.evaluation.figures import Scores
from training_jobs.evaluation.findings import Shares

_HARMLESS_COLUMN = LABELS.index(HARMLESS)
_PASS, _REFER, _FLAG = (DECISIONS.index(decision) for decision in (Decision.PASS, Decision.REFER, Decision.FLAG))


class Judged(NamedTuple):
    """A batch and what a model made of it.

    Attributes:
        scores: shape (tweets, classes).
        decisions: shape (tweets,), indices into ``DECISIONS``.
    """

    scores: NDArray[np.float64]
    decisions: NDArray[np.intp]

    @property
    def harm(self) -> NDArray[np.float64]:
        """Probability of harm, shape (tweets,)."""
        return np.asarray(1.0 - self.scores[:, _HARMLESS_COLUMN])

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Which tweets are flagged, shape (tweets,)."""
        return np.asarray(self.decisions == _FLAG)

    @property
    def caught(self) -> NDArray[np.bool_]:
        """Which tweets are flagged or referred, shape (tweets,)."""
        return np.asarray(self.decisions != _PASS)

    def shares(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> Shares:
        """What becomes of the chosen tweets; of none, nothing passes and nothing is caught."""
        counts = np.bincount(self.decisions[chosen], minlength=len(DECISIONS))
        rows = int(counts.sum())
        flagged, referred, passed = (float(counts[decision] / max(rows, 1)) for decision in (_FLAG, _REFER, _PASS))
        return Shares(rows, flagged, referred, passed)


class Judge:
    """A model and the thresholds by which its scores become decisions.

    Args:
        model: scores raw tweets.
        thresholds: of that model.
    """

    def __init__(self, model: Scores, thresholds: Thresholds) -> None:
        self._model = model
        self._thresholds = thresholds

    def __call__(self, texts: Sequence[str]) -> Judged:
        """Judge a batch."""
        scores = self._model.score(texts)
        return Judged(scores, decide(scores, self._thresholds)[1])
