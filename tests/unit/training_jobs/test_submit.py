"""The command that launches jobs by hand: its options, the definition it reads, and what it says when it cannot."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import boto3
import pytest

from tests.fakes.sagemaker import NOW, Json, StubbedSession, choice, deployed
from training_jobs import submit as module
from training_jobs.errors import InputError
from training_jobs.submit import choice_from, definition_of


def options(step: str, **given: Any) -> Namespace:
    defaults: Json = {
        "step": step, "stage": "dev", "run": "r", "candidate": "", "refit": False, "seed": 7, "version": "",
        "input": [],
    }  # fmt: skip
    return Namespace(**{**defaults, **given})


def test_options_become_a_choice() -> None:
    made = choice_from(options("train", candidate="naive_bayes", refit=True, input=["prepared=s3://b/p"]), NOW)
    assert made == choice(
        run="r", suffix="20261123-101500", candidate="naive_bayes", refit=True, inputs={"prepared": "s3://b/p"}
    )
    assert choice_from(options("prepare", run=""), NOW).run == "by-hand-20261123-101500"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (options("train"), "train needs --candidate"),
        (options("promote"), "promote needs --version"),
        (options("evaluate", run=""), "evaluate needs --run"),
        (options("prepare", input=["labelled"]), "--input takes NAME=s3"),
        (options("prepare", input=["labelled=/tmp/x"]), "--input takes NAME=s3"),
    ],
)
def test_options_that_make_no_sense(given: Namespace, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        choice_from(given, NOW)


def machines(session: StubbedSession, *names: str) -> None:
    found = [
        {"name": name, "stateMachineArn": f"arn:{name}", "type": "STANDARD", "creationDate": NOW} for name in names
    ]
    session.expect("stepfunctions", "list_state_machines", {}, {"stateMachines": found})


def describe(session: StubbedSession, name: str) -> None:
    answer = {
        "stateMachineArn": f"arn:{name}", "name": name, "definition": json.dumps(deployed()), "roleArn": "arn:role",
        "type": "STANDARD", "creationDate": NOW,
    }  # fmt: skip
    session.expect("stepfunctions", "describe_state_machine", {"stateMachineArn": f"arn:{name}"}, answer)


def test_the_definition_is_the_deployed_one(session: StubbedSession) -> None:
    machines(session, "somebody_elses", "cyberbullying_dev_retrain")
    describe(session, "cyberbullying_dev_retrain")
    assert definition_of(session, "dev") == deployed()


def test_a_stage_that_is_not_deployed(session: StubbedSession) -> None:
    machines(session, "cyberbullying_dev_retrain")
    with pytest.raises(InputError, match=r"no state machine cyberbullying_prod_retrain in us-east-1"):
        definition_of(session, "prod")


def test_a_dry_run_prints_the_request_and_launches_nothing(
    session: StubbedSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machines(session, "cyberbullying_dev_retrain")
    describe(session, "cyberbullying_dev_retrain")
    monkeypatch.setattr(boto3, "Session", lambda region_name: session)
    monkeypatch.setattr(module, "jobs_for", lambda _: pytest.fail("a dry run launches nothing"))
    assert module.main(["run", "train", "--stage", "dev", "--run", "e", "--candidate", "linear_svm", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["HyperParameters"]["candidate"] == "linear_svm"


def test_the_local_stage_has_no_sagemaker(capsys: pytest.CaptureFixture[str]) -> None:
    assert module.main(["list", "--stage", "local"]) == 2
    assert "training_jobs.local_run" in capsys.readouterr().err


def test_a_region_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert module.main(["list", "--stage", "dev"]) == 2
    assert "--region" in capsys.readouterr().err


def test_what_aws_refuses_is_said_in_one_line(
    session: StubbedSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session.fail("stepfunctions", "list_state_machines", "AccessDeniedException")
    monkeypatch.setattr(boto3, "Session", lambda region_name: session)
    assert module.main(["run", "prepare", "--stage", "dev"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "AccessDenied" in error


def test_an_interrupt_leaves_the_job_alone(
    session: StubbedSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boto3, "Session", lambda region_name: session)
    monkeypatch.setattr(module, "jobs_for", interrupted)
    assert module.main(["logs", "job", "--stage", "dev"]) == 130
    assert "goes on" in capsys.readouterr().err
