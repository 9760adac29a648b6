"""Registration: what is kept of a model that passed, and that no other is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from moderation.errors import BadArtefactError
from moderation.model import load
from tests.fakes.training import FakeTracker
from training_jobs import register as module
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, TrackingError
from training_jobs.evaluate import evaluate
from training_jobs.folders import Folders
from training_jobs.mlflow_rest import MAX_DESCRIPTION
from training_jobs.register import register
from training_jobs.tracking import NullTracker
from training_jobs.trained import read_trained

ENVIRONMENT = JobEnvironment(stage="dev", retrain_execution="execution-9", retrain_reason="drift")


@pytest.fixture
def inputs(small_training: Path, folders: Folders) -> Folders:
    """The inputs of the step, unpacked, with run ids in them as a tracked execution has."""
    root = folders.base / "processing/input"
    for name in ("prepared", "model", "candidate", "baseline"):
        shutil.copytree(small_training / name, root / name)
    for file in (root / "prepared/prepared.json", root / "model/training.json"):
        file.write_text(file.read_text().replace('"run_id": ""', '"run_id": "run-1"'))
    evaluate(folders, _Silent(folders.base))
    shutil.copytree(folders.processing_output("evaluation"), root / "evaluation")
    return folders


class _Silent(FakeTracker):
    """A tracker with the run that the inputs name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "tracked")
        self.execution_run()


@pytest.fixture
def tracker(tmp_path: Path) -> FakeTracker:
    return _Silent(tmp_path / "registry")


def test_a_version_holds_artefact_twin_evaluation_and_card(
    inputs: Folders, tracker: FakeTracker, tmp_path: Path
) -> None:
    version = register(inputs, tracker, ENVIRONMENT)
    assert version == "1"
    assert json.loads(inputs.message_file.read_text()) == {"version": "1"}
    registered = tracker.versions["1"]
    files = tracker.files(registered.run_id)
    assert {"model/manifest.json", "model/model.npz", "card/model_card.md", "evaluation/evaluation.json"} <= set(files)
    assert {"twin/artefact/manifest.json", "twin/training.json", "twin/trained_on.npy"} <= set(files)
    load(tracker.fetch(registered.run_id, "model", tmp_path / "back"), sha256=registered.tags["artefact_sha256"])
    read_trained(tracker.fetch(registered.run_id, "twin", tmp_path / "twin"))
    assert registered.tags["execution"] == "execution-9"
    assert registered.tags["candidate"] == "naive_bayes"
    assert tracker.runs["run-1"].tags["registered_version"] == "1"


def test_the_card_says_what_a_person_must_know(inputs: Folders, tracker: FakeTracker) -> None:
    register(inputs, tracker, ENVIRONMENT)
    card = tracker.descriptions["1"]
    assert len(card) < MAX_DESCRIPTION  # the registry would cut it
    for part in (
        "naive_bayes",
        "macro-F1 **",
        "| religion |",
        "SHA-256 `",
        "Flag/refer",
        "execution-9 (drift)",
        "## Gate",
    ):
        assert part in card
    assert "Trained on 360 rows only" in card  # small data is never presented as a result
    prepared = json.loads((inputs.base / "processing/input/prepared/prepared.json").read_text())
    assert prepared["data_sha256"] in card


def test_a_model_that_did_not_pass_is_not_registered(inputs: Folders, tracker: FakeTracker) -> None:
    file = inputs.base / "processing/input/evaluation/evaluation.json"
    file.write_text(file.read_text().replace('"passed": true', '"passed": false', 1))
    with pytest.raises(InputError, match="did not pass"):
        register(inputs, tracker, ENVIRONMENT)
    assert not tracker.versions


@pytest.mark.parametrize("content", ["", "{", '{"passed": true}'])
def test_an_evaluation_that_cannot_be_read_is_no_evaluation(
    inputs: Folders, tracker: FakeTracker, content: str
) -> None:
    (inputs.base / "processing/input/evaluation/evaluation.json").write_text(content)
    with pytest.raises(InputError, match=r"evaluation\.json"):
        register(inputs, tracker, ENVIRONMENT)
    assert not tracker.versions


def test_a_missing_evaluation_ends_with_code_2(inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    (inputs.base / "processing/input/evaluation/evaluation.json").unlink()
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(inputs.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert module.main([]) == 2
    assert "no evaluation.json" in inputs.failure_file.read_text()


def test_an_artefact_that_was_altered_since_is_not_registered(inputs: Folders, tracker: FakeTracker) -> None:
    file = inputs.base / "processing/input/model/artefact/model.npz"
    file.write_bytes(file.read_bytes() + b"?")
    with pytest.raises(BadArtefactError):
        register(inputs, tracker, ENVIRONMENT)
    assert not tracker.versions


def test_if_the_files_cannot_be_kept_there_is_no_version(inputs: Folders, tracker: FakeTracker) -> None:
    tracker.fail("log_files", TrackingError("the server is away"))
    with pytest.raises(TrackingError):
        register(inputs, tracker, ENVIRONMENT)
    assert not tracker.versions
    assert tracker.runs["run-1"].status == "FAILED"


def test_without_a_registry_the_artefact_names_itself(inputs: Folders) -> None:
    record = read_trained(inputs.base / "processing/input/model").record
    assert register(inputs, NullTracker(), ENVIRONMENT) == f"untracked-{record.artefact_sha256[:12]}"
