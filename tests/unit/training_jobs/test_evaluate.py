"""The gate: what passes, and each thing that must not."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import LABELS
from moderation.reference import read_reference
from tests.fakes.artefact import keyword_model
from tests.fakes.training import FakeTracker
from training_jobs import evaluate as module
from training_jobs import floors, gate
from training_jobs.errors import TrackingError
from training_jobs.evaluate import evaluate, read_evaluation
from training_jobs.folders import Folders
from training_jobs.folds import text_hashes
from training_jobs.gate import Champion, Evaluation, judge
from training_jobs.measures import Measures, measure
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.tracking import TWIN_FOLDER, NullTracker, RegisteredVersion
from training_jobs.trained import Trained, read_trained


@pytest.fixture
def prepared(small_training: Path) -> Prepared:
    return read_prepared(small_training / "prepared")


@pytest.fixture
def candidate(small_training: Path, tmp_path: Path) -> Trained:
    return read_trained(Path(shutil.copytree(small_training / "candidate", tmp_path / "candidate")))


@pytest.fixture
def refit(small_training: Path, tmp_path: Path) -> Trained:
    return read_trained(Path(shutil.copytree(small_training / "model", tmp_path / "refit")))


def failed(evaluation: Evaluation) -> list[str]:
    assert evaluation.passed == (not [check for check in evaluation.checks if not check.passed])
    return [check.name for check in evaluation.checks if not check.passed]


def measures_of(rows: int, accuracy: float) -> Measures:
    """The measures of a model that is right about a share of the rows of every class and sure of all of them."""
    truth = np.arange(rows) % 6
    wrong = np.arange(rows) >= accuracy * rows
    scores = np.full((rows, 6), 0.01)
    scores[np.arange(rows), np.where(wrong, (truth + 1) % 6, truth)] = 0.95
    return measure(scores, [LABELS[i] for i in truth])


def serve_constant(trained: Trained) -> None:
    """Put in the place of the artefact one that calls every tweet of these tests harmless."""
    digest = keyword_model().save(trained.artefact)
    object.__setattr__(trained, "record", msgspec.structs.replace(trained.record, artefact_sha256=digest))


def test_the_step_as_sagemaker_runs_it(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert module.main([]) == 0
    message = json.loads((gate_inputs.base / "output/message").read_text())
    assert message["passed"] is True
    assert message["why"].startswith("all 8 checks passed")
    output = gate_inputs.base / "processing/output/evaluation"
    evaluation = read_evaluation(output)
    assert evaluation.measures is not None
    assert message["macro_f1"] == round(evaluation.measures.macro_f1, 4)
    names = {"evaluation.json", "confusion_matrix.png", "calibration.png", "reference.jsonl.gz"}
    assert {file.name for file in output.iterdir()} == names


def test_the_reference_is_the_twins_verdicts_on_the_unseen_fold(gate_inputs: Folders, prepared: Prepared) -> None:
    evaluate(gate_inputs, NullTracker())
    with (gate_inputs.processing_output("evaluation") / "reference.jsonl.gz").open("rb") as file:
        verdicts = list(read_reference(file))
    rows = np.flatnonzero(prepared.folds == 0)
    assert [verdict.text for verdict in verdicts] == prepared.texts_at(rows)
    assert [verdict.label for verdict in verdicts] == prepared.labels_at(rows)


def test_figures_and_pictures_go_to_the_executions_run_but_no_tweets(
    gate_inputs: Folders, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = tracker.execution_run()
    file = gate_inputs.base / "processing/input/prepared/prepared.json"
    file.write_text(file.read_text().replace('"run_id": ""', f'"run_id": "{run_id}"'))
    evaluate(gate_inputs, tracker)
    run = tracker.runs[run_id]
    assert run.tags["gate"] == "passed"
    assert run.metrics["macro_f1"] > 0
    assert run.status == "RUNNING"
    assert tracker.files(run_id) == [
        f"evaluation/{name}" for name in ("calibration.png", "confusion_matrix.png", "evaluation.json")
    ]


def test_a_model_that_does_not_pass_is_a_result_and_no_failure(
    gate_inputs: Folders, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = tracker.execution_run()
    file = gate_inputs.base / "processing/input/prepared/prepared.json"
    file.write_text(file.read_text().replace('"run_id": ""', f'"run_id": "{run_id}"'))
    monkeypatch.setattr(floors, "_ANY_SIZE", (floors.Floor("macro_f1", 1.1, "cannot be reached"),))
    evaluation = evaluate(gate_inputs, tracker)
    assert failed(evaluation) == ["floor macro_f1"]
    message = json.loads(gate_inputs.message_file.read_text())
    assert message["passed"] is False
    assert "floor macro_f1" in message["why"]
    assert not gate_inputs.failure_file.exists()
    assert tracker.runs[run_id].tags["outcome"] == "rejected"
    assert tracker.runs[run_id].status == "FINISHED"


@pytest.mark.parametrize("name", ["prepared", "model", "candidate"])
def test_a_missing_input_ends_with_code_2(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shutil.rmtree(gate_inputs.base / "processing/input" / name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    assert module.main([]) == 2
    assert f"processing input '{name}'" in gate_inputs.failure_file.read_text()


def test_a_hostile_archive_ends_with_code_2(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(gate_inputs.base / "processing/input/model/model.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("artefact")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(member)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    assert module.main([]) == 2


def test_a_refit_and_its_twin_pass(prepared: Prepared, refit: Trained, candidate: Trained) -> None:
    evaluation = judge(prepared, refit, candidate, None)
    assert failed(evaluation) == []
    assert evaluation.comparison is None


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"candidate": "linear_svm"}, "the recipes differ"),
        ({"parameters": {"alpha": 9.0}}, "parameters differ"),
        ({"seed": 8}, "the seeds differ"),
        ({"data_sha256": "0" * 64}, "other data"),
        ({"refit": True}, "must be a refit and the candidate must not"),
    ],
)
def test_a_twin_of_another_origin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, change: dict[str, object], detail: str
) -> None:
    other = replace(candidate, record=msgspec.structs.replace(candidate.record, **change))
    evaluation = judge(prepared, refit, other, None)
    assert failed(evaluation) == ["origin"]
    assert detail in evaluation.why


def test_a_twin_that_has_seen_the_fold_does_not_pass(prepared: Prepared, refit: Trained, candidate: Trained) -> None:
    seen = text_hashes(prepared.texts_at(np.flatnonzero(prepared.folds == 0)[:3]))
    cheat = replace(candidate, trained_on=np.sort(np.concatenate((candidate.trained_on, seen))))
    evaluation = judge(prepared, refit, cheat, None)
    assert failed(evaluation) == ["unseen fold"]
    assert "3 of 72" in evaluation.why


@pytest.mark.parametrize("name", ["manifest.json", "model.npz"])
def test_an_altered_artefact_does_not_pass(prepared: Prepared, refit: Trained, candidate: Trained, name: str) -> None:
    file = refit.artefact / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert failed(judge(prepared, refit, candidate, None)) == ["parity of the artefact"]


def test_an_artefact_that_scores_otherwise_than_training_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained
) -> None:
    scores = refit.scores.copy()
    scores[5, 2] += 1e-4
    evaluation = judge(prepared, replace(refit, scores=scores), candidate, None)
    assert failed(evaluation) == ["parity of the artefact"]
    assert "1.0e-04" in evaluation.why


def test_scores_of_rows_that_do_not_exist_do_not_pass(prepared: Prepared, refit: Trained, candidate: Trained) -> None:
    beyond = replace(refit, rows=refit.rows + 1000)
    assert failed(judge(prepared, beyond, candidate, None)) == ["parity of the artefact"]


def test_a_refit_that_does_worse_than_its_twin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained
) -> None:
    serve_constant(refit)
    constant = keyword_model().score(prepared.texts_at(refit.rows))
    evaluation = judge(prepared, replace(refit, scores=constant), candidate, None)
    assert failed(evaluation) == ["refit"]


def test_every_floor_can_be_missed_and_kept() -> None:
    good, bad = measures_of(1200, 0.97), measures_of(1200, 0.3)
    assert len(floors.floors_for(good)) > len(floors.floors_for(measures_of(60, 0.97)))
    for floor in floors.floors_for(good):
        assert floor.holds(good), floor.describe(good)
        assert not floor.holds(bad), floor.describe(bad)
        assert floor.reason


def test_a_model_that_learnt_nothing_misses_the_floors_of_small_data() -> None:
    chance = measures_of(120, 1 / 6)
    assert not all(floor.holds(chance) for floor in floors.floors_for(chance))


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

    def test_an_equal_passes(self, prepared: Prepared, refit: Trained, candidate: Trained, strong: Champion) -> None:
        evaluation = judge(prepared, refit, candidate, strong)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72
        assert evaluation.comparison.difference.mean == 0

    @pytest.mark.usefixtures("weak_scores")
    def test_one_that_is_worse_by_more_than_noise_does_not(
        self, prepared: Prepared, refit: Trained, candidate: Trained, strong: Champion
    ) -> None:
        serve_constant(candidate)
        constant = replace(candidate, scores=keyword_model().score(prepared.texts_at(candidate.rows)))
        evaluation = judge(prepared, refit, constant, strong)
        assert failed(evaluation) == ["champion"]
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.high < -floors.NOISE

    def test_one_that_is_better_passes(
        self, prepared: Prepared, refit: Trained, candidate: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        serve_constant(strong.trained)
        evaluation = judge(prepared, refit, candidate, strong)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.low > 0

    def test_rows_whose_near_duplicates_the_champion_has_seen_are_left_out(
        self, prepared: Prepared, refit: Trained, candidate: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        validation = np.flatnonzero(prepared.folds == 0)
        seen = text_hashes(prepared.texts_at(validation[:10]))
        twin = replace(strong.trained, trained_on=np.sort(np.concatenate((strong.trained.trained_on, seen))))
        prepared.groups[validation[10]] = prepared.groups[validation[0]]  # a near duplicate of a row that it has seen
        evaluation = judge(prepared, refit, candidate, Champion("3", twin))
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72 - 11

    def test_a_champion_that_has_seen_the_fold_is_never_compared_with(
        self, prepared: Prepared, refit: Trained, candidate: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forbidden(*_: NDArray[np.float64]) -> None:
            raise AssertionError("compared on rows that the champion has seen")

        monkeypatch.setattr(gate, "paired_difference", forbidden)
        evaluation = judge(prepared, refit, candidate, Champion("3", refit))  # the refit was fitted on everything
        assert failed(evaluation) == []
        assert evaluation.comparison is None
        assert "it has not seen only 0 rows" in evaluation.why

    def test_a_damaged_twin_is_reported_and_does_not_stop_every_retrain(
        self, prepared: Prepared, refit: Trained, candidate: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        (strong.trained.artefact / "model.npz").unlink()
        evaluation = judge(prepared, refit, candidate, strong)
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
