from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import HARMFUL, HARMLESS, LABELS
from moderation.policy import decide
from training_jobs.fitting.thresholds import EVEN, FLAGGED_HARMLESS, REFERRED_HARMLESS, SUREST, choose_thresholds

_HARMLESS_COLUMN = LABELS.index(HARMLESS)


def _scored(rows: int = 6000, spread: float = 1.5) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Probabilities that are right more often than not, and the truth."""
    chance = np.random.default_rng(4)
    classes = chance.integers(0, len(LABELS), rows)
    logits = chance.normal(0, spread, (rows, len(LABELS)))
    logits[np.arange(rows), classes] += 3
    raised = np.exp(logits)
    return raised / raised.sum(axis=1, keepdims=True), classes


def test_no_more_harmless_tweets_are_flagged_or_referred_than_allowed() -> None:
    probabilities, classes = _scored()
    chosen = choose_thresholds(probabilities, classes)
    _, decisions = decide(probabilities[classes == _HARMLESS_COLUMN], chosen.thresholds)
    assert (decisions == 2).mean() <= FLAGGED_HARMLESS * len(HARMFUL)
    # As many as allowed are referred, or attacks would pass for nothing.
    assert REFERRED_HARMLESS - 0.02 < (decisions == 1).mean() <= REFERRED_HARMLESS


def test_nothing_is_flagged_in_doubt_however_rare_its_alarms() -> None:
    probabilities, classes = _scored()
    rare = LABELS.index(HARMFUL[0])
    harmless = np.flatnonzero(classes == _HARMLESS_COLUMN)
    probabilities[harmless, rare] = 0  # no harmless tweet is ever taken for that class
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    thresholds = choose_thresholds(probabilities, classes).thresholds
    assert thresholds.flag[HARMFUL[0]] == SUREST
    assert thresholds.refer[HARMFUL[0]] == EVEN  # but a person sees what is likelier to be harmful than not
    assert all(thresholds.flag[label] >= SUREST for label in HARMFUL)


def test_the_rule_says_what_came_of_it() -> None:
    probabilities, classes = _scored()
    chosen = choose_thresholds(probabilities, classes)
    _, decisions = decide(probabilities, chosen.thresholds)
    harmful = classes != _HARMLESS_COLUMN
    assert chosen.shares["harmful_pass"] == pytest.approx((decisions[harmful] == 0).mean())
    assert chosen.shares["harmless_refer"] == pytest.approx((decisions[~harmful] == 1).mean())
    assert f"{chosen.shares['harmful_pass']:.1%} pass" in chosen.rule
    assert sum(chosen.shares.values()) == pytest.approx(2)


@pytest.mark.parametrize("spread", [0.1, 8.0])
def test_scores_without_doubt_and_without_worth_give_thresholds_in_order(spread: float) -> None:
    probabilities, classes = _scored(300, spread)
    thresholds = choose_thresholds(probabilities, classes).thresholds  # refused by itself if out of order
    assert all(thresholds.refer[label] >= 0.2 for label in HARMFUL)


def test_one_harmless_tweet_is_enough() -> None:
    probabilities, classes = _scored(60)
    classes[classes == _HARMLESS_COLUMN] = 0
    classes[7] = _HARMLESS_COLUMN
    assert choose_thresholds(probabilities, classes).shares["harmless_flag"] in {0.0, 1.0}
