"""What turns scores into probabilities: a calibration alone, or a small network in front of it.

The network sees the scores of all base models, the tweet's style and the kinds of its words, and learns what no linear
model can: that a doubtful score means something else in a reply than in a retweet, and a group's name something else
beside a word of violence. It is trained on scores of tweets that the base models have not seen, and calibrated on
answers to tweets that the network itself has not seen.
"""

from __future__ import annotations

import warnings
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from moderation.labels import LABELS
from moderation.network import Hidden, scaled
from training_jobs.fitting.calibration import CalibrationMap, fit_calibration

UNITS: Final = 48
MEMBERS: Final = 8
"""Networks in the served head: what one takes for a rule the others outvote."""

MEMBERS_OF_FOLDS: Final = 4
"""Networks in each head that is only fitted for its answers to be calibrated on."""

EPOCHS: Final = 12
_SHRINKAGE: Final = 0.05
_RATE: Final = 1e-3
_KEPT: Final = np.float16
"""What the artefact holds weights of the hidden layer in; the head is rounded to it before it is calibrated."""
_BATCH: Final = 128


class Head(NamedTuple):
    """A hidden layer, if there is one, and the last layer after it.

    Attributes:
        hidden: None for a calibration alone.
        last: weights (inputs or units, classes) and intercept (classes,).
    """

    hidden: Hidden | None
    last: CalibrationMap

    def logits(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (tweets, classes)."""
        if self.hidden is not None:
            inputs = self.hidden(inputs)
        return np.asarray(inputs @ self.last.weights + self.last.intercept)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """As an artefact holds it."""
        arrays: dict[str, NDArray[np.generic]] = {
            "calibration_weights": self.last.weights,
            "calibration_intercept": self.last.intercept,
        }
        if self.hidden is not None:
            arrays |= {
                "input_centre": self.hidden.centre,
                "input_scale": self.hidden.scale,
                "hidden_weights": self.hidden.weights.astype(_KEPT),
                "hidden_intercept": self.hidden.intercept.astype(_KEPT),
            }
        return arrays


def fit_network(
    inputs: NDArray[np.float64],
    classes: NDArray[np.intp],
    weights: NDArray[np.float64],
    seed: int,
    members: int = MEMBERS,
) -> Head:
    """A few networks with one hidden layer, averaged, as one wider network.

    Args:
        inputs: shape (tweets, inputs).
        classes: shape (tweets,).
        weights: shape (tweets,); how much each tweet counts.
        seed: of the networks' beginnings and the order of the tweets.
        members: how many networks.
    """
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    prepared = scaled(inputs, centre, scale).astype(np.float32)  # half the time of double precision
    fitted = [_member(prepared, classes, weights, seed + number) for number in range(members)]
    hidden = Hidden(
        centre,
        scale,
        np.concatenate([member.coefs_[0] for member in fitted], axis=1).astype(_KEPT).astype(np.float64),
        np.concatenate([member.intercepts_[0] for member in fitted]).astype(_KEPT).astype(np.float64),
    )
    last = np.concatenate([member.coefs_[1] for member in fitted]) / members
    return Head(hidden, CalibrationMap(last, np.mean([member.intercepts_[1] for member in fitted], axis=0)))


def calibrated(head: Head, logits: NDArray[np.float64], classes: NDArray[np.intp]) -> Head:
    """The head with a calibration after it, fitted on logits of tweets that the head has not seen."""
    after = fit_calibration(logits, classes)
    weights = head.last.weights @ after.weights
    return Head(head.hidden, CalibrationMap(weights, head.last.intercept @ after.weights + after.intercept))


def identity() -> Head:
    """The head that changes nothing."""
    return Head(None, CalibrationMap(np.eye(len(LABELS)), np.zeros(len(LABELS))))


def _member(
    inputs: NDArray[np.float32], classes: NDArray[np.intp], weights: NDArray[np.float64], seed: int
) -> MLPClassifier:
    network = MLPClassifier(
        (UNITS,),
        alpha=_SHRINKAGE,
        learning_rate_init=_RATE,
        max_iter=EPOCHS,
        batch_size=min(_BATCH, len(inputs)),
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A fixed, small number of epochs is the regularisation; that it has not converged is meant.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(inputs, classes, weights)
