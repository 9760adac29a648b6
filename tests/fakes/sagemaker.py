"""What launching jobs by hand needs: the deployed definition, a job that somebody chose, and a session of boto3."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from cdk_app.stages import stage_config
from stacks.constructs.retrain_definition import retrain_definition
from stacks.constructs.retrain_jobs import SUBSTITUTED, Jobs, SageMakerLauncher
from training_jobs.job_requests import Choice, JobRequest, request_for

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
Json = dict[str, Any]
GIVEN = {"model": "s3://b/model.tar.gz", "candidate": "s3://b/candidate.tar.gz"}
GIVEN_TO_EVALUATE = {**GIVEN, "baseline": "s3://b/baseline.tar.gz"}


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
