"""Launching jobs by hand: the requests are the state machine's own, and the SDK sends them as they are."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from cdk_app.stages import stage_config
from stacks.constructs.retrain_definition import retrain_definition
from stacks.constructs.retrain_jobs import SUBSTITUTED, Jobs, QueueLauncher, SageMakerLauncher
from training_jobs import submit as module
from training_jobs.errors import InputError
from training_jobs.job_requests import PROCESSING, STEPS, TRAINING, Choice, JobRequest, request_for
from training_jobs.sagemaker_jobs import JobState, SageMakerJobs
from training_jobs.submit import choice_from, definition_of, follow_job, list_jobs, run_job

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
GIVEN = {"model": "s3://b/model.tar.gz", "candidate": "s3://b/candidate.tar.gz"}
GIVEN_TO_EVALUATE = {**GIVEN, "baseline": "s3://b/baseline.tar.gz"}
Json = dict[str, Any]


def deployed(launcher: Any = None) -> Json:
    """The definition as the deployment leaves it: with values in the place of ``${Name}``."""
    text = json.dumps(retrain_definition(Jobs(stage_config("dev").training), launcher or SageMakerLauncher()))
    values = {name: name.lower() for name in SUBSTITUTED} | {
        "Stage": "dev",
        "JobRoleArn": "arn:aws:iam::123456789012:role/jobs",
        "PromotionRoleArn": "arn:aws:iam::123456789012:role/promotion",
        "JobsQueueUrl": "https://queue",
    }
    definition: Json = json.loads(re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], text))
    return definition


def choice(step: str = "train", **given: Any) -> Choice:
    defaults: Json = {"step": step, "stage": "dev", "run": "execution-1", "suffix": "now"}
    return Choice(**{**defaults, "candidate": "linear_svm" if step == "train" else "", **given})


def filled(step: str, **given: Any) -> JobRequest:
    return request_for(deployed(), choice(step, **given))


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


class StubbedSession(boto3.Session):
    """A session whose clients only know the answers they were given."""

    def __init__(self) -> None:
        super().__init__(aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1")  # noqa: S106
        self.clients: Json = {}
        self.stubs: dict[str, Stubber] = {}

    def client(self, service_name: Any, *_: Any, **__: Any) -> Any:
        if service_name not in self.clients:
            self.clients[service_name] = super().client(service_name)
            self.stubs[service_name] = Stubber(self.clients[service_name])
            self.stubs[service_name].activate()
        return self.clients[service_name]

    def expect(self, service: str, operation: str, request: Any, answer: Json) -> None:
        self.client(service)
        self.stubs[service].add_response(operation, answer, request)

    def fail(self, service: str, operation: str, code: str) -> None:
        self.client(service)
        self.stubs[service].add_client_error(operation, code)


@pytest.fixture
def session() -> Iterator[StubbedSession]:
    stubbed = StubbedSession()
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.assert_no_pending_responses()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def jobs(session: StubbedSession, pauses: list[float]) -> SageMakerJobs:
    return SageMakerJobs(session, pause=pauses.append)


def training(status: str = "InProgress", **more: Any) -> Json:
    return {
        "TrainingJobName": "job", "TrainingJobArn": f"{ARN}:training-job/job", "TrainingJobStatus": status,
        "SecondaryStatus": "Training", "CreationTime": NOW, "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "AlgorithmSpecification": {"TrainingInputMode": "File"}, "ResourceConfig": {"VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60}, **more,
    }  # fmt: skip


def processing(status: str = "InProgress", **more: Any) -> Json:
    return {
        "ProcessingJobName": "job", "ProcessingJobArn": f"{ARN}:processing-job/job", "ProcessingJobStatus": status,
        "CreationTime": NOW, "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.large", "VolumeSizeInGB": 30},
        },
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("refit", [False, True])
def test_a_training_request_is_sent_to_the_letter(session: StubbedSession, jobs: SageMakerJobs, refit: bool) -> None:
    request = filled("train", refit=refit)
    session.expect("sagemaker", "create_training_job", request.body, {"TrainingJobArn": f"{ARN}:training-job/job"})
    session.expect("sagemaker", "describe_training_job", {"TrainingJobName": request.name}, training())
    assert jobs.launch(request).status == "InProgress"


@pytest.mark.parametrize(
    ("step", "given"),
    [
        ("prepare", {}),
        ("evaluate", {"inputs": GIVEN_TO_EVALUATE}),
        ("register", {"inputs": GIVEN}),
        ("promote", {"version": "3"}),
    ],
)
def test_a_processing_request_is_sent_to_the_letter(
    session: StubbedSession, jobs: SageMakerJobs, step: str, given: Json
) -> None:
    request = filled(step, **given)
    session.expect(
        "sagemaker", "create_processing_job", request.body, {"ProcessingJobArn": f"{ARN}:processing-job/job"}
    )
    session.expect("sagemaker", "describe_processing_job", {"ProcessingJobName": request.name}, processing())
    assert jobs.launch(request).kind == "processing"


def log_page(session: StubbedSession, token: str | None, lines: list[str], following: str) -> None:
    request: Json = {
        "logGroupName": "/aws/sagemaker/TrainingJobs",
        "logStreamName": "job/algo-1",
        "startFromHead": True,
    }
    page = {"events": [{"message": line} for line in lines], "nextForwardToken": following}
    session.expect("logs", "get_log_events", {**request, "nextToken": token} if token else request, page)


def log_streams(session: StubbedSession) -> None:
    request = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": "job/"}
    session.expect("logs", "describe_log_streams", request, {"logStreams": [{"logStreamName": "job/algo-1"}]})


def test_a_job_is_followed_to_the_last_line_of_its_log(
    session: StubbedSession, jobs: SageMakerJobs, pauses: list[float]
) -> None:
    for _ in range(2):
        session.expect("sagemaker", "describe_training_job", None, training())
    session.expect(
        "sagemaker",
        "describe_training_job",
        None,
        training(
            "Completed", FinalMetricDataList=[{"MetricName": "validation:macro_f1", "Value": 0.88, "Timestamp": NOW}]
        ),
    )
    session.fail("logs", "describe_log_streams", "ResourceNotFoundException")  # nothing has been written yet
    log_streams(session)
    log_page(session, None, ["one", "two"], "t1")
    log_page(session, "t1", [], "t1")
    log_streams(session)
    log_page(session, "t1", ["three", "last"], "t2")
    log_page(session, "t2", [], "t2")
    said: list[str] = []
    assert follow_job(jobs, state("InProgress"), said.append) == 0
    assert said == ["one", "two", "three", "last", "job: Completed, validation:macro_f1 0.88"]
    assert len(pauses) == 2


def test_a_job_that_failed_says_why(session: StubbedSession, jobs: SageMakerJobs) -> None:
    failed = processing("Failed", FailureReason="tweets.csv: row 3 is odd")
    session.expect("sagemaker", "describe_processing_job", None, failed)
    session.fail("logs", "describe_log_streams", "ResourceNotFoundException")
    said: list[str] = []
    assert follow_job(jobs, replace(state("InProgress"), kind="processing"), said.append) == 1
    assert said == ["job: Failed, tweets.csv: row 3 is odd"]


def state(status: str) -> JobState:
    return JobState("job", "training", status, NOW, None, "")


def test_a_job_is_found_whichever_kind_it_is(session: StubbedSession, jobs: SageMakerJobs) -> None:
    session.fail("sagemaker", "describe_training_job", "ValidationException")
    message = '{"passed":true}'
    session.expect("sagemaker", "describe_processing_job", None, processing("Completed", ExitMessage=message))
    found = jobs.find("job")
    assert (found.kind, found.status, found.result) == ("processing", "Completed", message)


def test_a_job_that_does_not_exist(session: StubbedSession, jobs: SageMakerJobs) -> None:
    session.fail("sagemaker", "describe_training_job", "ValidationException")
    session.fail("sagemaker", "describe_processing_job", "ResourceNotFound")
    with pytest.raises(InputError, match="there is no job nowhere"):
        jobs.find("nowhere")


def test_a_fault_is_not_taken_for_absence(session: StubbedSession, jobs: SageMakerJobs) -> None:
    session.fail("sagemaker", "describe_training_job", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        jobs.find("job")


def listed(session: StubbedSession, kind: str, jobs_: list[Json]) -> None:
    name = kind.capitalize()
    keys = (f"{name}JobName", f"{name}JobArn", f"{name}JobStatus", "CreationTime")
    answer = {f"{name}JobSummaries": [{key: job[key] for key in keys} for job in jobs_]}
    request = {"NameContains": "cyberbullying-dev-", "SortBy": "CreationTime", "SortOrder": "Descending"}
    session.expect("sagemaker", f"list_{kind}_jobs", request, answer)
    for job in jobs_:
        session.expect("sagemaker", f"describe_{kind}_job", None, job)


def test_past_jobs_are_listed_newest_first(session: StubbedSession, jobs: SageMakerJobs) -> None:
    hour = timedelta(hours=1)
    listed(
        session,
        "training",
        [training("Failed", FailureReason="no capacity", CreationTime=NOW, TrainingEndTime=NOW + hour)],
    )
    listed(
        session, "processing", [processing(CreationTime=NOW + hour), processing("Completed", CreationTime=NOW - hour)]
    )
    said: list[str] = []
    list_jobs(jobs, "dev", 2, said.append)
    assert said == [
        "2026-11-23 11:15        -  InProgress  job",
        "2026-11-23 10:15   60 min  Failed      job  no capacity",
    ]


def test_no_jobs_yet(session: StubbedSession, jobs: SageMakerJobs) -> None:
    listed(session, "training", [])
    listed(session, "processing", [])
    said: list[str] = []
    list_jobs(jobs, "dev", 5, said.append)
    assert said == ["there are no jobs whose names begin with cyberbullying-dev-"]


def test_a_job_may_be_left_alone(session: StubbedSession, jobs: SageMakerJobs) -> None:
    request = filled("train")
    session.expect("sagemaker", "create_training_job", request.body, {"TrainingJobArn": f"{ARN}:training-job/job"})
    session.expect("sagemaker", "describe_training_job", None, training())
    said: list[str] = []
    assert run_job(jobs, request, wait=False, say=said.append) == 0
    assert said == ["launched job"]


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


def test_a_training_request_is_one() -> None:
    assert filled("train").operation == TRAINING
