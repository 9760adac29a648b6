"""Who may deliver a stage: the trust of each role, to the letter, and what it may do."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment

from cdk_app.canary import MARK
from cdk_app.settings import DeliverySettings, StageError
from cdk_app.stages import STAGES, StageConfig, stage_config
from cdk_app.validations import validate
from stacks.delivery import CANARY_KEYS, DeliveryStack

Json = dict[str, Any]

REPOSITORY = "octo-org@123456/octo-repo@456789"
SUBJECTS = {
    "deploy": f"repo:{REPOSITORY}:environment:staging",
    "drift": f"repo:{REPOSITORY}:ref:refs/heads/main",
    "diff": f"repo:{REPOSITORY}:pull_request",
}
CLOUD = [name for name in STAGES if name != "local"]


def synthesise(folder: Path, settings: DeliverySettings, stage: StageConfig | None = None) -> Json:
    """The stack alone, with cdk-nag, whose findings would fail this."""
    stage = stage or stage_config("staging")
    app = App(outdir=str(folder))
    environment = Environment(account=stage.account, region=stage.region)
    DeliveryStack(app, stage.stack("delivery"), stage=stage, settings=settings, env=environment)
    validate(app)
    template: Json = app.synth().get_stack_by_name(stage.stack("delivery")).template
    return template


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Json:
    return synthesise(tmp_path_factory.mktemp("delivery"), DeliverySettings(repository=REPOSITORY))


def of_type(template: Json, kind: str) -> dict[str, Json]:
    return {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == kind}


def role(template: Json, name: str) -> tuple[str, Json]:
    """A role with its logical id."""
    wanted = f"cyberbullying_staging_{name}"
    return next(item for item in of_type(template, "AWS::IAM::Role").items() if item[1]["RoleName"] == wanted)


def statements(template: Json, name: str) -> dict[str, Json]:
    """What a role may do, by the statements' names."""
    logical_id, _ = role(template, name)
    return {
        statement["Sid"]: statement
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if {"Ref": logical_id} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    }


def flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return f"<{value['Ref']}>"
    return "".join(flat(part) for part in value["Fn::Join"][1])


def resources(statement: Json) -> list[str]:
    found = statement["Resource"]
    return [flat(item) for item in (found if isinstance(found, list) else [found])]


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_a_role_trusts_one_kind_of_run_of_one_repository(template: Json, name: str) -> None:
    _, properties = role(template, name)
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    (provider,) = of_type(template, "AWS::IAM::OIDCProvider")
    assert trust["Principal"] == {"Federated": {"Ref": provider}}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": SUBJECTS[name],
        }
    }


def test_there_are_no_other_roles_and_no_keys(template: Json) -> None:
    assert len(of_type(template, "AWS::IAM::Role")) == len(SUBJECTS)
    assert not [item for item in template["Resources"].values() if item["Type"].endswith(("User", "AccessKey"))]
    assert not [
        properties for properties in of_type(template, "AWS::IAM::Role").values() if "ManagedPolicyArns" in properties
    ]


def test_the_provider_takes_tokens_for_aws_alone(template: Json) -> None:
    (provider,) = of_type(template, "AWS::IAM::OIDCProvider").values()
    assert provider["Url"] == "https://token.actions.githubusercontent.com"
    assert provider["ClientIdList"] == ["sts.amazonaws.com"]


def test_code_that_nobody_has_reviewed_reads_templates_and_nothing_else(template: Json) -> None:
    (statement,) = statements(template, "diff").values()
    assert statement["Action"] == ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"]
    assert resources(statement) == [
        "arn:<AWS::Partition>:cloudformation:us-east-1:<AWS::AccountId>:stack/cyberbullying-staging-*/*"
    ]


def test_looking_for_drift_takes_the_role_that_only_reads(template: Json) -> None:
    (statement,) = statements(template, "drift").values()
    assert statement["Action"] == "sts:AssumeRole"
    assert [found.split(":role/")[1] for found in resources(statement)] == [
        "cdk-hnb659fds-lookup-role-<AWS::AccountId>-us-east-1"
    ]


def test_deploying_takes_the_roles_of_the_bootstrap_but_not_that_which_can_do_everything(template: Json) -> None:
    statement = statements(template, "deploy")["TakeBootstrapRoles"]
    names = [found.split(":role/")[1] for found in resources(statement)]
    assert names == [
        f"cdk-hnb659fds-{role}-role-<AWS::AccountId>-us-east-1" for role in ("deploy", "file-publishing", "lookup")
    ]


def test_deploying_pushes_to_the_repositories_of_its_stage_alone(template: Json) -> None:
    statement = statements(template, "deploy")["PushImages"]
    names = {found.split(":repository/")[1] for found in resources(statement)}
    assert names == {
        f"cyberbullying/staging/{image}" for image in ("lambdas", "training", "mlflow", "monitoring", "ingest")
    }
    assert "ecr:PutImage" in statement["Action"]
    assert not [action for action in statement["Action"] if "Delete" in action or "*" in action]


def test_a_canary_may_take_nothing_out_of_the_ledger_but_itself(template: Json) -> None:
    statement = statements(template, "deploy")["ForgetCanary"]
    assert statement["Action"] == "dynamodb:DeleteItem"
    assert [found.rpartition(":")[2] for found in resources(statement)] == ["table/cyberbullying_staging_warnings"]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [CANARY_KEYS]}}
    assert fnmatchcase(f"{MARK}-0b9f#default-1", CANARY_KEYS)
    assert not fnmatchcase("1801#default-1", CANARY_KEYS)


def test_the_stage_s_key_is_used_through_its_streams_and_table_only(template: Json) -> None:
    conditions = statements(template, "deploy")["UseStageKey"]["Condition"]
    assert conditions["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/cyberbullying-staging-streams"}
    assert conditions["StringEquals"]["kms:ViaService"] == [
        "kinesis.us-east-1.amazonaws.com",
        "dynamodb.us-east-1.amazonaws.com",
    ]


def test_no_action_has_a_wildcard_and_few_resources_are_one(template: Json) -> None:
    everything = {sid: statement for name in SUBJECTS for sid, statement in statements(template, name).items()}
    assert "*" not in json.dumps([statement["Action"] for statement in everything.values()])
    assert {sid for sid, statement in everything.items() if "*" in resources(statement)} == {
        "LogInToRegistry",
        "ReadMetrics",
    }


def test_stages_that_share_an_account_share_the_provider(tmp_path: Path) -> None:
    found = synthesise(tmp_path, DeliverySettings(repository=REPOSITORY, makes_provider=False))
    assert not of_type(found, "AWS::IAM::OIDCProvider")
    _, properties = role(found, "deploy")
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert flat(trust["Principal"]["Federated"]) == (
        "arn:<AWS::Partition>:iam::<AWS::AccountId>:oidc-provider/token.actions.githubusercontent.com"
    )


def test_another_account_and_branch_are_values(tmp_path: Path) -> None:
    stage = replace(stage_config("staging"), account="123456789012")
    found = synthesise(tmp_path, DeliverySettings(repository="octo-org/octo-repo", branch="release/1"), stage)
    _, properties = role(found, "drift")
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:octo-org/octo-repo:ref:refs/heads/release/1"


@pytest.mark.parametrize("repository", ["*", "octo-org/*", "octo-org", "octo-org/repo:environment:prod", "", "a/b/c"])
def test_a_repository_that_is_none_or_many_is_refused(repository: str) -> None:
    with pytest.raises(StageError, match="not a repository"):
        DeliverySettings(repository=repository)


@pytest.mark.parametrize("branch", ["*", "release/*", "", "main:x"])
def test_a_branch_that_is_none_or_many_is_refused(branch: str) -> None:
    with pytest.raises(StageError, match="not a branch"):
        DeliverySettings(branch=branch)


def warnings(folder: Path) -> list[str]:
    """What the CDK's command line says of the stack when it is synthesised."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (artifact,) = (item for item in manifest["artifacts"].values() if item["type"] == "aws:cloudformation:stack")
    metadata = artifact.get("metadata", {})
    if "additionalMetadataFile" in artifact:
        metadata |= json.loads((folder / artifact["additionalMetadataFile"]).read_text())
    return [entry["data"] for entries in metadata.values() for entry in entries if entry["type"] == "aws:cdk:warning"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [(DeliverySettings(), True), (DeliverySettings(repository=REPOSITORY), False)],
    ids=["placeholder", "named"],
)
def test_synthesis_says_that_nobody_is_let_in(settings: DeliverySettings, said: bool, tmp_path: Path) -> None:
    template = synthesise(tmp_path, settings)
    assert any("Set REPOSITORY in cdk_app/settings.py" in warning for warning in warnings(tmp_path)) == said
    assert template["Outputs"]["Repository"]["Value"] == settings.repository


@pytest.mark.parametrize("repository", ["a@0/b@1", "a@1/b@0", "a/b@0"])
def test_half_a_placeholder_is_one_still(repository: str) -> None:
    assert DeliverySettings(repository=repository).lets_nobody_in
    assert not DeliverySettings(repository="octo-org/repo10").lets_nobody_in


def test_until_a_repository_is_set_nobody_is_let_in() -> None:
    assert DeliverySettings().lets_nobody_in
    assert "@0/" in DeliverySettings().repository
    assert DeliverySettings().repository.endswith("@0")


@pytest.mark.parametrize("name", CLOUD)
def test_every_stage_in_the_cloud_can_be_delivered(name: str) -> None:
    assert stage_config(name).delivery is not None


def test_the_local_stage_is_delivered_by_nobody() -> None:
    assert stage_config("local").delivery is None
