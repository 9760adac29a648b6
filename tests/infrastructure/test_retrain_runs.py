"""The retrain state machine as it runs: in the emulator, with a worker that pretends to do the jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from cdk_app.stages import stage_config
from local import emulator
from local.aws import Clients
from local.processes import Supervisor
from stacks.constructs.retrain_definition import CANDIDATES, retrain_definition
from stacks.constructs.retrain_jobs import SUBSTITUTED, Jobs, Json, QueueLauncher
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.emulator

SCORES = {
    "logistic_regression": 0.84,
    "naive_bayes": 0.81,
    "nearest_neighbours": 0.99,
    "published_study": 0.98,
    "linear_svm": 0.87,
    "stack": 0.86,
    "recalibrated": 0.89,
}
MESSAGES: dict[str, Json] = {
    "prepare": {"rows": 3, "data_sha256": "d", "run_id": "r"},
    "evaluate": {"passed": True, "macro_f1": 0.86, "why": "better than the champion"},
    "register": {"version": "3"},
    "promote": {"version": "3", "location": "s3://artefacts/models/3"},
}

Answer = Callable[[str, Json], Json | None]
"""From a job's step and request to what is different in its result; None where it fails."""


class Machine:
    """The state machine in an emulator, and the worker of its jobs."""

    def __init__(self, endpoint: str) -> None:
        clients = Clients(endpoint)
        self.machines, self.queues, topics = clients["stepfunctions"], clients["sqs"], clients["sns"]
        self.jobs = self.queues.create_queue(QueueName="jobs")["QueueUrl"]
        self.notices = self.queues.create_queue(QueueName="notices")["QueueUrl"]
        topic = topics.create_topic(Name="alarms")["TopicArn"]
        attributes = self.queues.get_queue_attributes(QueueUrl=self.notices, AttributeNames=["QueueArn"])["Attributes"]
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
        values = {name: f"of-{name}" for name in SUBSTITUTED}
        values |= {"AlarmsTopicArn": topic, "JobsQueueUrl": self.jobs, "Stage": "local", "DataBucket": "data"}
        text = json.dumps(retrain_definition(Jobs(stage_config("local").training), QueueLauncher()))
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        self.arn = self.machines.create_state_machine(
            name="retrain", definition=text, roleArn="arn:aws:iam::000000000000:role/retrain"
        )["stateMachineArn"]

    def run(self, answer: Answer, given: Json | None = None) -> tuple[Json, list[tuple[str, Json]]]:
        """Run an execution to its end; returns its description, and its jobs with their requests."""
        execution = self.machines.start_execution(stateMachineArn=self.arn, input=json.dumps(given or {}))
        done: list[tuple[str, Json]] = []
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            described: Json = self.machines.describe_execution(executionArn=execution["executionArn"])
            if described["status"] != "RUNNING":
                return described, done
            for message in self.queues.receive_message(
                QueueUrl=self.jobs, MaxNumberOfMessages=10, WaitTimeSeconds=1
            ).get("Messages", []):
                self.queues.delete_message(QueueUrl=self.jobs, ReceiptHandle=message["ReceiptHandle"])
                done.append(self._work(json.loads(message["Body"]), answer))
        raise AssertionError(f"still running after {[step for step, _ in done]}")

    def _work(self, body: Json, answer: Answer) -> tuple[str, Json]:
        request, token = body["request"], body["task_token"]
        training = "TrainingJobName" in request
        step = _step(request)
        result = answer(step, request)
        if result is None:
            self.machines.send_task_failure(taskToken=token, error="States.TaskFailed", cause=f"{step} broke")
        elif training:
            name = request["TrainingJobName"]
            metrics = [
                {"MetricName": "validation:macro_f1", "Value": SCORES[request["HyperParameters"]["candidate"]]},
                {"MetricName": "servable", "Value": result.get("servable", 1.0)},
            ]
            described = {
                "TrainingJobName": name,
                "ModelArtifacts": {"S3ModelArtifacts": f"s3://artefacts/{step}/model.tar.gz"},
                "FinalMetricDataList": metrics,
            }
            self.machines.send_task_success(taskToken=token, output=json.dumps(described))
        else:
            message = json.dumps(MESSAGES[step] | result)
            self.machines.send_task_success(taskToken=token, output=json.dumps({"ExitMessage": message}))
        return step, request

    def notice(self) -> Json:
        """The one notice that was sent."""
        messages: list[Json] = []

        def arrived() -> bool:
            answer = self.queues.receive_message(QueueUrl=self.notices, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages.extend(answer.get("Messages", ()))
            return bool(messages)

        wait_for(arrived, "a notice")
        (message,) = messages
        self.queues.delete_message(QueueUrl=self.notices, ReceiptHandle=message["ReceiptHandle"])
        found: Json = json.loads(message["Body"])
        return found


def _step(request: Json) -> str:
    if "TrainingJobName" in request:
        hyperparameters = request["HyperParameters"]
        return "refit" if hyperparameters["refit"] == "true" else str(hyperparameters["candidate"])
    return str(request["AppSpecification"]["ContainerEntrypoint"][-1]).removeprefix("training_jobs.")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    # Retries wait their time on AWS; here nobody needs to.
    with Supervisor() as supervisor:
        endpoint, _ = emulator.start(supervisor, settings={"SFN_WAIT_SCALE": "0"})
        yield Machine(endpoint)


def well(step: str, _: Json) -> Json:
    return {"servable": 0.0} if step in {"nearest_neighbours", "published_study"} else {}


def test_the_best_that_can_be_served_is_promoted(machine: Machine) -> None:
    described, done = machine.run(well, {"reason": "drift", "seed": 11, "dataset": "s3://data/labelled/new/"})
    assert described["status"] == "SUCCEEDED"
    output = json.loads(described["output"])
    assert output["outcome"] == "promoted"
    assert output["champion"] == MESSAGES["promote"]
    assert output["chosen"]["candidate"] == "linear_svm", "the neighbours are better, but cannot be served"
    assert {item["candidate"]: item["macro_f1"] for item in output["candidates"]} == {
        name: SCORES[name] for name in CANDIDATES
    }
    steps = [step for step, _ in done]
    assert steps[0] == "prepare"
    assert set(steps[1 : 1 + len(CANDIDATES)]) == set(CANDIDATES)
    assert steps[1 + len(CANDIDATES) :] == ["refit", "evaluate", "register", "promote"]


def test_the_recalibrated_champion_competes_where_prepare_says_so(machine: Machine) -> None:
    described, done = machine.run(
        lambda step, request: {"recalibrate": True} if step == "prepare" else well(step, request)
    )
    output = json.loads(described["output"])
    assert output["chosen"]["candidate"] == "recalibrated"
    assert {item["candidate"] for item in output["candidates"]} == {*CANDIDATES, "recalibrated"}
    assert dict(done)["refit"]["HyperParameters"]["candidate"] == "recalibrated"


def test_jobs_are_told_what_they_need(machine: Machine) -> None:
    described, done = machine.run(well, {"reason": "drift", "seed": 11, "dataset": "s3://data/labelled/new/"})
    jobs = dict(done)
    folder = f"s3://of-ArtefactsBucket/runs/{described['name']}/"
    assert jobs["prepare"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://data/labelled/new/"
    assert jobs["prepare"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == f"{folder}prepare/prepared"
    assert jobs["refit"]["HyperParameters"] == {"candidate": "linear_svm", "refit": "true", "seed": "11"}
    inputs = {item["InputName"]: item["S3Input"]["S3Uri"] for item in jobs["register"]["ProcessingInputs"]}
    assert inputs == {
        "prepared": f"{folder}prepare/prepared",
        "model": "s3://artefacts/refit/model.tar.gz",
        "candidate": "s3://artefacts/linear_svm/model.tar.gz",
        "evaluation": f"{folder}evaluate/evaluation",
    }
    inputs = {item["InputName"]: item["S3Input"]["S3Uri"] for item in jobs["evaluate"]["ProcessingInputs"]}
    assert inputs["baseline"] == "s3://artefacts/published_study/model.tar.gz"
    assert inputs["candidate"] == "s3://artefacts/linear_svm/model.tar.gz"
    assert jobs["promote"]["AppSpecification"]["ContainerArguments"] == ["--version", "3"]
    environment = jobs["evaluate"]["Environment"]
    assert (environment["RETRAIN_REASON"], environment["RETRAIN_EXECUTION"]) == ("drift", described["name"])


def test_an_empty_input_will_do(machine: Machine) -> None:
    described, done = machine.run(well)
    jobs = dict(done)
    assert described["status"] == "SUCCEEDED"
    assert jobs["prepare"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://data/labelled/"
    assert jobs["prepare"]["Environment"]["RETRAIN_REASON"] == "manual"
    assert jobs["refit"]["HyperParameters"]["seed"] == "7"


def test_a_model_that_does_not_pass_is_not_registered(machine: Machine) -> None:
    described, done = machine.run(
        lambda step, request: {"passed": False} if step == "evaluate" else well(step, request)
    )
    assert described["status"] == "SUCCEEDED"
    assert json.loads(described["output"])["outcome"] == "rejected"
    assert [step for step, _ in done][-1] == "evaluate"
    assert machine.notice()["Subject"] == "Retrain of local: the model did not pass"


def test_a_job_that_fails_once_is_tried_again(machine: Machine) -> None:
    failed: list[str] = []

    def once(step: str, request: Json) -> Json | None:
        if step in {"prepare", "naive_bayes", "promote"} and step not in failed:
            failed.append(step)
            return None
        return well(step, request)

    described, done = machine.run(once)
    assert described["status"] == "SUCCEEDED"
    names = [request.get("TrainingJobName", request.get("ProcessingJobName")) for _, request in done]
    assert len(names) == len(set(names)) == len(CANDIDATES) + 8


@pytest.mark.parametrize(
    ("broken", "state"),
    [("prepare", "Prepare"), ("naive_bayes", "Candidates"), ("refit", "Refit"), ("evaluate", "Evaluate"),
     ("register", "Register"), ("promote", "Promote")],
)  # fmt: skip
def test_a_job_that_fails_again_ends_in_a_notice(machine: Machine, broken: str, state: str) -> None:
    described, done = machine.run(lambda step, request: None if step == broken else well(step, request))
    assert described["status"] == "FAILED"
    assert described["cause"] == f"{state}: {broken} broke"
    assert [step for step, _ in done].count(broken) == 2
    notice = machine.notice()
    assert notice["Subject"] == "Retrain of local failed"
    assert f"failed in {state}" in notice["Message"]
    assert "docs/runbooks/retrain-failed.md" in notice["Message"]


def test_without_anything_to_serve_it_fails(machine: Machine) -> None:
    described, done = machine.run(lambda step, _: {"servable": 0.0} if step in SCORES else {})
    assert (described["status"], described["error"]) == ("FAILED", "NothingToServe")
    assert "refit" not in dict(done)
    machine.notice()


def test_a_message_that_lacks_something_fails_with_a_notice(machine: Machine) -> None:
    MESSAGES["register"], kept = {"other": 1}, MESSAGES["register"]
    try:
        described, done = machine.run(well)
    finally:
        MESSAGES["register"] = kept
    assert described["status"] == "FAILED"
    assert "promote" not in dict(done)
    assert "failed in Promote" in machine.notice()["Message"]
