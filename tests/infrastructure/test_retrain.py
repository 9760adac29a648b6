"""The retrain state machine as written: nothing fails silently, and its names are those of the code that it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_app.stages import stage_config
from stacks.constructs.retrain_definition import BASELINE, CANDIDATES, RECALIBRATED, retrain_definition
from stacks.constructs.retrain_jobs import SUBSTITUTED, Jobs, Json, QueueLauncher, SageMakerLauncher
from tests.infrastructure.templates import STAGES, definition
from training_jobs import candidates, train, trained
from training_jobs.environment import JobEnvironment
from training_jobs.train import settings_from

ROOT = Path(__file__).parents[2]
JOBS = Jobs(stage_config("dev").training)
CLOUD = retrain_definition(JOBS, SageMakerLauncher())


def states(machine: Json) -> Iterator[tuple[str, Json]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def requests() -> Iterator[tuple[str, Json]]:
    for name, state in states(CLOUD):
        if "sagemaker" in state.get("Resource", ""):
            yield name, state["Arguments"]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_every_task_is_retried_and_limited_in_time() -> None:
    tasks = [(name, state) for name, state in states(CLOUD) if state["Type"] == "Task"]
    assert len(tasks) == 10
    for name, state in tasks:
        assert state["Retry"], name
        assert state["TimeoutSeconds"] > 0, name


def test_whatever_fails_ends_in_a_notice() -> None:
    for name, state in CLOUD["States"].items():
        if state["Type"] in {"Task", "Map"} and not name.startswith(("Notify", "Publish")):
            (catch,) = state["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"], name
            assert catch["Next"] == "NotifyFailure", name
    assert CLOUD["States"]["NotifyFailure"]["Next"] == "Failed"
    assert CLOUD["States"]["Failed"]["Type"] == "Fail"


def test_a_notice_or_a_figure_that_cannot_be_sent_changes_nothing() -> None:
    for name in ("NotifyFailure", "NotifyRejection", "Publish the figures", "Publish the version"):
        state = CLOUD["States"][name]
        assert state["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": state["Next"]}]


def test_candidates_are_those_that_can_be_trained() -> None:
    assert set(CANDIDATES) == set(candidates.CANDIDATES)


def test_the_recalibrated_champion_is_named_alike() -> None:
    assert RECALIBRATED == trained.RECALIBRATED


def test_the_baseline_is_a_candidate_that_is_never_served_and_is_handed_to_the_gate() -> None:
    assert BASELINE == trained.BASELINE
    assert not candidates.CANDIDATES[BASELINE].servable
    evaluation = next(request for name, request in requests() if name == "Evaluate")
    addresses = {item["InputName"]: item["S3Input"]["S3Uri"] for item in evaluation["ProcessingInputs"]}
    assert BASELINE in addresses["baseline"]


@pytest.mark.parametrize(("name", "request_"), list(requests()))
def test_jobs_start_modules_that_exist(name: str, request_: Json) -> None:
    program = request_.get("AppSpecification", request_.get("AlgorithmSpecification"))
    assert program is not None
    command, flag, module = program["ContainerEntrypoint"]
    assert (command, flag) == ("python", "-m")
    assert "def main(" in (ROOT / f"{module.replace('.', '/')}.py").read_text(), name


@pytest.mark.parametrize(("name", "request_"), list(requests()))
def test_jobs_environment_is_what_jobs_read(name: str, request_: Json) -> None:
    known = {field.upper() for field in JobEnvironment.__dataclass_fields__}
    assert set(request_["Environment"]) == known, name
    assert all(len(value) <= 256 for value in request_["Environment"].values()), "SageMaker's limit for processing jobs"


def test_hyperparameters_are_those_that_train_takes() -> None:
    import argparse

    nothing = argparse.Namespace(candidate=None, refit=False, seed=None)
    for name, request in requests():
        if "HyperParameters" in request:
            values = request["HyperParameters"] | {"candidate": "linear_svm", "seed": "7"}
            assert settings_from(nothing, values).refit is (name == "Refit")


def test_metrics_are_read_from_what_train_prints(capsys: pytest.CaptureFixture[str]) -> None:
    source = Path(train.__file__).read_text()
    definitions = next(
        request["AlgorithmSpecification"]["MetricDefinitions"] for name, request in requests() if name == "Fit"
    )
    assert 'print(f"validation:macro_f1=' in source
    assert 'print(f"servable=' in source
    printed = {"validation:macro_f1": "validation:macro_f1=0.8812", "servable": "servable=1"}
    found = {item["Name"]: re.search(item["Regex"], printed[item["Name"]]) for item in definitions}
    assert {name: match.group(1) for name, match in found.items() if match} == {
        "validation:macro_f1": "0.8812",
        "servable": "1",
    }


@pytest.mark.parametrize("step", ["prepare", "evaluate", "register"])
def test_inputs_are_those_that_the_step_reads(step: str) -> None:
    source = (ROOT / "training_jobs" / f"{step}.py").read_text()
    request = next(request for _, request in requests() if f"training_jobs.{step}" in str(request))
    for item in request["ProcessingInputs"]:
        assert f'"{item["InputName"]}"' in source
        assert item["S3Input"]["LocalPath"] == f"/opt/ml/processing/input/{item['InputName']}"


def test_job_names_fit_and_are_new_for_every_attempt() -> None:
    steps = ("prepare", "evaluate", "register", "promote", *CANDIDATES)
    longest = max(len(f"cyberbullying-{stage}-{step}-") + 8 for stage in STAGES for step in steps)
    assert longest <= 63
    for _, request in requests():
        assert "$uuid()" in str(request.get("TrainingJobName", request.get("ProcessingJobName")))


@pytest.mark.parametrize("launcher", [SageMakerLauncher(), QueueLauncher()])
def test_everything_to_be_substituted_is_known(launcher: Any) -> None:
    machine = retrain_definition(JOBS, launcher)
    named = {name for text in texts(machine) for name in re.findall(r"\$\{(\w+)\}", text)}
    own = {"JobsQueueUrl"} if isinstance(launcher, QueueLauncher) else set()
    assert named == {*SUBSTITUTED, *own}


@pytest.mark.parametrize("stage", STAGES)
def test_everything_to_be_substituted_is_substituted(
    stage: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    machine, substituted = definition(templates_of(stage), "retrain")
    named = {name for text in texts(machine) for name in re.findall(r"\$\{(\w+)\}", text)}
    assert named == substituted


def test_only_the_promotion_runs_as_the_promotion() -> None:
    roles = {name: request["RoleArn"] for name, request in requests()}
    assert {name for name, role in roles.items() if role == "${PromotionRoleArn}"} == {"Promote"}


def test_every_job_runs_in_the_network() -> None:
    for name, request in requests():
        network = request.get("VpcConfig") or request["NetworkConfig"]["VpcConfig"]
        assert network["SecurityGroupIds"] == ["${JobsSecurityGroup}"], name
        assert network["Subnets"] == ["${JobsSubnetA}", "${JobsSubnetB}"], name
