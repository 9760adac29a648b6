"""The step that evaluates, as SageMaker runs it: what it reads, writes and tracks, and how it ends."""

from __future__ import annotations

import json
import shutil
import tarfile

import numpy as np
import pytest

from moderation.reference import read_reference
from tests.fakes.gate import failed
from tests.fakes.training import FakeTracker
from training_jobs import evaluate as module
from training_jobs import floors
from training_jobs.evaluate import evaluate, read_evaluation
from training_jobs.folders import Folders
from training_jobs.prepared import Prepared
from training_jobs.tracking import NullTracker


def test_the_step_as_sagemaker_runs_it(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert module.main([]) == 0
    message = json.loads((gate_inputs.base / "output/message").read_text())
    assert message["passed"] is True
    assert message["why"].startswith("all 13 checks passed")
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


@pytest.mark.parametrize("name", ["prepared", "model", "candidate", "baseline"])
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
