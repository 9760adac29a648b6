"""A model's last layer, refitted to a deployment's own reviewed tweets; its words and networks stay as they are.

The parent's logits are shifted by a linear function of what it made of a tweet: its linear scores and its logits. A
ridge penalty on the shift draws the result towards the parent's own probabilities, so that few labels change little.
Labels may name a class, or say only that a tweet is harmful: then the likelihood is that of any harmful class (a
partial label; Cour, Sapp and Taskar, "Learning from Partial Labels", 2011), and what kind of harm is likelier is left
to the parent.

Linear scores win over the six probabilities because a network that was trained elsewhere has thrown away what matters
here: docs/decisions/0017-recalibration.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.arrays import Arrays
from moderation.labels import HARMLESS, LABELS
from moderation.model import Model
from moderation.network import FARTHEST, softmax
from training_jobs.fitting.thresholds import Chosen, choose_thresholds

FOLDS: Final = 5
PENALTY: Final = 8.0
"""Half of this times the squared shift, in units of a standard deviation of its inputs, is added to the loss."""

_BATCH: Final = 1_000
_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)

_CENTRED: Final = np.eye(len(LABELS)) - 1.0 / len(LABELS)
"""Takes the mean over the classes off: what probabilities tell of logits, and linear in them."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Reviewed:
    """Reviewed tweets.

    Attributes:
        allowed: shape (tweets, classes); the classes that a label allows, one of them or all harmful ones.
        groups: shape (tweets,); near duplicates share one.
    """

    allowed: Bools
    groups: NDArray[np.int64]

    @property
    def harmful(self) -> Bools:
        """Shape (tweets,)."""
        return ~self.allowed[:, _HARMLESS_COLUMN]

    def at(self, rows: NDArray[np.intp]) -> Reviewed:
        """Some of them."""
        return Reviewed(self.allowed[rows], self.groups[rows])

    def classes(self, probabilities: Floats) -> NDArray[np.intp]:
        """The class of each; where the label leaves it open, the likeliest of those that it allows."""
        return np.asarray(np.where(self.allowed, probabilities, -1.0).argmax(axis=1))

    def folds(self, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows to fit on and rows held out; no group is on both sides."""
        from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - --help need not wait for it

        kinds = self.allowed @ (1 << np.arange(len(LABELS)))
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        return list(splitter.split(kinds, kinds, self.groups))


@dataclass(frozen=True)
class Inputs:
    """What the parent makes of tweets.

    Attributes:
        scores: shape (tweets, columns); as the shift sees them, see :func:`read_inputs`.
        logits: shape (tweets, classes), their mean over the classes taken off.
    """

    scores: Floats
    logits: Floats

    def at(self, rows: NDArray[np.intp]) -> Inputs:
        """Those of some tweets."""
        return Inputs(self.scores[rows], self.logits[rows])

    def joined(self) -> Floats:
        """Shape (tweets, columns + classes)."""
        return np.concatenate([self.scores, self.logits], axis=1)


@dataclass(frozen=True)
class Shift:
    """What is added to the parent's logits.

    Attributes:
        weights: shape (columns + classes, classes).
        intercept: shape (classes,).
    """

    weights: Floats
    intercept: Floats

    def probabilities(self, inputs: Inputs) -> Floats:
        """Of tweets, shape (tweets, classes)."""
        return softmax(inputs.logits + inputs.joined() @ self.weights + self.intercept)


def read_inputs(model: Model, texts: Sequence[str]) -> Inputs:
    """Score raw tweets as serving does, and keep what stands before the last layer.

    With a hidden layer, scores are in units of their spread in training and cut, as that layer sees them; without one,
    they are as they come.
    """
    parts = []
    for start in range(0, len(texts), _BATCH):
        examined = model.examine(texts[start : start + _BATCH])
        logits = np.log(np.maximum(examined.scores, 1e-300))
        parts.append((examined.scored.scores, logits @ _CENTRED))
    scores, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    if "hidden_weights" in model.arrays:
        columns = scores.shape[1]
        centre, scale = (
            np.asarray(model.arrays[f"input_{name}"], np.float64)[:columns] for name in ("centre", "scale")
        )
        scores = np.clip((scores - centre) / scale, -FARTHEST, FARTHEST)
    return Inputs(scores, logits)


def fit_shift(inputs: Inputs, reviewed: Reviewed, penalty: float = PENALTY) -> Shift:
    """The shift with the least penalised negative log likelihood of the labels."""
    from scipy.optimize import minimize  # noqa: PLC0415 - see above

    joined = inputs.joined()
    centre, scale = joined.mean(axis=0), joined.std(axis=0) + 1e-6
    standard = np.concatenate([(joined - centre) / scale, np.ones((len(joined), 1))], axis=1)
    shrunk = np.ones((standard.shape[1], 1))
    shrunk[-1] = 1e-3  # all but free; the classes' common constant must not wander

    def loss(flat: Floats) -> tuple[float, Floats]:
        shift = flat.reshape(-1, len(LABELS))
        probabilities = softmax(inputs.logits + standard @ shift)
        allowed = np.where(reviewed.allowed, probabilities, 0.0)
        likelihood = np.maximum(allowed.sum(axis=1, keepdims=True), 1e-300)
        gradient = standard.T @ (probabilities - allowed / likelihood) + penalty * shrunk * shift
        value = -np.log(likelihood).sum() + penalty / 2 * float((shrunk * shift**2).sum())
        return float(value), gradient.ravel()

    start = np.zeros(standard.shape[1] * len(LABELS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x.reshape(-1, len(LABELS))
    weights = found[:-1] / scale[:, None]
    return Shift(weights, found[-1] - centre @ weights)


def fit_with_thresholds(inputs: Inputs, reviewed: Reviewed, seed: int) -> tuple[Shift, Chosen]:
    """The shift, and thresholds chosen on probabilities of tweets that the shift behind them was not fitted on."""
    probabilities = np.empty_like(inputs.logits)
    for seen, held_out in reviewed.folds(seed):
        shift = fit_shift(inputs.at(seen), reviewed.at(seen))
        probabilities[held_out] = shift.probabilities(inputs.at(held_out))
    chosen = choose_thresholds(probabilities, reviewed.classes(probabilities))
    return fit_shift(inputs, reviewed), chosen


def shifted_arrays(model: Model, shift: Shift) -> Arrays:
    """The parent's arrays with the shift in their last layer.

    A hidden layer of rectified units cannot pass a score on as it is, but it cuts scores at :data:`FARTHEST`: a unit
    with that much added is never below nought, and so passes on every score that it is given.
    """
    arrays = dict(model.arrays)
    columns = len(shift.weights) - len(LABELS)
    on_scores = shift.weights[:columns]
    on_logits = _CENTRED @ (np.eye(len(LABELS)) + shift.weights[columns:])
    weights = np.asarray(arrays["calibration_weights"], np.float64) @ on_logits
    intercept = np.asarray(arrays["calibration_intercept"], np.float64) @ on_logits + shift.intercept
    if "hidden_weights" in arrays:
        inputs = len(np.asarray(arrays["input_centre"]))
        passing = np.eye(inputs, columns, dtype=np.float32)
        arrays["hidden_weights"] = np.concatenate([np.asarray(arrays["hidden_weights"], np.float32), passing], axis=1)
        arrays["hidden_intercept"] = np.concatenate(
            [np.asarray(arrays["hidden_intercept"], np.float32), np.full(columns, FARTHEST, np.float32)]
        )
        weights = np.concatenate([weights, on_scores])
        intercept = intercept - FARTHEST * on_scores.sum(axis=0)
    else:
        weights[:columns] += on_scores
    return {**arrays, "calibration_weights": weights, "calibration_intercept": intercept}
