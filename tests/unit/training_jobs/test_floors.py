"""The floors: each is broken by a model that has the fault it is there for, and kept by a good one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import LABELS
from moderation.model import Model, load
from tests.fakes.gate import failed, serve_constant
from training_jobs import behaviour, floors
from training_jobs.evaluation import figures
from training_jobs.gate import judge
from training_jobs.measures import Measures, measure
from training_jobs.prepared import Prepared
from training_jobs.trained import Trained

BROKEN = {
    "constant": {
        "floor macro_f1", "floor f1/other_cyberbullying", "floor f1/not_cyberbullying", "floor f1/age",
        "floor f1/ethnicity", "floor f1/religion", "floor f1/gender", "floor false_alarms_at_caught",
        "floor worst_named_attack", "floor mean_other_attack", "floor groups/attack_caught", "floor calibration_error",
        "floor people/cruel_caught",
    },
    "sure": {
        "floor groups/harmless_flagged", "floor people/harmless_flagged", "floor calibration_error", "floor macro_f1",
    },
    "disguised": {"floor worst_named_attack", "floor mean_other_attack"},
    "slow": {"floor tweets_per_second"},
}  # fmt: skip
"""Floors by the fault that breaks them."""


def measures_of(rows: int, accuracy: float) -> Measures:
    """The measures of a model that is right about a share of the rows of every class and sure of all of them."""
    truth = np.arange(rows) % 6
    wrong = np.arange(rows) >= accuracy * rows
    scores = np.full((rows, 6), 0.01)
    scores[np.arange(rows), np.where(wrong, (truth + 1) % 6, truth)] = 0.95
    return measure(scores, [LABELS[i] for i in truth])


def twin_with(candidate: Trained, **arrays: NDArray[np.generic]) -> Trained:
    """The candidate with some of its arrays replaced, and scores to match."""
    sound = load(candidate.artefact)
    broken = Model(sound.manifest, {**sound.arrays, **arrays})
    digest = broken.save(candidate.artefact)
    record = msgspec.structs.replace(candidate.record, artefact_sha256=digest)
    return replace(candidate, record=record)


def rescored(prepared: Prepared, candidate: Trained) -> Trained:
    return replace(candidate, scores=load(candidate.artefact).score(prepared.texts_at(candidate.rows)))


class TestFloors:
    """Every floor is broken by a model that has the fault it is there for."""

    @pytest.fixture
    def full_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hold this small data against the floors of large data."""
        monkeypatch.setattr(floors, "FULL_SIZE_ROWS", 1)

    @pytest.fixture(params=[1, 10_000])
    def any_size(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hold it against the floors of large data, and against those of small data."""
        monkeypatch.setattr(floors, "FULL_SIZE_ROWS", request.param)

    @pytest.fixture
    def hopeless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Attacks that leave nothing to read."""
        monkeypatch.setattr(figures, "attacked", lambda texts, _attack, _seed: ["x"] * len(texts))

    def test_every_one_is_covered_are_broken_below(self) -> None:
        broken = {name.removeprefix("floor ") for names in BROKEN.values() for name in names}
        assert broken == {floor.figure for floor in floors.floors_for(10_000)}
        assert {floor.figure for floor in floors.floors_for(100)} - broken == {"caught"}
        assert all(floor.reason for rows in (100, 10_000) for floor in floors.floors_for(rows))

    @pytest.mark.usefixtures("full_size")
    def test_a_model_that_calls_everything_harmless(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        serve_constant(candidate)
        evaluation = judge(prepared, refit, rescored(prepared, candidate), None, baseline)
        assert set(failed(evaluation)) == BROKEN["constant"]

    @pytest.mark.usefixtures("full_size")
    def test_a_model_that_flags_everything_is_sure_of_it_and_wrong(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        sure = np.array([0.0, 0.0, 40.0, 0.0, 0.0, 0.0])
        broken = rescored(prepared, twin_with(candidate, calibration_intercept=sure))
        assert set(failed(judge(prepared, refit, broken, None, baseline))) >= BROKEN["sure"]

    @pytest.fixture
    def second_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A processor that takes a second for a batch."""
        seconds = itertools.count()
        monkeypatch.setattr(behaviour, "time", SimpleNamespace(process_time=lambda: float(next(seconds))))

    @pytest.mark.usefixtures("hopeless", "any_size")
    def test_a_model_that_reads_no_disguise(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        assert set(failed(judge(prepared, refit, candidate, None, baseline))) >= BROKEN["disguised"]

    @pytest.mark.usefixtures("second_a_batch", "any_size")
    def test_a_model_that_takes_five_milliseconds_a_tweet(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        evaluation = judge(prepared, refit, candidate, None, baseline)
        assert evaluation.behaviour is not None
        assert evaluation.behaviour.tweets_per_second == 200
        assert set(failed(evaluation)) >= BROKEN["slow"]

    def test_a_model_that_is_sure_and_wrong_on_small_data(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        sure = np.array([0.0, 0.0, 40.0, 0.0, 0.0, 0.0])
        broken = rescored(prepared, twin_with(candidate, calibration_intercept=sure))
        assert "floor calibration_error" in failed(judge(prepared, refit, broken, None, baseline))

    def test_a_model_that_learnt_nothing_misses_the_floors_of_small_data(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        serve_constant(candidate)
        evaluation = judge(prepared, refit, rescored(prepared, candidate), None, baseline)
        assert {"floor macro_f1", "floor caught"} <= set(failed(evaluation))

    def test_good_figures_keep_every_floor(self) -> None:
        good = measures_of(1200, 0.97).flat() | {
            "worst_named_attack": 0.86, "mean_other_attack": 0.86, "groups/harmless_flagged": 0.04,
            "groups/attack_caught": 0.7, "people/harmless_flagged": 0.01, "people/cruel_caught": 0.4,
            "tweets_per_second": 24_000.0,
        }  # fmt: skip
        for floor in floors.floors_for(1200):
            assert floor.holds(good), floor.describe(good)
