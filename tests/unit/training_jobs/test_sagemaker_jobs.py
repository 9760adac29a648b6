"""Jobs that are launched by hand: the SDK sends their requests as they are, follows them and lists them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.sagemaker import GIVEN, GIVEN_TO_EVALUATE, NOW, Json, StubbedSession, filled
from training_jobs.errors import InputError
from training_jobs.sagemaker_jobs import JobState, SageMakerJobs
from training_jobs.submit import follow_job, list_jobs, run_job

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


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
