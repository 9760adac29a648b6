"""Requests of jobs that are launched by hand: they are the state machine's own, with the expressions filled in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks.constructs.retrain_jobs import QueueLauncher
from tests.fakes.sagemaker import GIVEN, GIVEN_TO_EVALUATE, Json, choice, deployed, filled
from training_jobs.errors import InputError
from training_jobs.job_requests import PROCESSING, STEPS, TRAINING, JobRequest, request_for


def state_of(definition: Json, name: str) -> Json:
    found = definition["States"].get(name) or definition["States"]["Candidates"]["ItemProcessor"]["States"][name]
    arguments: Json = found["Arguments"]
    return arguments


def same_but_for_expressions(template: Any, request: Any) -> None:
    """Everything the template says literally, the request says to the letter."""
    if isinstance(template, dict):
        assert template.keys() == request.keys()
        for key, value in template.items():
            same_but_for_expressions(value, request[key])
    elif isinstance(template, list):
        assert len(template) == len(request)
        for one, other in zip(template, request, strict=True):
            same_but_for_expressions(one, other)
    elif not (isinstance(template, str) and template.startswith("{%")):
        assert template == request


@pytest.mark.parametrize(
    ("state", "step", "given"),
    [
        ("Prepare", "prepare", {}),
        ("Fit", "train", {}),
        ("Refit", "train", {"refit": True}),
        ("Evaluate", "evaluate", {"inputs": GIVEN_TO_EVALUATE}),
        ("Register", "register", {"inputs": GIVEN}),
        ("Promote", "promote", {"version": "3"}),
    ],
)
def test_the_request_is_the_state_machines(state: str, step: str, given: Json) -> None:
    request = filled(step, **given)
    same_but_for_expressions(state_of(deployed(), state), request.body)
    assert "{%" not in json.dumps(request.body)


def test_a_training_request() -> None:
    body = filled("train", seed=9).body
    assert body["HyperParameters"] == {"candidate": "linear_svm", "refit": "false", "seed": "9"}
    assert body["TrainingJobName"] == "cyberbullying-dev-linear-svm-now"
    source = body["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3Uri"] == "s3://artefactsbucket/runs/execution-1/prepare/prepared"
    assert body["OutputDataConfig"]["S3OutputPath"] == "s3://artefactsbucket/runs/execution-1/train"
    assert body["Environment"]["RETRAIN_EXECUTION"] == "execution-1"
    assert body["Environment"]["RETRAIN_REASON"] == "by hand"
    assert filled("train", refit=True).body["HyperParameters"]["refit"] == "true"
    assert filled("train", refit=True).name == "cyberbullying-dev-refit-now"


def test_the_data_set_is_the_stages_unless_another_is_named() -> None:
    def address(request: JobRequest) -> str:
        return str(request.body["ProcessingInputs"][0]["S3Input"]["S3Uri"])

    assert address(filled("prepare")) == "s3://databucket/labelled/"
    assert address(filled("prepare", inputs={"labelled": "s3://mine/labelled/"})) == "s3://mine/labelled/"


def test_a_version_to_promote() -> None:
    request = filled("promote", version="3")
    assert request.operation == PROCESSING
    assert request.body["AppSpecification"]["ContainerArguments"] == ["--version", "3"]
    assert request.body["RoleArn"].endswith("role/promotion")


def test_what_only_an_execution_knows_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"\$chosen\.model, \$model; name the inputs"):
        filled("evaluate")


def test_an_input_that_the_job_does_not_have() -> None:
    with pytest.raises(InputError, match="no input labels"):
        filled("train", inputs={"labels": "s3://b/x"})


def test_a_stage_whose_jobs_run_elsewhere() -> None:
    with pytest.raises(InputError, match="no SageMaker job for train"):
        request_for(deployed(QueueLauncher()), choice())


def test_every_step_can_be_launched() -> None:
    needs: dict[str, Json] = {
        "evaluate": {"inputs": GIVEN_TO_EVALUATE},
        "register": {"inputs": GIVEN},
        "promote": {"version": "1"},
    }
    assert {filled(step, **needs.get(step, {})).body["Environment"]["STAGE"] for step in STEPS} == {"dev"}


def test_a_training_request_is_one() -> None:
    assert filled("train").operation == TRAINING
