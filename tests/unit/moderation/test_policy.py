"""Decisions on scores, effects of decisions."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from moderation.effects import DEFAULT_POLICY, Effect
from moderation.errors import BadArtefactError
from moderation.labels import HARMFUL, LABELS, Label
from moderation.messages import ClassificationEvent, Decision, Prediction
from moderation.policy import DECISIONS, Thresholds, decide

THRESHOLDS = Thresholds(flag=dict.fromkeys(HARMFUL, 0.8), refer=dict.fromkeys(HARMFUL, 0.5))


def outcome(thresholds: Thresholds = THRESHOLDS, **scores: float) -> tuple[Label, Decision]:
    row = np.array([[scores.get(label.value, 0.0) for label in LABELS]])
    assert row.sum() == pytest.approx(1.0)
    classes, decisions = decide(row, thresholds)
    return LABELS[classes[0]], DECISIONS[decisions[0]]


def test_certain_harm_is_flagged() -> None:
    assert outcome(religion=0.9, not_cyberbullying=0.1) == (Label.RELIGION, Decision.FLAG)


def test_doubtful_harm_is_referred() -> None:
    assert outcome(gender=0.6, not_cyberbullying=0.4) == (Label.GENDER, Decision.REFER)


def test_ordinary_speech_passes() -> None:
    assert outcome(age=0.3, not_cyberbullying=0.7) == (Label.NOT_CYBERBULLYING, Decision.PASS)


def test_certain_harm_of_uncertain_kind_is_flagged_all_the_same() -> None:
    assert outcome(age=0.3, gender=0.35, religion=0.3, not_cyberbullying=0.05) == (Label.GENDER, Decision.FLAG)


def test_a_tweet_called_harmless_is_never_flagged_but_referred() -> None:
    low = Thresholds(flag=dict.fromkeys(HARMFUL, 0.6), refer=dict.fromkeys(HARMFUL, 0.5))
    scores = {"age": 0.2, "gender": 0.2, "religion": 0.23, "not_cyberbullying": 0.37}
    assert outcome(low, **scores) == (Label.NOT_CYBERBULLYING, Decision.REFER)


def test_the_threshold_is_that_of_the_likeliest_harmful_class() -> None:
    strict_on_age = Thresholds(
        flag=dict.fromkeys(HARMFUL, 0.95) | {Label.AGE: 0.6}, refer=dict.fromkeys(HARMFUL, 0.9) | {Label.AGE: 0.4}
    )
    assert outcome(strict_on_age, age=0.65, not_cyberbullying=0.35)[1] is Decision.FLAG
    assert outcome(strict_on_age, gender=0.65, not_cyberbullying=0.35)[1] is Decision.PASS


def test_a_threshold_is_reached_at_its_own_value() -> None:
    exact = Thresholds(flag=dict.fromkeys(HARMFUL, 0.75), refer=dict.fromkeys(HARMFUL, 0.5))
    assert outcome(exact, age=0.75, not_cyberbullying=0.25)[1] is Decision.FLAG
    assert outcome(exact, age=0.5, not_cyberbullying=0.5)[1] is Decision.REFER


def test_an_empty_batch_has_no_decisions() -> None:
    classes, decisions = decide(np.empty((0, len(LABELS))), THRESHOLDS)
    assert classes.shape == decisions.shape == (0,)


@pytest.mark.parametrize(
    ("flag", "refer", "complaint"),
    [
        ({Label.AGE: 0.5}, dict.fromkeys(HARMFUL, 0.4), "must name"),
        (dict.fromkeys(LABELS, 0.5), dict.fromkeys(HARMFUL, 0.4), "must name"),
        (dict.fromkeys(HARMFUL, 1.5), dict.fromkeys(HARMFUL, 0.4), r"\(0, 1\]"),
        (dict.fromkeys(HARMFUL, 0.5), dict.fromkeys(HARMFUL, float("nan")), r"\(0, 1\]"),
        (dict.fromkeys(HARMFUL, 0.5), dict.fromkeys(HARMFUL, 0.6), "below its referral"),
    ],
)
def test_senseless_thresholds_are_refused(flag: dict[Label, float], refer: dict[Label, float], complaint: str) -> None:
    with pytest.raises(BadArtefactError, match=complaint):
        Thresholds(flag=flag, refer=refer)


def verdict(decision: Decision, version: str = "1") -> ClassificationEvent:
    return ClassificationEvent(
        schema_version=1,
        model="cyberbullying",
        version=version,
        prediction=Prediction("123", Label.AGE, 0.9, dict.fromkeys(LABELS, 0.1), decision),
        classified_at="2026-11-22T09:00:00Z",
    )


def test_effects_follow_the_decision() -> None:
    assert DEFAULT_POLICY.effects_of(verdict(Decision.PASS)) == ()
    assert DEFAULT_POLICY.effects_of(verdict(Decision.REFER)) == (Effect.ANNOUNCE_REFERRED,)
    assert Effect.RECORD_WARNING in DEFAULT_POLICY.effects_of(verdict(Decision.FLAG))


def test_an_effect_is_the_same_whichever_model_asked_for_it_but_not_under_another_policy() -> None:
    first, second = verdict(Decision.FLAG, "1"), verdict(Decision.FLAG, "2")
    assert DEFAULT_POLICY.key_of(first) == DEFAULT_POLICY.key_of(second)
    other = msgspec.structs.replace(DEFAULT_POLICY, name="other")
    assert other.key_of(first) != DEFAULT_POLICY.key_of(first)
