"""The job runner: SageMaker's folders, environment, answers and failures, with the same requests.

Sources: Amazon SageMaker AI Developer Guide ("Training Storage Paths", "How Amazon SageMaker Processing Configures
Input and Output"), and the API reference of DescribeTrainingJob and DescribeProcessingJob.
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.errors import StoppedError
from local.jobs import folders
from local.jobs.errors import JobFailedError
from local.jobs.job import Surroundings, final_metrics, read_job
from local.jobs.runner import Happened, JobEvent, JobRunner
from local.processes import Supervisor
from tests.waiting import wait_for


class Objects:
    """S3, as far as the runner uses it."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def get_paginator(self, _operation: str) -> Objects:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - AWS's names
        keys = [uri.removeprefix(f"{Bucket}/") for uri in self.contents if uri.startswith(f"{Bucket}/{Prefix}")]
        yield {"Contents": [{"Key": key} for key in keys]} if keys else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.contents[f"{Bucket}/{Key}"])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        if Bucket == "closed":
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "no bucket"}}, "PutObject")
        self.contents[f"{Bucket}/{Key}"] = Body


class Tokens:
    """Step Functions, as far as the runner uses it."""

    def __init__(self, refuse: str | None = None) -> None:
        self.successes: list[tuple[str, Any]] = []
        self.failures: list[tuple[str, str, str]] = []
        self._refuse = refuse

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803
        if self._refuse:
            raise ClientError({"Error": {"Code": self._refuse, "Message": ""}}, "SendTaskSuccess")
        self.successes.append((taskToken, json.loads(output)))

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> None:  # noqa: N803
        self.failures.append((taskToken, error, cause))


class Queue:
    """SQS with messages that are given out once."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.waiting = [{"Body": json.dumps(body), "ReceiptHandle": str(n)} for n, body in enumerate(bodies)]
        self.deleted: list[str] = []
        self.given_back: list[str] = []
        self._lock = threading.Lock()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        with self._lock:
            if self.waiting:
                return {"Messages": [self.waiting.pop(0)]}
        time.sleep(0.01)
        return {}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        assert QueueUrl == "queue"
        assert VisibilityTimeout > 0
        self.given_back.append(ReceiptHandle)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        assert QueueUrl == "queue"
        self.deleted.append(ReceiptHandle)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as started:
        yield started


@pytest.fixture
def objects() -> Objects:
    return Objects({"data/labelled/tweets.csv": b"a,b", "runs/1/prepared/train.csv": b"1,2\n"})


Run = Callable[..., tuple[Queue, Tokens]]


@pytest.fixture
def run(supervisor: Supervisor, objects: Objects, tmp_path: Path) -> Run:
    """Handle one message."""

    def handle(body: dict[str, Any], *, refuse: str | None = None) -> tuple[Queue, Tokens]:
        queue, tokens = Queue(body), Tokens(refuse)
        surroundings = Surroundings(objects, supervisor, {"MLFLOW_TRACKING_URI": "http://mlflow"}, tmp_path)
        runner = JobRunner(sqs=queue, states=tokens, queue_url="queue", surroundings=surroundings)
        runner.handle(queue.waiting[0])
        return queue, tokens

    return handle


def training(what: str = "train", **changes: Any) -> dict[str, Any]:
    request = {
        "TrainingJobName": "candidate-1",
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-m", "tests.unit.local.job_programs", what],
            "MetricDefinitions": [
                {"Name": "validation:macro_f1", "Regex": "validation:macro_f1=([0-9.]+)"},
                {"Name": "servable", "Regex": "servable=([01])"},
                {"Name": "absent", "Regex": "absent=([0-9]+)"},
            ],
        },
        "HyperParameters": {"candidate": "linear_svm"},
        "InputDataConfig": [
            {"ChannelName": "prepared", "DataSource": {"S3DataSource": {"S3Uri": "s3://runs/1/prepared/"}}}
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://runs/1/train"},
        "Environment": {"STAGE": "local"},
        **changes,
    }
    return {"task_token": "a-token", "operation": "createTrainingJob", "request": request}


def processing(what: str = "process", **changes: Any) -> dict[str, Any]:
    request = {
        "ProcessingJobName": "prepare-1",
        "AppSpecification": {
            "ImageUri": "image",
            "ContainerEntrypoint": ["python", "-m", "tests.unit.local.job_programs"],
            "ContainerArguments": [what],
        },
        "ProcessingInputs": [
            {
                "InputName": "labelled",
                "S3Input": {"S3Uri": "s3://data/labelled/", "LocalPath": "/opt/ml/processing/input/labelled"},
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "prepared",
                    "S3Output": {"S3Uri": "s3://runs/2/prepared", "LocalPath": "/opt/ml/processing/output/prepared"},
                }
            ]
        },
        **changes,
    }
    return {"task_token": "a-token", "operation": "createProcessingJob", "request": request}


def test_a_training_job_answers_as_describe_training_job(run: Run, objects: Objects) -> None:
    queue, tokens = run(training())
    ((answered, described),) = tokens.successes
    assert answered == "a-token"
    assert described["TrainingJobStatus"] == "Completed"
    artefact = "runs/1/train/candidate-1/output/model.tar.gz"
    assert described["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{artefact}"}
    assert {metric["MetricName"]: metric["Value"] for metric in described["FinalMetricDataList"]} == {
        "validation:macro_f1": 0.75,
        "servable": 1.0,
    }
    with tarfile.open(fileobj=io.BytesIO(objects.contents[artefact])) as tar:
        weights = tar.extractfile("weights")
        assert weights is not None
        assert weights.read() == b"1,2\nlinear_svmlocal"
    assert "runs/1/train/candidate-1/output/output.tar.gz" in objects.contents
    assert queue.deleted == ["0"]


def test_a_processing_job_answers_with_its_exit_message(run: Run, objects: Objects) -> None:
    _, tokens = run(processing())
    ((_, described),) = tokens.successes
    assert described == {
        "ProcessingJobName": "prepare-1",
        "ProcessingJobStatus": "Completed",
        "ExitMessage": '{"rows": 2}',
    }
    assert objects.contents["runs/2/prepared/sub/rows.txt"] == b"tweets.csv"


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (training("fail"), "AlgorithmError: the data is wrong, exit code: 2"),
        (processing("fail"), "AlgorithmError: the data is wrong, exit code: 2"),
        (training("vanish"), "AlgorithmError: the job gave no reason; its log has the rest, exit code: 3"),
        (training("linger", StoppingCondition={"MaxRuntimeInSeconds": 0.3}), "Stopped: the job ran longer than"),
        (processing(ProcessingInputs=[{"S3Input": {"S3Uri": "s3://data/no/", "LocalPath": "/opt/ml/x"}}]), "No S3 obj"),
        (
            processing(ProcessingInputs=[{"S3Input": {"S3Uri": "s3://data/labelled/", "LocalPath": "/etc"}}]),
            "not below",
        ),
        (processing(ProcessingInputs=[{"S3Input": {"S3Uri": "file:///etc/", "LocalPath": "/opt/ml/x"}}]), "no address"),
        (processing(AppSpecification={"ContainerEntrypoint": ["bash", "-c", "true"]}), "Python entry points"),
        (processing(AppSpecification={}), "Python entry points"),
        (training(OutputDataConfig={"S3OutputPath": "s3://closed/x"}), "NoSuchBucket"),
        (training(OutputDataConfig={}), "ValidationException: the request has no usable 'S3OutputPath'"),
        ({"task_token": "a-token", "operation": "deleteModel", "request": {}}, "unknown operation 'deleteModel'"),
    ],
)
def test_a_failed_job_fails_its_task_with_the_reason(run: Run, body: dict[str, Any], cause: str) -> None:
    queue, tokens = run(body)
    ((answered, error, reason),) = tokens.failures
    assert answered == "a-token"
    assert error == "States.TaskFailed"
    assert cause in reason
    assert tokens.successes == []
    assert queue.deleted == ["0"]


def test_nobody_may_be_waiting_any_more(run: Run) -> None:
    queue, _ = run(training(), refuse="TaskTimedOut")
    assert queue.deleted == ["0"]


def test_another_fault_of_the_service_leaves_the_job_in_the_queue(run: Run) -> None:
    with pytest.raises(ClientError):
        run(training(), refuse="InternalServerError")


def test_a_job_leaves_no_folder(run: Run, supervisor: Supervisor) -> None:
    run(training())
    assert list(supervisor.folder.iterdir()) == []


def test_a_job_ends_with_the_stage_and_stays_in_the_queue(
    supervisor: Supervisor, objects: Objects, tmp_path: Path
) -> None:
    queue, tokens = Queue(training("linger")), Tokens()
    surroundings = Surroundings(objects, supervisor, {}, tmp_path)
    runner = JobRunner(sqs=queue, states=tokens, queue_url="queue", surroundings=surroundings)
    threading.Timer(0.5, supervisor.close).start()
    with pytest.raises(StoppedError):
        runner.handle(queue.waiting[0])
    assert queue.deleted == []
    assert tokens.failures == []


def test_jobs_run_side_by_side(supervisor: Supervisor, objects: Objects, tmp_path: Path) -> None:
    bodies = [{**training(TrainingJobName=f"job-{n}"), "task_token": f"token-{n}"} for n in range(4)]
    queue, tokens = Queue(*bodies), Tokens()
    seen: list[JobEvent] = []
    runner = JobRunner(
        sqs=queue,
        states=tokens,
        queue_url="queue",
        surroundings=Surroundings(objects, supervisor, {}, tmp_path),
        observe=seen.append,
    )
    runner.start()
    wait_for(lambda: len(tokens.successes) == 4)
    runner.stop()
    assert {token for token, _ in tokens.successes} == {f"token-{n}" for n in range(4)}
    assert seen.count(JobEvent("job-0", "linear_svm", Happened.STARTED, one_of_many=True)) == 1
    assert seen.count(JobEvent("job-0", "linear_svm", Happened.COMPLETED, "macro-F1 0.750")) == 1


def test_jobs_that_are_not_wanted_stay_in_the_queue(supervisor: Supervisor, objects: Objects, tmp_path: Path) -> None:
    bodies = [{**training(TrainingJobName=name), "task_token": name} for name in ("retrain-1", "drift-1")]
    queue, tokens = Queue(*bodies), Tokens()
    surroundings = Surroundings(objects, supervisor, {}, tmp_path)
    runner = JobRunner(sqs=queue, states=tokens, queue_url="queue", surroundings=surroundings)
    runner.take_only("drift-")
    runner.start()
    wait_for(lambda: queue.deleted and queue.given_back)
    runner.stop()
    assert [token for token, _ in tokens.successes] == ["drift-1"]
    assert queue.given_back == ["0"]
    assert queue.deleted == ["1"]


def test_the_last_value_of_a_metric_counts() -> None:
    log = "loss=3\nloss=2\n"
    assert final_metrics(log, [{"Name": "loss", "Regex": "loss=([0-9]+)"}])[0]["Value"] == 2.0


def test_a_prefix_that_is_a_whole_key_gives_a_file_of_that_name(tmp_path: Path) -> None:
    store = Objects({"b/runs/model.tar.gz": b"x", "b/runs/model.tar.gz.old": b"y"})
    assert folders.download(store, "s3://b/runs/model.tar.gz", tmp_path) == 1
    assert (tmp_path / "model.tar.gz").read_bytes() == b"x"


def test_paths_do_not_lead_outside(tmp_path: Path) -> None:
    with pytest.raises(JobFailedError):
        folders.in_base(tmp_path, "/opt/ml/../../etc")


def test_an_operation_that_is_none_is_refused() -> None:
    with pytest.raises(JobFailedError):
        read_job({"operation": "nothing", "request": {}})
