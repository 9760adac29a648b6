"""A reason's weight is what its word adds to the log odds, by way of scores, topics and the kinds of words alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moderation.labels import LABELS, Label
from moderation.lexicon import KINDS, kinds_of
from moderation.model import Model
from moderation.network import Hidden

_TEXT = "the wife in the kitchen, kill that stupid girls joke"
_STEP = 1e-6


def _log_odds(model: Model, inputs: NDArray[np.float64], active: NDArray[np.bool_], label: Label) -> float:
    """Of a class against the mean of the others, as if no input were cut for lying far out, by the active units."""
    arrays, hidden = model.arrays, Hidden.of(model.arrays)
    units = (((inputs - hidden.centre) / hidden.scale) @ hidden.weights + hidden.intercept) * active
    weights, intercept = (np.asarray(arrays[f"calibration_{name}"], np.float64) for name in ("weights", "intercept"))
    logits = units @ weights + intercept
    chosen = LABELS.index(label)
    return float(logits[chosen] - np.delete(logits, chosen).mean())


def _slope(model: Model, word: str, label: Label, *, with_kinds: bool) -> float:
    """How the log odds change if a tweet holds a little more of a word, by trying it."""
    examined = model.examine([_TEXT])
    reading, scored = examined.scored.reading, examined.scored
    styles = reading.styles[0].astype(np.float64)
    normal = next(int(place) for place in reading.words if model._scorer._reader.words[place] == word)
    more = np.concatenate([scored.table[normal] / scored.lengths[0], np.zeros(len(styles))])
    if with_kinds:
        counts = np.expm1(styles[-KINDS:])
        more[-KINDS:] = (np.log1p(counts + _STEP * kinds_of([word])[0]) - styles[-KINDS:]) / _STEP
    inputs = np.concatenate([scored.scores[0], styles])
    active = examined.active[0]
    more_odds, odds = (_log_odds(model, each, active, label) for each in (inputs + _STEP * more, inputs))
    return (more_odds - odds) / _STEP


def test_weights_are_the_slopes_of_the_log_odds(model: Model) -> None:
    told = {reason.text.strip(",."): reason.weight for reason in model.explain(_TEXT, Label.GENDER, limit=20)}
    assert len(told) >= 3
    for word, weight in told.items():
        np.testing.assert_allclose(weight, _slope(model, word, Label.GENDER, with_kinds=True), atol=1e-3, rtol=1e-2)


def test_the_kinds_of_a_word_are_part_of_its_weight(model: Model) -> None:
    told = {reason.text.strip(",."): reason.weight for reason in model.explain(_TEXT, Label.GENDER, limit=20)}
    alone = {word: _slope(model, word, Label.GENDER, with_kinds=False) for word in told}
    listed = [word for word in told if kinds_of([word]).any()]
    assert listed
    assert any(abs(told[word] - alone[word]) > 1e-3 for word in listed)
    unlisted = [word for word in told if word not in listed]
    for word in unlisted:
        np.testing.assert_allclose(told[word], alone[word], atol=1e-3, rtol=1e-2)
