"""The gate: what passes, and each thing that must not, by itself, beside the baseline and beside the champion."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import LABELS
from moderation.model import load
from tests.fakes.artefact import keyword_model
from tests.fakes.gate import failed, serve_constant
from tests.fakes.training import FakeTracker
from training_jobs import floors, gate, model_card
from training_jobs.conformal import Conformal
from training_jobs.environment import JobEnvironment
from training_jobs.errors import TrackingError
from training_jobs.evaluate import evaluate
from training_jobs.folders import Folders
from training_jobs.folds import text_hashes
from training_jobs.gate import Champion, judge
from training_jobs.measures import Difference
from training_jobs.mlflow_rest import MAX_DESCRIPTION
from training_jobs.prepared import Prepared
from training_jobs.tracking import TWIN_FOLDER, RegisteredVersion
from training_jobs.trained import Trained, read_trained


def test_a_refit_and_its_twin_pass(prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained) -> None:
    evaluation = judge(prepared, refit, candidate, None, baseline)
    assert failed(evaluation) == []
    assert evaluation.comparison is None


@pytest.mark.parametrize(
    "fault",
    [
        ({"candidate": "linear_svm"}, "the recipes differ"),
        ({"parameters": {"alpha": 9.0}}, "parameters differ"),
        ({"seed": 8}, "the seeds differ"),
        ({"data_sha256": "0" * 64}, "other data"),
        ({"refit": True}, "must be a refit and the candidate must not"),
    ],
)
def test_a_twin_of_another_origin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, fault: tuple[dict[str, object], str]
) -> None:
    change, detail = fault
    other = replace(candidate, record=msgspec.structs.replace(candidate.record, **change))
    evaluation = judge(prepared, refit, other, None, baseline)
    assert failed(evaluation) == ["origin"]
    assert detail in evaluation.why


def test_a_twin_that_has_seen_the_fold_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    seen = text_hashes(prepared.texts_at(np.flatnonzero(prepared.folds == 0)[:3]))
    cheat = replace(candidate, trained_on=np.sort(np.concatenate((candidate.trained_on, seen))))
    evaluation = judge(prepared, refit, cheat, None, baseline)
    assert failed(evaluation) == ["unseen fold"]
    assert "3 of 72" in evaluation.why


@pytest.mark.parametrize("name", ["manifest.json", "model.npz"])
def test_an_altered_artefact_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, name: str
) -> None:
    file = refit.artefact / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert failed(judge(prepared, refit, candidate, None, baseline)) == ["parity of the artefact"]


def test_an_artefact_that_scores_otherwise_than_training_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    scores = refit.scores.copy()
    scores[5, 2] += 1e-4
    evaluation = judge(prepared, replace(refit, scores=scores), candidate, None, baseline)
    assert failed(evaluation) == ["parity of the artefact"]
    assert "1.0e-04" in evaluation.why


def test_scores_of_rows_that_do_not_exist_do_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    beyond = replace(refit, rows=refit.rows + 1000)
    assert failed(judge(prepared, beyond, candidate, None, baseline)) == ["parity of the artefact"]


def test_a_refit_that_does_worse_than_its_twin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    serve_constant(refit)
    constant = keyword_model().score(prepared.texts_at(refit.rows))
    evaluation = judge(prepared, replace(refit, scores=constant), candidate, None, baseline)
    assert failed(evaluation) == ["refit"]


def test_the_card_says_all_of_it_in_plain_words_and_is_not_cut_off(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "FULL_SIZE_ROWS", 1)
    monkeypatch.setattr(model_card, "SMALL_DATA", 1)
    evaluation = judge(prepared, refit, candidate, None, baseline)
    sets = Conformal(alpha=0.1, coverage=dict.fromkeys(LABELS, 0.9), mean_size=1.5, single=0.7)
    evaluation = msgspec.structs.replace(evaluation, conformal=sets)
    manifest = load(refit.artefact).manifest
    card = model_card.model_card(refit.record, manifest, prepared.summary, evaluation, JobEnvironment())
    assert len(card) < MAX_DESCRIPTION - 150  # another recipe and a champion may have more to be said of them
    kept = [check.passed for check in evaluation.checks if check.name.startswith("floor ")]
    assert f"floors: {sum(kept)} of {len(floors.floors_for(1))} kept" in card
    assert evaluation.behaviour is not None
    shares = evaluation.behaviour.decisions
    assert f"of 100 harmless tweets {100 * shares.harmless_flagged:.1f} are flagged" in card
    assert f"{100 * shares.harmful_passed:.1f} pass unseen" in card
    for part in ("Beside the published recipe", "95% interval", "surest 80%", "hold 1.50 classes", "Under attack"):
        assert part in card


class TestBesideTheBaseline:
    """The published recipe, on the same fold."""

    def test_a_difference_and_its_interval_are_reported(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        evaluation = judge(prepared, refit, candidate, None, baseline)
        assert evaluation.measures is not None
        beside = evaluation.baseline
        assert beside is not None
        assert beside.baseline == "published_study"
        assert beside.rows == 72
        assert beside.difference.mean == pytest.approx(evaluation.measures.macro_f1 - beside.macro_f1)
        assert beside.difference.low <= beside.difference.mean <= beside.difference.high
        figures = evaluation.flat()
        assert figures["baseline/low"] == beside.difference.low
        assert {"accuracy_at_90", "tweets_per_second", "groups/attack_caught"} <= set(figures)
        assert evaluation.conformal is None, "12 rows of a class are too few"

    def test_another_recipe_or_data_does_not_pass(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        other = msgspec.structs.replace(baseline.record, candidate="stack", data_sha256="0" * 64)
        evaluation = judge(prepared, refit, candidate, None, replace(baseline, record=other))
        assert failed(evaluation) == ["baseline"]
        assert "stack is not published_study; it was fitted on other data" in evaluation.why

    def test_a_baseline_that_has_seen_the_fold_or_scored_other_rows_does_not_pass(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        cheat = replace(baseline, trained_on=np.sort(text_hashes(prepared.texts)), rows=baseline.rows[1:])
        evaluation = judge(prepared, refit, candidate, None, cheat)
        assert failed(evaluation) == ["baseline"]
        assert "72 of 72" in evaluation.why
        assert "not of the validation fold" in evaluation.why


class TestBesideTheChampion:
    """The comparison with the champion, by its twin."""

    @pytest.fixture
    def strong(self, candidate: Trained, tmp_path: Path) -> Champion:
        """A champion whose twin is the challenger's own."""
        copy = Path(shutil.copytree(candidate.folder, tmp_path / "champion"))
        return Champion("3", read_trained(copy))

    @pytest.fixture
    def weak_scores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let nothing but the comparison look at how good the challenger is."""
        monkeypatch.setattr(floors, "_ANY_SIZE", ())

    def test_an_equal_passes(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72
        assert evaluation.comparison.difference.mean == 0

    @pytest.mark.usefixtures("weak_scores")
    def test_one_that_is_worse_by_more_than_noise_does_not(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        serve_constant(candidate)
        constant = replace(candidate, scores=keyword_model().score(prepared.texts_at(candidate.rows)))
        evaluation = judge(prepared, refit, constant, strong, baseline)
        assert failed(evaluation) == ["champion"]
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.high < -floors.NOISE

    def test_one_that_is_better_passes(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        serve_constant(strong.trained)
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.low > 0

    def test_rows_whose_near_duplicates_the_champion_has_seen_are_left_out(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        validation = np.flatnonzero(prepared.folds == 0)
        seen = text_hashes(prepared.texts_at(validation[:10]))
        twin = replace(strong.trained, trained_on=np.sort(np.concatenate((strong.trained.trained_on, seen))))
        prepared.groups[validation[10]] = prepared.groups[validation[0]]  # a near duplicate of a row that it has seen
        evaluation = judge(prepared, refit, candidate, Champion("3", twin), baseline)
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72 - 11

    def test_a_champion_that_has_seen_the_fold_is_never_compared_with(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_the_baseline(_: NDArray[np.float64], theirs: NDArray[np.float64], *_rest: object) -> Difference:
            if not np.array_equal(theirs, baseline.scores):
                raise AssertionError("compared on rows that the champion has seen")
            return Difference(0.0, 0.0, 0.0)

        monkeypatch.setattr(gate, "paired_difference", only_the_baseline)
        evaluation = judge(
            prepared, refit, candidate, Champion("3", refit), baseline
        )  # the refit was fitted on everything
        assert failed(evaluation) == []
        assert evaluation.comparison is None
        assert "it has not seen only 0 rows" in evaluation.why

    def test_a_damaged_twin_is_reported_and_does_not_stop_every_retrain(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        (strong.trained.artefact / "model.npz").unlink()
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert "not compared with version 3: model.npz cannot be read" in evaluation.why

    def test_the_twin_comes_from_the_registry(
        self, gate_inputs: Folders, tracker: FakeTracker, small_training: Path
    ) -> None:
        run_id = tracker.start_run("an earlier refit", parent="", tags={})
        tracker.log_files(run_id, small_training / "candidate", TWIN_FOLDER)
        tracker.versions["4"] = RegisteredVersion("4", run_id)
        tracker.alias = "4"
        evaluation = evaluate(gate_inputs, tracker)
        assert evaluation.comparison is not None
        assert evaluation.comparison.champion == "4"

    def test_a_version_without_a_twin_is_reported(self, gate_inputs: Folders, tracker: FakeTracker) -> None:
        tracker.versions["4"] = RegisteredVersion("4", "run-9")
        tracker.alias = "4"
        evaluation = evaluate(gate_inputs, tracker)
        assert evaluation.passed
        assert "not compared with version 4: no files under twin" in evaluation.why

    def test_a_registry_that_is_away_fails_the_job(self, gate_inputs: Folders, tracker: FakeTracker) -> None:
        tracker.fail("champion", TrackingError("the server is away"))
        with pytest.raises(TrackingError):
            evaluate(gate_inputs, tracker)
