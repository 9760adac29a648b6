"""Roles may do what they are there for: no action has a wildcard, and where a resource is one there is a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.infrastructure.templates import STAGES, Json, flat, resources

ANY_RESOURCE: Final = {
    "application-autoscaling:": "knows no resources",
    "cloudwatch:GetMetricStatistics": "reading metrics knows no resources",
    "cloudwatch:PutMetricData": "knows no resources; the namespace is a condition",
    "ec2:CreateNetworkInterface": "of interfaces that are not there yet, in a network that is the job's own",
    "ec2:CreateNetworkInterfacePermission": "as before",
    "ec2:DeleteNetworkInterface": "as before",
    "ec2:DeleteNetworkInterfacePermission": "as before",
    "ec2:Describe": "descriptions know no resources",
    "ecr:GetAuthorizationToken": "knows no resources",
    "logs:CreateLogDelivery": "log delivery knows no resources",
    "logs:DeleteLogDelivery": "as before",
    "logs:DescribeLogGroups": "as before",
    "logs:DescribeResourcePolicies": "as before",
    "logs:GetLogDelivery": "as before",
    "logs:ListLogDeliveries": "as before",
    "logs:PutResourcePolicy": "as before",
    "logs:UpdateLogDelivery": "as before",
    "route53:ListHostedZonesByName": "a list knows no resources",
    "ssm:UpdateInstanceInformation": "Session Manager's own channel",
    "ssmmessages:": "as before",
    "xray:": "tracing knows no resources",
}
"""Actions, or their beginnings, that are allowed on every resource, and why."""

WILDCARD_ACTIONS: Final = {
    "monitoring/Archive": "what the CDK grants a delivery stream, on the archive's bucket alone",
}
"""Policies, by the beginning of their names, whose actions have wildcards, and why."""

SERVICES: Final = ("classify", "warn", "withdraw")

Statement = tuple[str, Json]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(templates: dict[str, Json]) -> Iterator[Statement]:
    """Statements of every identity's policies, with their role or policy."""
    for name, resource in resources(templates, "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
        properties = resource["Properties"]
        documents = [item["PolicyDocument"] for item in properties.get("Policies", [])]
        if "PolicyDocument" in properties:
            documents.append(properties["PolicyDocument"])
        for document in documents:
            for statement in as_list(document["Statement"]):
                yield name, statement


@pytest.mark.parametrize("stage", STAGES)
def test_no_action_has_a_wildcard(stage: str, templates_of: Callable[[str], dict[str, Json]]) -> None:
    found = [
        (name, action)
        for name, statement in statements(templates_of(stage))
        for action in as_list(statement["Action"])
        if "*" in action and not any(name.startswith(allowed) for allowed in WILDCARD_ACTIONS)
    ]
    assert found == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_resource_is_named_or_there_is_a_reason(
    stage: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    found = [
        (name, action)
        for name, statement in statements(templates_of(stage))
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
        if not any(action.startswith(allowed) for allowed in ANY_RESOURCE)
    ]
    assert found == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_wildcard_within_a_resource_stands_behind_something_of_ours(
    stage: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    ours = re.compile(rf"cyberbullying|drift-{stage}|/aws/sagemaker/|:alarm:|\$\{{\w+\.Arn\}}|log-group")
    for name, statement in statements(templates_of(stage)):
        for resource in map(flat, as_list(statement["Resource"])):
            if "*" in resource and resource != "*":
                # A key's id is made up when it is; its alias, in the condition, is ours.
                by_alias = "kms:ResourceAliases" in str(statement.get("Condition"))
                assert by_alias or ours.search(resource.split("*")[0]), (name, resource)


@pytest.mark.parametrize("stage", STAGES)
def test_no_role_has_a_policy_of_aws(stage: str, templates_of: Callable[[str], dict[str, Json]]) -> None:
    found = {
        name: resource["Properties"]["ManagedPolicyArns"]
        for name, resource in resources(templates_of(stage), "AWS::IAM::Role")
        if resource["Properties"].get("ManagedPolicyArns")
    }
    assert found == {}


@pytest.mark.parametrize("stage", STAGES)
def test_roles_are_passed_on_to_named_services_only(stage: str, templates_of: Callable[[str], dict[str, Json]]) -> None:
    for name, statement in statements(templates_of(stage)):
        if "iam:PassRole" in as_list(statement["Action"]):
            assert "iam:PassedToService" in statement["Condition"]["StringEquals"], name
            assert "*" not in flat(as_list(statement["Resource"])[0]), name


def test_each_function_and_each_kind_of_job_has_a_role_of_its_own(
    templates_of: Callable[[str], dict[str, Json]],
) -> None:
    functions = [
        flat(resource["Properties"]["Role"])
        for _, resource in resources({"streaming": templates_of("prod")["streaming"]}, "AWS::Lambda::Function")
    ]
    assert len(functions) == len(set(functions)) == len(SERVICES)


def test_only_promotion_may_move_the_pointer(templates_of: Callable[[str], dict[str, Json]]) -> None:
    writers = {
        name
        for name, statement in statements(templates_of("prod"))
        if "ssm:PutParameter" in as_list(statement["Action"])
    }
    assert len(writers) == 1
    assert next(iter(writers)).startswith("training/Promotion")


@pytest.mark.parametrize("kind", ["Training", "Processing"])
def test_state_machines_may_do_all_that_waiting_for_a_job_takes(
    kind: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    """Step Functions Developer Guide, "IAM policies for calling Amazon SageMaker AI"."""
    needed = {f"sagemaker:{verb}{kind}Job" for verb in ("Create", "Describe", "Stop")}
    needed |= {"sagemaker:AddTags", "sagemaker:ListTags"}
    allowed = {
        name: set(as_list(statement["Action"]))
        for name, statement in statements(templates_of("prod"))
        if f"sagemaker:Create{kind}Job" in as_list(statement["Action"])
    }
    assert len(allowed) == (2 if kind == "Processing" else 1), "the retrain, and the drift report"
    for name, actions in allowed.items():
        assert actions == needed, name


def test_a_boundary_an_account_a_region_and_an_address_are_one_value_each(tmp_path: Any) -> None:
    """Suppressions name resources with account and region in them, so a finding would come up here."""
    from dataclasses import replace

    import aws_cdk as cdk

    from cdk_app.composition import compose
    from cdk_app.stages import stage_config
    from tests.infrastructure.templates import read

    app = cdk.App(outdir=str(tmp_path))
    elsewhere: dict[str, Any] = {"account": "123456789012", "region": "eu-west-1", "alarm_email": "alarms@example.org"}
    compose(app, replace(stage_config("dev"), permissions_boundary="guard-rail", **elsewhere))
    app.synth()
    templates = read(tmp_path)
    assert "us-east-1" not in str(templates)
    ((_, subscription),) = resources(templates, "AWS::SNS::Subscription")
    assert subscription["Properties"]["Endpoint"] == elsewhere["alarm_email"]
    roles = list(resources(templates, "AWS::IAM::Role"))
    assert roles
    for name, role in roles:
        assert flat(role["Properties"]["PermissionsBoundary"]).endswith("policy/guard-rail"), name
