"""The training jobs beside a real MLflow server: what they ask for is what it does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import mlflow_server, paths
from local.processes import Supervisor
from tests.fakes.training import labelled_rows, write_csv
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError
from training_jobs.evaluate import evaluate
from training_jobs.folders import Folders
from training_jobs.mlflow_rest import MlflowTracker
from training_jobs.prepare import prepare
from training_jobs.register import register
from training_jobs.tracking import FINISHED
from training_jobs.train import TrainingSettings, train
from training_jobs.trained import BASELINE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of the local stage, with its registry in a folder of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch, Supervisor() as supervisor:
        patch.setattr(paths, "MLFLOW", folder / "registry")
        patch.setattr(paths, "LOGS", folder / "logs")
        address, child = mlflow_server.launch(supervisor)
        mlflow_server.wait(supervisor, address, child)
        yield address


def environment(server: str, name: str) -> JobEnvironment:
    return JobEnvironment(
        stage="local",
        mlflow_tracking_uri=server,
        mlflow_experiment_name=name,
        registered_model=name,
        retrain_execution=f"{name}-execution",
    )


def test_one_execution_from_data_to_champion(server: str, tmp_path: Path) -> None:
    settings = environment(server, "life")
    tracker = MlflowTracker.for_environment(settings)
    step = Folders(tmp_path / "prepare")
    write_csv(step.base / "processing/input/labelled/tweets.csv", labelled_rows(60))
    summary = prepare(step, tracker)
    gate = Folders(tmp_path / "gate")
    inputs = gate.base / "processing/input"
    shutil.copytree(step.processing_output("prepared"), inputs / "prepared")
    for name, recipe in (("baseline", BASELINE), ("candidate", "naive_bayes"), ("model", "naive_bayes")):
        job = Folders(tmp_path / name)
        shutil.copytree(inputs / "prepared", job.base / "input/data/prepared")
        train(job, tracker, TrainingSettings(recipe, refit=name == "model"))
        shutil.copytree(job.model, inputs / name)

    assert tracker.champion() is None  # no model of that name yet
    assert evaluate(gate, tracker).comparison is None
    shutil.copytree(gate.processing_output("evaluation"), inputs / "evaluation")
    version = register(gate, tracker, settings)
    assert version == "1"
    assert register(gate, tracker, settings) == "1"  # a repeated job finds the version it made before
    assert tracker.champion() is None  # no alias yet
    tracker.set_champion(version)
    champion = tracker.champion()
    assert champion is not None
    assert champion == tracker.version(version)
    record = json.loads((inputs / "model/training.json").read_text())
    assert champion.run_id == record["run_id"]
    assert champion.tags["artefact_sha256"] == record["artefact_sha256"]

    comparison = evaluate(gate, tracker).comparison  # now with the champion's twin, out of the registry
    assert comparison is not None
    assert (comparison.champion, comparison.difference.mean) == ("1", 0)
    fetched = tracker.fetch(champion.run_id, "model", tmp_path / "fetched")
    for name in ("manifest.json", "model.npz"):
        assert (fetched / name).read_bytes() == (inputs / "model/artefact" / name).read_bytes()
    tracker.finish(summary.run_id, FINISHED)


def test_an_execution_has_one_run_and_the_jobs_are_nested_in_it(server: str) -> None:
    tracker = MlflowTracker.for_environment(environment(server, "nested"))
    parent = tracker.execution_run()
    assert tracker.execution_run() == parent
    assert MlflowTracker.for_environment(environment(server, "nested")).execution_run() == parent
    child = tracker.start_run("naive_bayes", parent=parent, tags={"job": "candidate"})
    tracker.log(child, parameters={"alpha": 0.05}, metrics={"f1/age": 0.9}, tags={"more": "tags"})
    run = tracker._run(child)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["mlflow.parentRunId"] == parent
    assert tags["retrain.reason"] == "manual"
    assert {metric["key"]: metric["value"] for metric in run["data"]["metrics"]} == {"f1/age": 0.9}


def test_jobs_that_start_together_share_an_experiment(server: str) -> None:
    def start(index: int) -> str:
        return MlflowTracker.for_environment(environment(server, "together")).start_run(str(index), parent="", tags={})

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(start, range(4)))
    tracker = MlflowTracker.for_environment(environment(server, "together"))
    assert len(set(runs)) == 4
    assert {tracker._run(run)["info"]["experiment_id"] for run in runs} == {tracker._experiment()}


def test_a_version_that_does_not_exist_is_an_input_fault(server: str) -> None:
    tracker = MlflowTracker.for_environment(environment(server, "versions"))
    with pytest.raises(InputError, match="has no version 7"):
        tracker.version("7")
