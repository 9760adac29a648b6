"""The training step."""

from __future__ import annotations

import json
import re
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from moderation.labels import LABELS
from moderation.model import load
from tests.fakes.training import FakeTracker
from training_jobs import train as module
from training_jobs.candidates import CANDIDATES
from training_jobs.errors import InputError, TrackingError
from training_jobs.folders import Folders
from training_jobs.folds import text_hashes
from training_jobs.prepared import read_prepared
from training_jobs.train import TrainingSettings, settings_from, train
from training_jobs.trained import read_trained

METRIC = re.compile(r"validation:macro_f1=([0-9.]+)")
SERVABLE = re.compile(r"servable=([01])")


@pytest.fixture
def job(small_training: Path, folders: Folders) -> Folders:
    shutil.copytree(small_training / "prepared", folders.base / "input/data/prepared")
    return folders


def options(**given: object) -> Namespace:
    return Namespace(**{"candidate": None, "refit": False, "seed": None, **given})


def run(job: Folders, monkeypatch: pytest.MonkeyPatch, *arguments: str, **hyperparameters: str) -> int:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(job.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    file = job.base / "input/config/hyperparameters.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(hyperparameters))
    return module.main(arguments)


def test_the_step_as_sagemaker_runs_it(
    job: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(job, monkeypatch, candidate="naive_bayes", refit="false", seed="3") == 0
    trained = read_trained(job.base / "model")
    measures = trained.record.measures
    assert measures is not None
    printed = capsys.readouterr().out
    assert METRIC.findall(printed) == [f"{measures.macro_f1:.4f}"]
    assert SERVABLE.findall(printed) == ["1"]
    assert all(f"validation:f1_{label.value}=" in printed for label in LABELS)
    assert (trained.record.candidate, trained.record.seed, trained.record.refit) == ("naive_bayes", 3, False)
    assert trained.record.rows == 288
    assert measures.rows == 72
    assert 0.5 < measures.macro_f1 <= 1


def test_the_validation_fold_is_not_fitted_on(job: Folders, small_training: Path) -> None:
    candidate, refit = (read_trained(small_training / name) for name in ("candidate", "model"))
    prepared = read_prepared(job.channel("prepared"))
    validation = text_hashes(prepared.texts_at(np.flatnonzero(prepared.folds == 0)))
    assert not np.isin(validation, candidate.trained_on).any()
    assert np.isin(validation, refit.trained_on).all()
    assert len(refit.trained_on) == 360


def test_what_is_saved_scores_as_what_was_fitted(small_training: Path) -> None:
    prepared = read_prepared(small_training / "prepared")
    for name in ("candidate", "model"):
        trained = read_trained(small_training / name)
        model = load(trained.artefact, sha256=trained.record.artefact_sha256)
        np.testing.assert_allclose(model.score(prepared.texts_at(trained.rows)), trained.scores, atol=1e-9)


def test_a_refit_says_nothing_of_the_fold_it_has_seen(
    job: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(job, monkeypatch, candidate="naive_bayes", refit="true") == 0
    printed = capsys.readouterr().out
    assert not METRIC.search(printed)
    assert SERVABLE.findall(printed) == ["1"]
    assert read_trained(job.base / "model").record.measures is None


def test_a_baseline_is_measured_but_leaves_no_artefact(
    job: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(job, monkeypatch, "--candidate", "nearest_neighbours") == 0
    assert SERVABLE.findall(capsys.readouterr().out) == ["0"]
    assert not (job.base / "model/artefact").exists()
    assert read_trained(job.base / "model").record.measures is not None


def test_every_job_is_a_nested_run_with_its_figures_and_pictures(job: Folders, tracker: FakeTracker) -> None:
    record = train(job, tracker, TrainingSettings("naive_bayes"))
    run = tracker.runs[record.run_id]
    assert run.name == "naive_bayes"
    assert run.status == "FINISHED"
    assert run.parameters["candidate"] == "naive_bayes"
    assert set(CANDIDATES["naive_bayes"].parameters()) < set(run.parameters)
    assert run.parameters["data_sha256"] == record.data_sha256
    assert record.measures is not None
    assert run.metrics["macro_f1"] == record.measures.macro_f1
    assert {f"f1/{label.value}" for label in LABELS} < set(run.metrics)
    assert tracker.files(record.run_id) == ["validation/calibration.png", "validation/confusion_matrix.png"]


def test_a_job_that_fails_leaves_failed_runs(job: Folders, tracker: FakeTracker) -> None:
    execution = tracker.execution_run()
    file = job.channel("prepared") / "prepared.json"
    file.write_text(file.read_text().replace('"run_id": ""', f'"run_id": "{execution}"'))
    tracker.fail("log", TrackingError("the server is full"))
    with pytest.raises(TrackingError, match="full"):
        train(job, tracker, TrainingSettings("naive_bayes"))
    assert [run.status for run in tracker.runs.values()] == ["FAILED", "FAILED"]


def test_a_server_that_is_away_does_not_hide_why_a_job_failed(job: Folders, tracker: FakeTracker) -> None:
    tracker.fail("log", TrackingError("the first failure"))
    tracker.fail("finish", TrackingError("the second failure"))
    with pytest.raises(TrackingError, match="first"):
        train(job, tracker, TrainingSettings("naive_bayes"))


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"candidate": "oracle"}, "there is no candidate 'oracle'; there are"),
        ({}, "name a candidate"),
        ({"candidate": "naive_bayes", "refit": "perhaps"}, "must be true or false"),
        ({"candidate": "naive_bayes", "seed": "-1"}, "seed must be a whole number"),
        ({"candidate": "naive_bayes", "learning_rate": "1"}, "unknown hyperparameters: learning_rate"),
        ({"candidate": "nearest_neighbours", "refit": "true"}, "cannot be served"),
    ],
)
def test_what_makes_no_sense_ends_with_code_2(
    job: Folders, monkeypatch: pytest.MonkeyPatch, hyperparameters: dict[str, str], reason: str
) -> None:
    assert run(job, monkeypatch, **hyperparameters) == 2
    assert reason in job.failure_file.read_text()


def test_sagemakers_own_argument_does_no_harm(job: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(job, monkeypatch, "train", candidate="naive_bayes") == 0


def test_without_its_channel_the_job_says_so(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folders, monkeypatch, candidate="naive_bayes") == 2
    assert "input channel 'prepared'" in folders.failure_file.read_text()


def test_options_come_before_hyperparameters() -> None:
    hyperparameters = {"candidate": "linear_svm", "refit": "false", "seed": "1"}
    given = settings_from(options(candidate="naive_bayes", refit=True, seed=2), hyperparameters)
    assert given == TrainingSettings("naive_bayes", True, 2)
    assert settings_from(options(), hyperparameters) == TrainingSettings("linear_svm", False, 1)


@pytest.fixture
def result(small_training: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_training / "candidate", tmp_path / "result"))


@pytest.mark.parametrize("name", ["training.json", "scores.npz", "trained_on.npy"])
def test_a_missing_file_of_the_result_is_named(result: Path, name: str) -> None:
    (result / name).unlink()
    with pytest.raises(InputError, match=f"no {name}"):
        read_trained(result)


@pytest.mark.parametrize("name", ["training.json", "scores.npz", "trained_on.npy"])
@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04damaged"])
def test_a_damaged_file_of_the_result_is_refused(result: Path, name: str, content: bytes) -> None:
    (result / name).write_bytes(content)
    with pytest.raises(InputError, match="not readable"):
        read_trained(result)


def test_pickled_arrays_are_refused(result: Path) -> None:
    np.save(result / "trained_on.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not readable"):
        read_trained(result)


def test_a_result_of_other_code_is_refused(result: Path) -> None:
    record = json.loads((result / "training.json").read_text())
    (result / "training.json").write_text(json.dumps({**record, "schema_version": 2}))
    with pytest.raises(InputError, match="version 2"):
        read_trained(result)
