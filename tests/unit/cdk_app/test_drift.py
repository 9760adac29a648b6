"""Drift: what is told, what is meant to be, and what keeps it from being told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from aws_cdk import DefaultStackSynthesizer
from botocore.stub import Stubber

from cdk_app import drift
from cdk_app.drift import DriftError, DriftFinder, look, make_client
from cdk_app.stages import stage_config
from tests.fakes.aws import client_error
from tests.fakes.time import FakeClock

STAGE = stage_config("dev")
CHAMPION = "/cyberbullying/dev/model/champion"


def changed(name: str, kind: str, physical: str, *paths: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceType": kind,
        "StackResourceDriftStatus": "MODIFIED",
        "PropertyDifferences": [
            {
                "PropertyPath": path,
                "DifferenceType": "NOT_EQUAL",
                "ExpectedValue": "secret-1",
                "ActualValue": "secret-2",
            }
            for path in paths
        ],
    }


GONE = {"LogicalResourceId": "Queue1", "ResourceType": "AWS::SQS::Queue", "StackResourceDriftStatus": "DELETED"}
MOVED = changed("Champion1", "AWS::SSM::Parameter", CHAMPION, "/Value")


@dataclass
class FakeCloudFormation:
    """Stacks with their drifts, one to a page. ``statuses`` are what a comparison says, one after the other."""

    drifts: dict[str, list[dict[str, Any]]]
    statuses: list[str] = field(default_factory=lambda: ["DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"])
    asked: int = 0

    def get_paginator(self, operation: str) -> FakeCloudFormation:
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> Any:
        for name in self.drifts:
            yield {"Stacks": [{"StackName": name}]}

    def detect_stack_drift(self, *, StackName: str) -> dict[str, str]:  # noqa: N803
        self.asked = 0
        return {"StackDriftDetectionId": StackName}

    def describe_stack_drift_detection_status(self, *, StackDriftDetectionId: str) -> dict[str, str]:  # noqa: N803
        assert StackDriftDetectionId in self.drifts
        status = self.statuses[min(self.asked, len(self.statuses) - 1)]
        self.asked += 1
        return {"DetectionStatus": status, "DetectionStatusReason": "no right to read the queue"}

    def describe_stack_resource_drifts(self, *, StackName: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        assert request["StackResourceDriftStatusFilters"] == ["MODIFIED", "DELETED"]
        found = self.drifts[StackName]
        page = int(request.get("NextToken", 0))
        answer: dict[str, Any] = {"StackResourceDrifts": found[page : page + 1]}
        return answer | ({"NextToken": str(page + 1)} if page + 1 < len(found) else {})


def finder(**drifts: list[dict[str, Any]]) -> DriftFinder:
    stacks = {f"cyberbullying-dev-{name}": found for name, found in drifts.items()}
    return around(FakeCloudFormation(stacks | {"cyberbullying-staging-storage": [GONE], "CDKToolkit": [GONE]}))


def around(client: FakeCloudFormation) -> DriftFinder:
    clock = FakeClock()
    return DriftFinder(STAGE, client, timeout=30.0, clock=clock, sleep=clock.advance)  # type: ignore[arg-type]


def test_only_the_stage_s_stacks_are_looked_at() -> None:
    said: list[str] = []
    assert look(finder(storage=[], streaming=[]), said.append) == 0
    assert said == ["cyberbullying-dev-storage: as deployed", "cyberbullying-dev-streaming: as deployed"]


def test_what_was_changed_and_what_is_gone_is_told_without_values() -> None:
    said: list[str] = []
    moved = changed("Rule1", "AWS::Events::Rule", "rule", "/State", "/Targets/0")
    assert look(finder(storage=[], streaming=[moved, GONE]), said.append) == 1
    assert said == [
        "cyberbullying-dev-storage: as deployed",
        "cyberbullying-dev-streaming: drifted",
        "  Rule1 (AWS::Events::Rule): /State not_equal",
        "  Rule1 (AWS::Events::Rule): /Targets/0 not_equal",
        "  Queue1 (AWS::SQS::Queue) is gone",
    ]
    assert "secret" not in "".join(said)


def test_a_promotion_is_no_drift() -> None:
    assert look(finder(storage=[MOVED]), lambda _: None) == 0


@pytest.mark.parametrize(
    "resource",
    [
        changed("Champion1", "AWS::SSM::Parameter", CHAMPION, "/Type"),
        changed("Other1", "AWS::SSM::Parameter", "/cyberbullying/dev/other", "/Value"),
        changed("Other1", "AWS::SecretsManager::Secret", CHAMPION, "/Value"),
        GONE | {"ResourceType": "AWS::SSM::Parameter", "PhysicalResourceId": CHAMPION},
    ],
)
def test_nothing_else_is_taken_for_a_promotion(resource: dict[str, Any]) -> None:
    assert look(finder(storage=[resource]), lambda _: None) == 1


def test_a_stage_that_is_not_deployed_is_told() -> None:
    with pytest.raises(DriftError, match="no stack of dev"):
        look(finder(), lambda _: None)


def test_a_comparison_that_fails_is_told() -> None:
    client = FakeCloudFormation({"cyberbullying-dev-storage": []}, statuses=["DETECTION_FAILED"])
    with pytest.raises(DriftError, match="cyberbullying-dev-storage: no right to read the queue"):
        look(around(client), lambda _: None)


def test_a_comparison_that_never_ends_is_given_up() -> None:
    client = FakeCloudFormation({"cyberbullying-dev-storage": []}, statuses=["DETECTION_IN_PROGRESS"])
    with pytest.raises(DriftError, match="did not finish within 30 s"):
        look(around(client), lambda _: None)


@pytest.mark.parametrize(("resource", "status"), [(MOVED, 0), (GONE, 1)])
def test_the_exit_status_tells(monkeypatch: pytest.MonkeyPatch, resource: dict[str, Any], status: int) -> None:
    client = FakeCloudFormation({"cyberbullying-dev-storage": [resource]}, statuses=["DETECTION_COMPLETE"])
    monkeypatch.setattr(drift, "make_client", lambda _session, _stage: client)
    assert drift.main(["--stage", "dev"]) == status


def test_a_refused_call_is_no_drift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(_session: Any, _stage: Any) -> Any:
        raise client_error("AccessDenied", "AssumeRole")

    monkeypatch.setattr(drift, "make_client", refused)
    assert drift.main(["--stage", "dev"]) == 2
    assert "AccessDenied" in capsys.readouterr().err


def test_it_looks_through_the_bootstrap_s_lookup_role(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session("key", "secret", region_name=STAGE.region)
    sts = session.client("sts")
    account = "123456789012"
    role = f"cdk-{DefaultStackSynthesizer.DEFAULT_QUALIFIER}-lookup-role-{account}-us-east-1"
    taken = {
        "AccessKeyId": "ASIATAKEN0000000",
        "SecretAccessKey": "taken",
        "SessionToken": "token",
        "Expiration": "2026-11-23T12:00:00Z",
    }
    with Stubber(sts) as stub:
        stub.add_response("get_caller_identity", {"Account": account}, {})
        stub.add_response(
            "assume_role",
            {"Credentials": taken},
            {"RoleArn": f"arn:aws:iam::{account}:role/{role}", "RoleSessionName": "stack-drift"},
        )
        made = session.client
        monkeypatch.setattr(session, "client", lambda name, **options: sts if name == "sts" else made(name, **options))
        client: Any = make_client(session, STAGE)
    assert client._request_signer._credentials.access_key == "ASIATAKEN0000000"


def test_the_emulator_has_no_roles_to_take() -> None:
    session = boto3.Session("local", "local", region_name="us-east-1")
    client: Any = make_client(session, stage_config("local"))
    assert client._request_signer._credentials.access_key == "local"
