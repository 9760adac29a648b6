"""The monitoring stack: what it archives, when it reports, what it does about drift, and who may do it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, assertions

from cdk_app.composition import compose
from cdk_app.images import MONITORING, ROOT
from cdk_app.settings import GrafanaSettings, MonitoringSettings, StageError
from cdk_app.stages import StageConfig, stage_config
from ingest import metric_names as tweet_sources
from lambdas.common import metric_names as functions
from monitoring import metric_names as watched
from monitoring.archive import partition
from monitoring.dashboards.model_board import ARCHIVE_LIMIT
from monitoring.dashboards.sources import AWS_METRICS
from monitoring.settings import Settings
from stacks.constructs import drift_response, stream_archive
from stacks.constructs.managed_grafana import native_dashboard

ALARMED_ONLY = {
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"): "is told by mapping, whose id no dashboard can know",
}
"""Metrics of AWS that have an alarm and no panel, with the reason."""

Templates = dict[str, dict[str, Any]]


def synthesise(stage: StageConfig, folder: Path) -> Templates:
    app = App(outdir=str(folder))
    compose(app, stage)
    assembly = app.synth()
    return {stack.stack_name.removeprefix(f"cyberbullying-{stage.name}-"): stack.template for stack in assembly.stacks}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise(stage_config("local"), tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    stage = stage_config("prod")
    monitoring = replace(stage.monitoring, grafana=GrafanaSettings())
    return synthesise(replace(stage, monitoring=monitoring), tmp_path_factory.mktemp("prod"))


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def flat(value: Any) -> str:
    """A value with its references put in as their names."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(flat(part) for part in parts)
    if "Ref" in value:
        return str(value["Ref"])
    return "-".join(str(part) for part in next(iter(value.values())))


def definition(templates: Templates, name: str) -> dict[str, Any]:
    machines = of_type(templates["monitoring"], "AWS::StepFunctions::StateMachine")
    machine = next(machine for machine in machines if machine["StateMachineName"].endswith(name))
    found: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    return found


def request_of(templates: Templates) -> dict[str, Any]:
    arguments = definition(templates, "drift_report")["States"]["Make the report"]["Arguments"]
    found: dict[str, Any] = arguments["MessageBody"]["request"] if "MessageBody" in arguments else arguments
    return found


def test_firehose_writes_what_the_reader_reads(prod: Templates) -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=UTC)
    written = set()
    for stream in of_type(prod["monitoring"], "AWS::KinesisFirehose::DeliveryStream"):
        destination = stream["ExtendedS3DestinationConfiguration"]
        prefix = destination["Prefix"].replace("!{timestamp:yyyy-MM-dd}", "2026-11-23").replace("!{timestamp:HH}", "09")
        written.add(prefix)
        assert destination["CompressionFormat"] == "GZIP"
        processors = destination["ProcessingConfiguration"]["Processors"]
        assert [processor["Type"] for processor in processors] == ["AppendDelimiterToRecord"]
        assert destination["ErrorOutputPrefix"].startswith("undelivered/")
    root = request_of(prod)["Environment"]["ARCHIVE_PREFIX"]
    assert written == {f"{root}{partition(stream, moment)}" for stream in ("tweet_events", "tweet_classification")}


def test_the_archive_is_kept_as_long_as_the_stage_says(prod: Templates) -> None:
    buckets = of_type(prod["storage"], "AWS::S3::Bucket")
    archive = next(bucket for bucket in buckets if "-archive-" in flat(bucket["BucketName"]))
    rules = {rule["Id"]: rule for rule in archive["LifecycleConfiguration"]["Rules"]}
    assert rules["archive"]["ExpirationInDays"] == stage_config("prod").monitoring.archive_days
    assert rules["archive"]["Prefix"] == "archive/"
    assert not any(rule.get("Prefix", "").startswith("labels") for rule in rules.values())


@pytest.mark.parametrize("stage", ["local", "prod"])
def test_the_job_is_told_what_its_settings_ask_for(stage: str, request: pytest.FixtureRequest) -> None:
    environment = request_of(request.getfixturevalue(stage))["Environment"]
    asked = {name.upper() for name in Settings.__struct_fields__}
    assert set(environment) - {"AWS_DEFAULT_REGION"} == asked
    assert all(len(value) <= 256 for value in environment.values())


def test_the_job_is_the_same_whoever_runs_it(local: Templates, prod: Templates) -> None:
    ours, theirs = request_of(local), request_of(prod)
    assert set(ours) == set(theirs)
    assert ours["AppSpecification"]["ContainerEntrypoint"] == theirs["AppSpecification"]["ContainerEntrypoint"]
    assert [item["OutputName"] for item in ours["ProcessingOutputConfig"]["Outputs"]] == ["report", "latest"]
    states = [definition(templates, "drift_report")["States"] for templates in (local, prod)]
    assert set(states[0]) == set(states[1])
    differing = {
        key
        for key in set(states[0]["Make the report"]) | set(states[1]["Make the report"])
        if states[0]["Make the report"].get(key) != states[1]["Make the report"].get(key)
    }
    assert differing == {"Resource", "Arguments"}


def test_the_job_runs_the_image_of_its_sources(prod: Templates) -> None:
    assert request_of(prod)["AppSpecification"]["ImageUri"].endswith(f":{MONITORING.tag()}")
    assert (ROOT / MONITORING.folder / "Dockerfile").exists()


@pytest.mark.parametrize("stage", ["local", "prod"])
@pytest.mark.parametrize("name", ["drift_report", "drift_response"])
def test_every_state_leads_somewhere(stage: str, name: str, request: pytest.FixtureRequest) -> None:
    machine = definition(request.getfixturevalue(stage), name)
    states = machine["States"]
    reached = {machine["StartAt"]}
    for state in states.values():
        following = [state.get("Next"), state.get("Default")]
        following += [item["Next"] for item in (*state.get("Catch", ()), *state.get("Choices", ()))]
        reached |= {following_state for following_state in following if following_state}
        assert state.get("End") or state["Type"] in {"Succeed", "Fail", "Choice"} or state.get("Next")
    assert reached == set(states)


def alarms(templates: Templates) -> Iterator[dict[str, Any]]:
    for template in templates.values():
        yield from of_type(template, "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("stage", ["local", "prod"])
def test_every_alarm_is_on_a_metric_that_exists(stage: str, request: pytest.FixtureRequest) -> None:
    own = {metric.name for metric in functions.METRICS} | {metric.name for metric in watched.METRICS}
    own |= {metric.name for metric in tweet_sources.METRICS}
    for alarm in alarms(request.getfixturevalue(stage)):
        if "MetricName" not in alarm:  # metric math
            continue
        namespace, name = alarm["Namespace"], alarm["MetricName"]
        if namespace == functions.NAMESPACE:
            assert {item["Name"] for item in alarm["Dimensions"]} >= {"service", "stage"}, name
            assert name in own
        elif namespace in AWS_METRICS:
            assert name in AWS_METRICS[namespace] or (namespace, name) in ALARMED_ONLY


def test_alarms_of_the_report_have_the_thresholds_that_dashboards_draw(prod: Templates) -> None:
    by_name = {alarm["MetricName"]: alarm for alarm in alarms(prod) if alarm.get("MetricName")}
    for metric in (watched.DRIFTED_SHARE, watched.MACRO_F1_DROP):
        alarm = by_name[metric.name]
        assert alarm["Threshold"] == metric.threshold
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["TreatMissingData"] == "ignore", "between two reports the last finding holds"
    assert by_name["DeliveryToS3.DataFreshness"]["Threshold"] == ARCHIVE_LIMIT


def test_missing_data_is_an_alarm_of_its_own_where_traffic_is_expected(local: Templates, prod: Templates) -> None:
    found = [alarm for alarm in alarms(prod) if alarm.get("MetricName") == watched.VERDICTS_IN_WINDOW.name]
    assert [(alarm["TreatMissingData"], alarm["ComparisonOperator"]) for alarm in found] == [
        ("breaching", "LessThanThreshold")
    ]
    settings = stage_config("prod").monitoring
    assert found[0]["Threshold"] == settings.minimum_verdicts
    assert found[0]["Period"] == settings.schedule_hours * 3600
    assert not [alarm for alarm in alarms(local) if alarm.get("MetricName") == watched.VERDICTS_IN_WINDOW.name]


def test_the_composite_asks_for_both_alarms_and_its_change_starts_the_response(prod: Templates) -> None:
    (composite,) = of_type(prod["monitoring"], "AWS::CloudWatch::CompositeAlarm")
    assert re.fullmatch(r"\(ALARM\(.+\) AND ALARM\(.+\)\)", flat(composite["AlarmRule"]))
    (rule,) = of_type(prod["monitoring"], "AWS::Events::Rule")
    assert rule["EventPattern"]["detail"] == {"alarmName": [composite["AlarmName"]], "state": {"value": ["ALARM"]}}


def test_where_there_is_no_composite_both_alarms_start_the_response(local: Templates) -> None:
    assert not of_type(local["monitoring"], "AWS::CloudWatch::CompositeAlarm")
    assert not of_type(local["monitoring"], "AWS::Grafana::Workspace")
    (rule,) = of_type(local["monitoring"], "AWS::Events::Rule")
    raising = set(rule["EventPattern"]["detail"]["alarmName"])
    assert raising == {"cyberbullying_local_champion_drift", "cyberbullying_local_champion_performance"}
    assert raising <= {alarm["AlarmName"] for alarm in alarms(local)}


def test_the_response_looks_at_alarms_that_exist_and_starts_the_retrain_that_exists(prod: Templates) -> None:
    states = definition(prod, "drift_response")["States"]
    assert set(states["Look at the alarms"]["Arguments"]["AlarmNames"]) <= {
        alarm["AlarmName"] for alarm in alarms(prod)
    }
    (retrain,) = of_type(prod["training"], "AWS::StepFunctions::StateMachine")
    machine = states["Start a retraining"]["Arguments"]["StateMachineArn"]
    assert machine.endswith(f":stateMachine:{retrain['StateMachineName']}")


def test_drift_that_outlives_the_cooldown_is_looked_at_again(prod: Templates) -> None:
    targets = [flat(item["Target"]["Arn"]) for item in of_type(prod["monitoring"], "AWS::Scheduler::Schedule")]
    assert len(targets) == 2
    assert any("DriftResponse" in target for target in targets)


def test_grafana_may_read_and_nothing_else(prod: Templates) -> None:
    policies = of_type(prod["monitoring"], "AWS::IAM::Policy")
    grafana = next(policy for policy in policies if policy["PolicyName"].startswith("GrafanaRole"))
    actions = [action for item in grafana["PolicyDocument"]["Statement"] for action in item["Action"]]
    assert actions
    assert all(re.match(r"[a-z0-9]+:(Describe|Get|List)", action) for action in actions)


def test_every_alarm_of_the_stack_has_its_page(prod: Templates) -> None:
    described = [alarm["AlarmDescription"] for alarm in of_type(prod["monitoring"], "AWS::CloudWatch::Alarm")]
    described += [item["AlarmDescription"] for item in of_type(prod["monitoring"], "AWS::CloudWatch::CompositeAlarm")]
    states = json.dumps([definition(prod, name) for name in ("drift_report", "drift_response")])
    pages = re.findall(r"docs/runbooks/[\w-]+\.md", "\n".join((*described, states)))
    assert len(pages) >= len(described)
    for page in pages:
        assert (ROOT / page).exists(), page


def test_the_native_dashboard_is_the_stages_own(prod: Templates) -> None:
    (dashboard,) = of_type(prod["monitoring"], "AWS::CloudWatch::Dashboard")
    body = flat(dashboard["DashboardBody"])
    assert "{{" not in body
    assert "cyberbullying_prod_classify" in body
    json.loads(body)


def test_a_placeholder_without_a_value_fails_the_synthesis() -> None:
    with pytest.raises(ValueError, match="placeholder"):
        native_dashboard('{"a": "{{unknown}}"}', {"stage": "dev"})


@pytest.mark.parametrize("wrong", [{"archive_days": 3}, {"label_hours": 12.0}])
def test_values_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StageError):
        MonitoringSettings(**wrong)


def test_grafana_signs_people_in_as_it_can() -> None:
    with pytest.raises(StageError):
        GrafanaSettings(authentication="password")


def test_reasons_fit_into_a_jobs_environment() -> None:
    assert drift_response.MAX_REASON <= 256


def test_nothing_of_a_tweet_is_in_the_logs_of_state_machines(prod: Templates) -> None:
    template = assertions.Template.from_json(prod["monitoring"])
    template.all_resources_properties(
        "AWS::StepFunctions::StateMachine",
        {
            "LoggingConfiguration": {"IncludeExecutionData": False, "Level": "ALL"},
            "TracingConfiguration": {"Enabled": True},
        },
    )


def test_the_folder_names_are_shared() -> None:
    assert Settings("s", "b", "c").archive_prefix.rstrip("/") == stream_archive.PREFIX
