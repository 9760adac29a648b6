"""Every stage synthesises, offline, without credentials or Docker, and what linters and cdk-nag find fails it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from cdk_app.context import app_settings
from cdk_app.images import ROOT
from cdk_app.validations import validate
from tests.infrastructure.templates import STAGES, Json, SynthesisError, assembly, definition, resources, synthesise

REDUNDANT_DEPENDENCY = "W3005"
"""The CDK writes dependencies out that a reference implies already."""


@pytest.mark.parametrize("stage", STAGES)
def test_stage_synthesises_without_findings(stage: str, templates_of: Callable[[str], dict[str, Json]]) -> None:
    assert {"storage", "streaming", "tracking", "training"} <= templates_of(stage).keys()


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_left_to_be_looked_up(stage: str, session_folder: Path) -> None:
    manifest = json.loads((assembly(stage, session_folder) / "manifest.json").read_text())
    assert manifest.get("missing", []) == []
    assert "dockerImages" not in json.dumps(manifest)
    for assets in assembly(stage, session_folder).glob("*.assets.json"):
        assert json.loads(assets.read_text())["dockerImages"] == {}


def test_cfn_lint_finds_nothing(session_folder: Path) -> None:
    paths = [str(path) for stage in STAGES for path in assembly(stage, session_folder).glob("*.template.json")]
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--ignore-checks", REDUNDANT_DEPENDENCY, "--", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage in ("local", "dev", "prod") for name in
                                             ("retrain", "mlflow_address")])  # fmt: skip
def test_statelint_finds_nothing(
    stage: str, name: str, templates_of: Callable[[str], dict[str, Json]], tmp_path: Path
) -> None:
    assert statelint(definition(templates_of(stage), name)[0], tmp_path) == ""


def test_statelint_would_find_something(tmp_path: Path) -> None:
    broken = {"StartAt": "Nowhere", "States": {"Here": {"Type": "Pass", "End": True}}}
    assert "Nowhere" in statelint(broken, tmp_path)


def statelint(machine: Json, folder: Path) -> str:
    """What statelint prints. Its exit code says nothing."""
    file = folder / "definition.json"
    file.write_text(json.dumps(machine))
    command = [str(Path(sys.executable).parent / "statelint"), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_a_finding_of_cdk_nag_fails_synthesis(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    s3.Bucket(cdk.Stack(app, "stack"), "OpenBucket")
    validate(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


@pytest.mark.parametrize("stage", STAGES)
def test_every_suppression_has_its_reason(stage: str, templates_of: Callable[[str], dict[str, Json]]) -> None:
    for name, resource in resources(templates_of(stage)):
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", []):
            assert len(rule["reason"]) > 30, name


def test_an_unknown_stage_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        SynthesisError, match=r"exit code 2\n(?s:.*)there is no stage 'production'; there are local, dev"
    ):
        synthesise("production", tmp_path)


def test_context_comes_from_the_command_line_of_the_cdk() -> None:
    assert app_settings([], {"CDK_CONTEXT_JSON": '{"stage": "prod"}'}) == {}


def test_context_by_itself_is_that_of_cdk_json_and_then_the_arguments() -> None:
    by_itself = app_settings([], {})
    assert by_itself["context"]["stage"] == json.loads((ROOT / "cdk.json").read_text())["context"]["stage"]
    assert by_itself["outdir"] == str(ROOT / "cdk.out" / by_itself["context"]["stage"])
    chosen = app_settings(["-c", "stage=prod", "--context", "a=b"], {"CDK_OUTDIR": "/elsewhere"})
    assert chosen == {"context": by_itself["context"] | {"stage": "prod", "a": "b"}}


def test_every_feature_flag_of_the_cdk_is_decided() -> None:
    recommended = json.loads(
        (ROOT / "node_modules/aws-cdk/lib/init-templates/.recommended-feature-flags.json").read_text()
    )
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert set(context) - {"stage"} == set(recommended), "after an update, decide about new flags in cdk.json"
    assert {flag for flag in recommended if context[flag] != recommended[flag]} == {
        "@aws-cdk/core:enablePartitionLiterals",  # policies stay right in every partition
        "@aws-cdk/core:defaultCrossStackReferences",  # a stack that another needs cannot be destroyed before it
        "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup",  # takes a function of its own; nothing is in that group
    }


def test_context_that_is_no_pair_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app_settings(["-c", "prod"], {})
    assert "'prod' is not of the form KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("stage", STAGES)
def test_every_resource_that_can_be_tagged_has_its_tags(
    stage: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    for name, resource in resources(templates_of(stage), "AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::EC2::VPC"):
        tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
        assert tags["project"] == "cyberbullying", name
        assert tags["stage"] == stage, name
