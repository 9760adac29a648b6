"""Stages as values: names carry the stage, and values that cannot hold together are refused when they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdk_app.settings import (
    FunctionSettings,
    JobLauncher,
    StageError,
    StreamSettings,
    TrackingSettings,
    TrainingSettings,
)
from cdk_app.stages import StageConfig, stage_config
from tests.infrastructure.templates import STAGES


def test_an_unknown_stage_is_refused_with_those_there_are() -> None:
    with pytest.raises(StageError, match="there is no stage 'test'; there are local, dev, staging, prod"):
        stage_config("test")


@pytest.mark.parametrize("name", STAGES)
def test_every_name_carries_the_stage(name: str) -> None:
    stage = stage_config(name)
    names = {
        stage.physical("classify"),
        stage.bucket("data", account="000000000000"),
        stage.stack("storage"),
        stage.repository("lambdas"),
        stage.champion_parameter,
        stage.event_bus,
        stage.event_source,
        stage.experiment,
        stage.secret("mlflow"),
        stage.mlflow_host,
        stage.jobs_queue,
    }
    assert all(name in found for found in names)
    assert all(len(stage.bucket(thing, account="0" * 12)) <= 63 for thing in ("failed-records", "artefacts"))


def test_function_names_are_names_of_environment_variables() -> None:
    assert all(stage_config(name).physical("classify").isidentifier() for name in STAGES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"retention_hours": 12}, "24 to 8,760"),
        ({"parallelization": 11}, "1 to 10"),
        ({"batch_size": 0}, "1 to 10,000"),
        ({"max_record_age_seconds": 24 * 3600}, "would leave the stream"),
    ],
)
def test_stream_settings_that_would_be_refused_or_lose_records(values: dict[str, Any], message: str) -> None:
    with pytest.raises(StageError, match=message):
        StreamSettings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"interface_endpoints": ("ssm",)}, "lacks secretsmanager"),
        ({"private": True}, "lacks ecr.api, ecr.dkr, logs, ssmmessages"),
        ({"endpoint_zones": 3}, "endpoint_zones is 3"),
        ({"database_multi_az": True, "database_backup_days": 0}, "needs backups"),
    ],
)
def test_a_network_in_which_something_could_not_be_reached(values: dict[str, Any], message: str) -> None:
    with pytest.raises(StageError, match=message):
        TrackingSettings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"keep_data": True, "empty_buckets_on_destroy": True}, "kept and deleted at once"),
        ({"training": TrainingSettings(launcher=JobLauncher.LOCAL_QUEUE)}, "nothing serves the queue"),
        (
            {
                "streams": StreamSettings(shards=8, parallelization=4),
                "classify": FunctionSettings(memory_mb=512, timeout_seconds=60, concurrency=20),
            },
            "20 concurrent invocations cannot keep up with 32",
        ),
    ],
)
def test_values_that_contradict_each_other(values: dict[str, Any], message: str) -> None:
    with pytest.raises(StageError, match=message):
        StageConfig(name="x", **values)


def test_one_value_is_enough_for_another_region_account_or_address() -> None:
    stage = replace(stage_config("prod"), region="eu-west-1", account="123456789012", alarm_email="a@example.org")
    assert stage.bucket("data", account="123456789012") == "cyberbullying-prod-data-123456789012-eu-west-1"
