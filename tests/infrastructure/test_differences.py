"""What the laptop runs is what the cloud runs: every difference between local and dev is listed, with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from tests.infrastructure.templates import Json, comparable, definition, differences, without_launcher

EMPTIER: Final = "A stage in an account must empty its buckets to destroy them; the emulator's end with it"
LAUNCHER: Final = "Who runs a job: SageMaker, or the worker of a queue, and what the state machine may do about it"
JOB_RIGHTS: Final = "(Hand|Jobs|Queue|Wait|(Run|Await)(Training|Processing)Jobs|PassJobRoles|HandJobsOut)"

_REPORT: Final = "monitoring/StepFunctions::StateMachine/DriftReportWorkflowMachine/Properties/DefinitionString/States"
_RESPONSE: Final = _REPORT.replace("Report", "Response")

ALLOWED: Final = (
    (r"storage/Custom::S3AutoDeleteObjects/\w+", EMPTIER),
    (r"storage/(IAM::Role|Lambda::Function)/CustomS3AutoDeleteObjects\w+", EMPTIER),
    (r"storage/Logs::LogGroup/BucketEmptierLogs", EMPTIER),
    (r"storage/S3::Bucket/\w+/Properties/Tags/aws-cdk:auto-delete-objects/.*", EMPTIER),
    (r"storage/S3::BucketPolicy/\w+/Properties/PolicyDocument/Statement/s3:DeleteObject\*/.*", EMPTIER),
    (
        r"storage/S3::Bucket/Reports/Properties/LifecycleConfiguration/Rules/1/ExpirationInDays",
        "Nobody reads them later",
    ),
    (r"streaming/Kinesis::Stream/\w+/Properties/ShardCount", "Two shards, so that order and parallel reading are seen"),
    (r"streaming/Lambda::EventSourceMapping/\w+/Properties/Enabled", "The poller of the local stage reads the streams"),
    (
        r"streaming/Lambda::EventSourceMapping/\w+/Properties/(MaximumBatchingWindowInSeconds|MaximumRetryAttempts)",
        "Somebody sits there and waits",
    ),
    (
        r"streaming/Lambda::Function/\w+/Properties/ReservedConcurrentExecutions",
        "A new account has too few concurrent invocations to reserve any",
    ),
    (
        r"streaming/Lambda::Function/WarnFunction/Properties/Environment/Variables/DAILY_WARNING_QUOTA",
        "A demonstration flags more in a minute than dev should in a day",
    ),
    (r"tracking/(EC2::FlowLog|IAM::\w+|Logs::LogGroup)/NetworkVpc?Traffic\w+", "The emulated network has no traffic"),
    (r"tracking/Logs::LogGroup/NetworkTrafficLogs", "The emulated network has no traffic"),
    (r"training/SQS::Queue(Policy)?/JobsQueue(Policy)?", LAUNCHER),
    (r"training/StepFunctions::StateMachine/Retrain/Properties/DefinitionSubstitutions/JobsQueueUrl", LAUNCHER),
    (rf"\w+/IAM::Policy/\w+/Properties/PolicyDocument/Statement/{JOB_RIGHTS}/.*", LAUNCHER),
    (r"delivery/.*", "Nobody deploys to the emulator from afar"),
    (r"monitoring/CloudWatch::CompositeAlarm/\w+", "CloudFormation of the emulator has no composite alarms"),
    (
        r"monitoring/Events::Rule/DriftResponseRaised/Properties/EventPattern/detail/alarmName/\d",
        "In place of the composite alarm, its parts start the response",
    ),
    (r"monitoring/CloudWatch::Dashboard/Dashboard/Properties/DashboardBody", "It names the stage and its alarms"),
    (
        rf"{_REPORT}/Make the report/Arguments/Environment/((LABEL|WINDOW)_HOURS|MINIMUM_((CLASS_)?LABELS|VERDICTS))",
        "A demonstration has minutes of tweets, not days",
    ),
    (r"monitoring/StepFunctions::\w+/\w+/Properties/DefinitionString/States/Tell somebody/Arguments/Subject", "A name"),
    (rf"{_RESPONSE}/Take the turn/Arguments/Item/until/N", "Somebody sits there and waits"),
)  # fmt: skip
"""Where the stages may differ, as patterns of the whole place, and why."""


@pytest.fixture(scope="module")
def found(templates_of: Callable[[str], dict[str, Json]]) -> dict[str, str]:
    return dict(differences(comparable(templates_of("local"), "local"), comparable(templates_of("dev"), "dev")))


def test_the_stages_differ_only_where_it_is_allowed(found: dict[str, str]) -> None:
    unexplained = {
        place: how for place, how in found.items() if not any(re.fullmatch(pattern, place) for pattern, _ in ALLOWED)
    }
    assert unexplained == {}


def test_every_allowed_difference_exists(found: dict[str, str]) -> None:
    unused = [pattern for pattern, _ in ALLOWED if not any(re.fullmatch(pattern, place) for place in found)]
    assert unused == []


@pytest.mark.parametrize("name", ["retrain", "mlflow_address"])
def test_state_machines_differ_only_in_who_runs_a_job(
    name: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    (here, _), (there, _) = (definition(templates_of(stage), name) for stage in ("local", "dev"))
    assert without_launcher(here) == without_launcher(there)
    if name == "retrain":
        assert here != there


def test_a_difference_that_creeps_in_is_found() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "cyberbullying-local-data"}}
    changed = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": "cyberbullying-dev-data", "Tags": [{"Key": "a"}]},
    }
    here = comparable({"storage": {"Resources": {"Data12345678": bucket}}}, "local")
    there = comparable({"storage": {"Resources": {"Data12345678": changed, "MoreABCDEF01": bucket}}}, "dev")
    assert dict(differences(here, there)) == {
        "storage/S3::Bucket/Data/Properties/Tags/a/Key": "None | a",
        "storage/S3::Bucket/More": "only in the second",
    }
