"""What stands behind the linear scores of a model: a hidden layer, if there is one, and the softmax at the end."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.arrays import Arrays, floats

FARTHEST: Final = 5.0
"""How many standard deviations from its mean an input of the hidden layer may lie."""


class Hidden(msgspec.Struct, frozen=True):
    """The hidden layer: inputs on one scale, none of them so far out that it alone decides, then rectified sums.

    Attributes:
        centre: shape (inputs,).
        scale: shape (inputs,).
        weights: shape (inputs, units).
        intercept: shape (units,).
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @classmethod
    def of(cls, arrays: Arrays) -> Hidden:
        """The layer that an artefact's arrays describe."""
        names = ("input_centre", "input_scale", "hidden_weights", "hidden_intercept")
        return cls(*(floats(arrays[name]) for name in names))

    def __call__(self, inputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Inputs, shape (tweets, inputs), to the units' activities, shape (tweets, units)."""
        return np.asarray(np.maximum(scaled(inputs, self.centre, self.scale) @ self.weights + self.intercept, 0.0))


def scaled(
    inputs: NDArray[np.floating], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Inputs in units of their spread in training, cut at :data:`FARTHEST`."""
    return np.clip((inputs - centre) / scale, -FARTHEST, FARTHEST)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of logits to rows of probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float64)
