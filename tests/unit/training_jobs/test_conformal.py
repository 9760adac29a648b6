"""Conformal sets hold what they promise, on rows that their bounds were not taken from."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.labels import LABELS
from moderation.network import softmax
from training_jobs.conformal import ALPHA, LEAST_PER_CLASS, class_bounds, conformal
from training_jobs.measures import accuracy_at


def simulated(rows: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    truth = np.arange(rows) % len(LABELS)
    logits = generator.normal(size=(rows, len(LABELS)))
    logits[np.arange(rows), truth] += sharpness * (1 + truth / 3)  # some classes are easier than others
    return softmax(logits), truth


def test_every_class_is_covered_as_promised_however_hard_it_is() -> None:
    scores, truth = simulated(12_000, 1.0)
    found = conformal(scores, truth, np.arange(12_000))
    assert found is not None
    assert set(found.coverage) == set(LABELS)
    for share in found.coverage.values():
        assert share == pytest.approx(1 - ALPHA, abs=0.025)  # four standard errors of 1,000 rows a half
    assert 1 < found.mean_size < len(LABELS)


def test_sets_of_a_sharper_model_are_smaller() -> None:
    groups = np.arange(6_000)
    blunt, sharp = (conformal(*simulated(6_000, sharpness), groups) for sharpness in (0.5, 3.0))
    assert blunt is not None
    assert sharp is not None
    assert sharp.mean_size < blunt.mean_size
    assert sharp.single > blunt.single


def test_near_duplicates_lie_in_one_half(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, truth = simulated(1_200, 1.0)
    groups = np.arange(1_200) // 3
    halves = []

    def spy(half_scores: np.ndarray, half_truth: np.ndarray, alpha: float) -> np.ndarray | None:
        halves.append({row.tobytes() for row in half_scores})
        return class_bounds(half_scores, half_truth, alpha)

    monkeypatch.setattr("training_jobs.conformal.class_bounds", spy)
    assert conformal(scores, truth, groups) is not None
    for group in range(400):
        members = {row.tobytes() for row in scores[groups == group]}
        assert members <= halves[0] or members <= halves[1]
    assert not halves[0] & halves[1]


def test_bounds_by_hand() -> None:
    truth = np.repeat(np.arange(6), 19)
    scores = np.tile(np.linspace(0.05, 0.95, 19), 6)[:, None].repeat(6, axis=1)
    bounds = class_bounds(scores, truth, 0.1)
    assert bounds is not None
    assert bounds.tolist() == pytest.approx([0.1] * 6)  # the second least of 19: .1 x 20


def test_too_few_rows_of_a_class_give_no_sets() -> None:
    rows = 2 * len(LABELS) * LEAST_PER_CLASS // 2
    scores, truth = simulated(rows, 1.0)
    assert conformal(scores, truth, np.arange(rows)) is None


def test_abstaining_leaves_out_the_least_sure() -> None:
    scores, truth = np.full((10, 6), 0.0), np.zeros(10, np.int64)
    scores[:, 0] = np.linspace(0.9, 0.99, 10)
    scores[:2] = [0.3, 0.6, 0.1, 0.0, 0.0, 0.0]  # wrong, and not sure of it
    assert accuracy_at(scores, truth, 1.0) == pytest.approx(0.8)
    assert accuracy_at(scores, truth, 0.9) == pytest.approx(8 / 9)
    assert accuracy_at(scores, truth, 0.8) == 1.0
