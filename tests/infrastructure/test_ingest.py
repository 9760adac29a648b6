"""The tweet source's stack: which stages have it, what the task gets, what it may do, and what is watched."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aws_cdk import App

from cdk_app.images import ROOT
from cdk_app.settings import PAID_SOURCES, TWEET_SOURCES, IngestSettings, StageError
from cdk_app.stages import STAGES, StageConfig, stage_config
from cdk_app.validations import validate
from ingest.events import SourceName
from ingest.metric_names import METRICS
from ingest.settings import Settings, load
from ingest.sources.x_rules import MAX_QUERY_CHARACTERS, MAX_RULE_CHARACTERS, RULES
from stacks.constructs.source_task import DRAIN_SECONDS, STOP_TIMEOUT
from stacks.ingest import KINDS, IngestStack
from stacks.storage import StorageStack
from stacks.streaming import StreamingStack

Template = dict[str, Any]


def synthesise(stage: StageConfig, folder: Path) -> Template:
    app = App(outdir=str(folder))
    storage = StorageStack(app, stage.stack("storage"), stage=stage)
    streaming = StreamingStack(app, stage.stack("streaming"), stage=stage, storage=storage)
    IngestStack(app, stage.stack("ingest"), stage=stage, storage=storage, streaming=streaming)
    validate(app)
    template: Template = app.synth().get_stack_by_name(stage.stack("ingest")).template
    return template


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesise(stage_config("prod"), tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Template:
    stage = replace(stage_config("dev"), ingest=IngestSettings(source="bluesky"))
    return synthesise(stage, tmp_path_factory.mktemp("dev"))


def of_type(template: Template, kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def container(template: Template) -> dict[str, Any]:
    (task,) = of_type(template, "AWS::ECS::TaskDefinition")
    (only,) = task["ContainerDefinitions"]
    found: dict[str, Any] = only
    return found


def environment(template: Template) -> dict[str, Any]:
    return {variable["Name"]: variable["Value"] for variable in container(template)["Environment"]}


def actions(template: Template) -> set[str]:
    """What the task itself may do."""
    (role,) = [
        name
        for name, item in template["Resources"].items()
        if item["Type"] == "AWS::IAM::Role" and item["Properties"].get("Description") == "Runs a tweet source"
    ]
    statements = [
        statement
        for policy in of_type(template, "AWS::IAM::Policy")
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all(statement["Resource"] != "*" for statement in statements)
    return {
        action
        for statement in statements
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_stages_and_program_know_the_same_sources() -> None:
    assert set(TWEET_SOURCES) == {name.value for name in SourceName} - {"replay"}
    for name in TWEET_SOURCES:
        assert Settings(source=SourceName(name)).paid == (name in PAID_SOURCES)


def test_local_and_dev_read_from_nowhere() -> None:
    assert [name for name, stage in STAGES.items() if stage.ingest.source is None] == ["local", "dev"]


@pytest.mark.parametrize(
    "wrong",
    [{"source": "twitter"}, {"source": "x-stream"}, {"source": "bluesky", "daily_budget_usd": 1.0}],
    ids=["no such source", "paid without a budget", "a budget for nothing"],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StageError):
        IngestSettings(**wrong)


def test_the_environment_holds_settings_of_the_program_and_nothing_else(paid: Template, free: Template) -> None:
    fields = {field.name.upper() for field in msgspec.structs.fields(Settings)}
    for template in (paid, free):
        assert set(environment(template)) - {"AWS_DEFAULT_REGION"} <= fields


def test_the_program_accepts_the_environment(paid: Template, free: Template) -> None:
    for template in (paid, free):
        values = {name: value if isinstance(value, str) else "a-name" for name, value in environment(template).items()}
        settings = load({}, values)
        assert settings.checkpoint_table
        assert not settings.to_lines


def test_no_secret_stands_in_the_template(paid: Template) -> None:
    (secret,) = of_type(paid, "AWS::SecretsManager::Secret")
    assert not {"SecretString", "GenerateSecretString"} & set(secret)
    assert "Secrets" not in container(paid)


def test_only_a_paid_source_has_a_token_and_a_budget(free: Template) -> None:
    assert of_type(free, "AWS::SecretsManager::Secret") == []
    assert not {"X_TOKEN_SECRET_ARN", "DAILY_BUDGET_USD"} & set(environment(free))
    assert "secretsmanager:GetSecretValue" not in actions(free)


def test_the_task_may_do_what_it_does_and_no_more(paid: Template) -> None:
    assert actions(paid) == {
        "kinesis:PutRecords",
        "events:PutEvents",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "secretsmanager:GetSecretValue",
    }


def test_nothing_comes_in(paid: Template) -> None:
    (group,) = of_type(paid, "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]
    kinds = {item["Type"] for item in paid["Resources"].values()}
    assert not kinds & {
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::NatGateway",
        "AWS::ElasticLoadBalancingV2::Listener",
    }
    assert "PortMappings" not in container(paid)


def test_one_task_runs_and_never_two(paid: Template) -> None:
    (service,) = of_type(paid, "AWS::ECS::Service")
    assert service["DesiredCount"] == 1
    deployment = service["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)


def test_the_container_is_nobody_and_writes_nowhere_else(paid: Template) -> None:
    assert container(paid)["ReadonlyRootFilesystem"] is True
    assert container(paid)["User"] == "65534"
    (mount,) = container(paid)["MountPoints"]
    assert environment(paid)["HEALTH_FILE"].startswith(mount["ContainerPath"] + "/")
    assert container(paid)["HealthCheck"]["Command"][-1] == environment(paid)["HEALTH_FILE"]
    dockerfile = (ROOT / "ingest/Dockerfile").read_text()
    assert f'VOLUME ["{mount["ContainerPath"]}"]' in dockerfile


def test_a_stopped_task_has_time_to_drain(paid: Template) -> None:
    assert environment(paid)["DRAIN_SECONDS"] == str(DRAIN_SECONDS)
    assert container(paid)["StopTimeout"] == STOP_TIMEOUT.to_seconds() > DRAIN_SECONDS + 10


def test_checkpoints_outlive_the_stack_where_data_is_kept(paid: Template, free: Template) -> None:
    for template, policy in ((paid, "Retain"), (free, "Delete")):
        (table,) = [item for item in template["Resources"].values() if item["Type"] == "AWS::DynamoDB::Table"]
        assert table["DeletionPolicy"] == policy
        assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_alarms_are_on_metrics_that_are_emitted(paid: Template) -> None:
    emitted = {metric.name: metric for metric in METRICS}
    for alarm in of_type(paid, "AWS::CloudWatch::Alarm"):
        metric = emitted[alarm["MetricName"]]
        assert {dimension["Name"] for dimension in alarm["Dimensions"]} == set(metric.dimensions)
        assert {"Name": "service", "Value": "ingest"} in alarm["Dimensions"]


def test_every_kind_of_alarm_is_raised_and_has_its_page(paid: Template, free: Template) -> None:
    described = [alarm["AlarmDescription"] for alarm in of_type(paid, "AWS::CloudWatch::Alarm")]
    assert len(described) == len(KINDS)
    pages = re.findall(r"docs/runbooks/[\w-]+\.md", "\n".join(described))
    assert {f"docs/runbooks/{kind.runbook}.md" for kind in KINDS} == set(pages)
    assert [page for page in pages if not (ROOT / page).is_file()] == []
    budgets = [alarm for alarm in of_type(free, "AWS::CloudWatch::Alarm") if "budget" in json.dumps(alarm).lower()]
    assert budgets == []


def test_silence_is_an_alarm(paid: Template) -> None:
    (alarm,) = [each for each in of_type(paid, "AWS::CloudWatch::Alarm") if each["MetricName"] == "SourceConnected"]
    assert alarm["TreatMissingData"] == "breaching"


def test_rules_are_within_the_limits_of_stream_and_search() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(len(rule.value) <= min(MAX_RULE_CHARACTERS, MAX_QUERY_CHARACTERS) for rule in RULES)
    assert all("-is:retweet" in rule.value and "lang:en" in rule.value for rule in RULES)
