"""What is stored is encrypted and private, what is kept is kept, what is destroyed is gone, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cdk_app.images import ROOT
from cdk_app.stages import stage_config
from stacks.constructs.alarms import KINDS
from tests.infrastructure.templates import STAGES, Json, flat, resources

Templates = Callable[[str], dict[str, Json]]
HOLDS_DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::KMS::Key", "AWS::Logs::LogGroup",
              "AWS::SecretsManager::Secret", "AWS::ECR::Repository")  # fmt: skip


KEEPING_STACKS = ("storage", "streaming", "tracking", "training")
ONLY_A_LOCK = {"monitoring/DriftResponseTurns7CB08B4D"}
"""Tables without anything that would be missed."""


@pytest.mark.parametrize("stage", STAGES)
def test_buckets_are_private_encrypted_and_tls_only(stage: str, templates_of: Templates) -> None:
    templates = templates_of(stage)
    policies = {flat(item["Properties"]["Bucket"]): item for _, item in resources(templates, "AWS::S3::BucketPolicy")}
    for name, bucket in resources(templates, "AWS::S3::Bucket"):
        properties = bucket["Properties"]
        assert all(properties["PublicAccessBlockConfiguration"].values()), name
        assert properties["BucketEncryption"], name
        assert properties["LifecycleConfiguration"]["Rules"], name
        policy = policies[f"${{{name.split('/')[1]}}}"]["Properties"]["PolicyDocument"]["Statement"]
        assert {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}.items() <= policy[0].items()


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_trained_on_and_what_is_served_can_be_had_back(stage: str, templates_of: Templates) -> None:
    versioned = {
        flat(bucket["Properties"]["BucketName"]).removeprefix(f"cyberbullying-{stage}-").split("-")[0]
        for _, bucket in resources(templates_of(stage), "AWS::S3::Bucket")
        if bucket["Properties"].get("VersioningConfiguration") == {"Status": "Enabled"}
    }
    assert versioned == {"data", "artefacts"}


@pytest.mark.parametrize("stage", STAGES)
def test_state_machines_are_traced_and_write_logs(stage: str, templates_of: Templates) -> None:
    machines = dict(resources(templates_of(stage), "AWS::StepFunctions::StateMachine"))
    assert machines
    for name, machine in machines.items():
        assert machine["Properties"]["TracingConfiguration"] == {"Enabled": True}, name
        assert machine["Properties"]["LoggingConfiguration"]["Level"] == "ALL", name


@pytest.mark.parametrize("stage", STAGES)
def test_streams_tables_topics_and_database_are_encrypted(stage: str, templates_of: Templates) -> None:
    templates = templates_of(stage)
    for name, stream in resources(templates, "AWS::Kinesis::Stream"):
        assert stream["Properties"]["StreamEncryption"]["EncryptionType"] == "KMS", name
    for name, table in resources(templates, "AWS::DynamoDB::Table"):
        assert table["Properties"]["SSESpecification"]["SSEEnabled"], name
        if name not in ONLY_A_LOCK:
            assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST", name
    for name, topic in resources(templates, "AWS::SNS::Topic"):
        assert topic["Properties"]["KmsMasterKeyId"], name
    for name, database in resources(templates, "AWS::RDS::DBInstance"):
        assert database["Properties"]["StorageEncrypted"], name
        assert database["Properties"]["PubliclyAccessible"] is False, name
    for name, key in resources(templates, "AWS::KMS::Key"):
        assert key["Properties"]["EnableKeyRotation"], name


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_comes_in_from_outside(stage: str, templates_of: Templates) -> None:
    for name, group in resources(templates_of(stage), "AWS::EC2::SecurityGroup"):
        for rule in group["Properties"].get("SecurityGroupIngress", []):
            assert rule.get("CidrIp") not in {"0.0.0.0/0"}, name
            assert "CidrIpv6" not in rule, name
    assert not list(resources(templates_of(stage), "AWS::EC2::SecurityGroupIngress", "AWS::EC2::NatGateway"))


@pytest.mark.parametrize("stage", STAGES)
def test_the_server_is_reached_by_jobs_and_the_database_by_the_server_alone(
    stage: str, templates_of: Templates
) -> None:
    sources = {
        name.split("/")[1][:-8]: [
            (rule["FromPort"], flat(rule.get("SourceSecurityGroupId", rule.get("CidrIp"))))
            for rule in group["Properties"].get("SecurityGroupIngress", [])
        ]
        for name, group in resources({"tracking": templates_of(stage)["tracking"]}, "AWS::EC2::SecurityGroup")
    }
    ((port, peer),) = sources["NetworkServer"]
    assert port == 5000
    assert peer.startswith("${NetworkJobs")
    ((port, peer),) = sources["NetworkDatabase"]
    assert port == 5432
    assert peer.startswith("${NetworkServer")
    assert sources["NetworkJobs"] == []


@pytest.mark.parametrize("stage", STAGES)
def test_the_instance_takes_imds_version_two_alone_and_encrypts_its_disk(stage: str, templates_of: Templates) -> None:
    ((_, template),) = resources(templates_of(stage), "AWS::EC2::LaunchTemplate")
    data = template["Properties"]["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    ((_, group),) = resources(templates_of(stage), "AWS::AutoScaling::AutoScalingGroup")
    assert (group["Properties"]["MinSize"], group["Properties"]["MaxSize"]) == ("1", "1")


@pytest.mark.parametrize("stage", STAGES)
def test_every_log_is_kept_for_the_stages_time(stage: str, templates_of: Templates) -> None:
    groups = dict(resources(templates_of(stage), "AWS::Logs::LogGroup"))
    assert groups
    for name, group in groups.items():
        assert group["Properties"]["RetentionInDays"] == stage_config(stage).log_retention_days, name


@pytest.mark.parametrize("stage", STAGES)
def test_no_function_makes_a_log_group_of_its_own(stage: str, templates_of: Templates) -> None:
    for name, function in resources(templates_of(stage), "AWS::Lambda::Function"):
        assert function["Properties"]["LoggingConfig"]["LogGroup"], name


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_destroying_leaves_nothing(stage: str, templates_of: Templates) -> None:
    kept = [
        name
        for name, item in resources(templates_of(stage))
        if item.get("DeletionPolicy", "Delete") != "Delete"
        # A stream of a log group goes with its group.
        and item["Type"] != "AWS::Logs::LogStream"
    ]
    assert kept == []
    for name, repository in resources(templates_of(stage), "AWS::ECR::Repository"):
        assert repository["Properties"]["EmptyOnDelete"], name
    for _, database in resources(templates_of(stage), "AWS::RDS::DBInstance"):
        assert database["Properties"]["DeleteAutomatedBackups"]
        assert not database["Properties"]["DeletionProtection"]


def test_dev_empties_every_bucket(templates_of: Templates) -> None:
    templates = templates_of("dev")
    buckets = [name for name, _ in resources(templates, "AWS::S3::Bucket")]
    assert len(list(resources(templates, "Custom::S3AutoDeleteObjects"))) == len(buckets) > 0


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_what_holds_data_outlives_its_stack(stage: str, templates_of: Templates) -> None:
    templates = {stack: template for stack, template in templates_of(stage).items() if stack in KEEPING_STACKS}
    for name, item in resources(templates, *HOLDS_DATA):
        assert item["DeletionPolicy"] == "Retain", name
    for _, database in resources(templates_of(stage), "AWS::RDS::DBInstance"):
        assert database["DeletionPolicy"] == "Snapshot"
        assert database["Properties"]["DeletionProtection"]


@pytest.mark.parametrize("stage", STAGES)
def test_images_are_immutable_scanned_and_thinned_out(stage: str, templates_of: Templates) -> None:
    for name, repository in resources(templates_of(stage), "AWS::ECR::Repository"):
        properties = repository["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE", name
        assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}, name
        assert properties["LifecyclePolicy"], name


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_tells_somebody_what_to_do(stage: str, templates_of: Templates) -> None:
    pages = {kind.runbook for kind in KINDS}
    seen = set()
    alarms = dict(resources(templates_of(stage), "AWS::CloudWatch::Alarm"))
    for name, alarm in alarms.items():
        description = alarm["Properties"]["AlarmDescription"]
        page = description.rpartition("Runbook: docs/runbooks/")[2].removesuffix(".md")
        assert (ROOT / "docs" / "runbooks" / f"{page}.md").exists() or page in pages, name
        assert alarm["Properties"]["AlarmActions"], name
        seen.add(page)
    assert {kind.runbook for kind in KINDS} <= seen


@pytest.mark.parametrize("stage", STAGES)
def test_both_consumers_have_the_alarms_of_a_consumer(stage: str, templates_of: Templates) -> None:
    names = {item["Properties"]["AlarmName"] for _, item in resources(templates_of(stage), "AWS::CloudWatch::Alarm")}
    for service in ("classify", "warn"):
        for kind in ("iterator_age", "errors", "throttles", "lost_batches", "records_given_up", "records_parked"):
            assert f"cyberbullying_{stage}_{service}_{kind}" in names
    for kind in ("classify_champion_rejected", "warn_warnings_held", "retrain_failed", "mlflow_unreachable"):
        assert f"cyberbullying_{stage}_{kind}" in names


@pytest.mark.parametrize("stage", STAGES)
def test_mappings_lose_nothing_and_block_nothing(stage: str, templates_of: Templates) -> None:
    settings = stage_config(stage).streams
    mappings = [
        (name, mapping)
        for name, mapping in resources(templates_of(stage), "AWS::Lambda::EventSourceMapping")
        if "Tweet" in flat(mapping["Properties"]["EventSourceArn"])
    ]
    assert len(mappings) == 2
    for _, mapping in mappings:
        properties: dict[str, Any] = mapping["Properties"]
        assert properties["StartingPosition"] == "TRIM_HORIZON"
        assert properties["BisectBatchOnFunctionError"] is True
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "failed-records" in flat(properties["DestinationConfig"]["OnFailure"]["Destination"])
        assert properties["MaximumRetryAttempts"] == settings.retry_attempts
        assert properties["MaximumRecordAgeInSeconds"] == settings.max_record_age_seconds
        assert properties["ParallelizationFactor"] == settings.parallelization
        assert properties["BatchSize"] == settings.batch_size
        assert properties["Enabled"] is settings.mappings_enabled


@pytest.mark.parametrize("stage", STAGES)
def test_the_first_instance_is_noticed_and_its_address_is_not_replaced(stage: str, templates_of: Templates) -> None:
    ((_, group),) = resources(templates_of(stage), "AWS::AutoScaling::AutoScalingGroup")
    ((entry, _),) = resources(templates_of(stage), "AWS::ServiceDiscovery::Instance")
    tracking = {"tracking": templates_of(stage)["tracking"]}
    ((rule, _),) = resources(tracking, "AWS::Events::Rule")
    assert {entry.split("/")[1], rule.split("/")[1]} <= set(group["DependsOn"])
