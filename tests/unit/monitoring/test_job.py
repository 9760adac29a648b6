from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from moderation.champion import ChampionPointer, write_pointer
from moderation.errors import BadArtefactError
from monitoring import __main__ as command
from monitoring import metric_names as names
from monitoring.job import Clients, base_folder, leave_failure, run
from monitoring.metric_names import METRICS, SERVICE
from monitoring.publisher import publish
from monitoring.report import Value
from monitoring.settings import Settings, SettingsError, read_settings
from tests.fakes.monitoring import FakeCloudWatch, FakeS3, FakeSsm, archived, error, tweet_line, verdict_line

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
INSIDE = END - timedelta(minutes=30)
SETTINGS = Settings(stage="test", archive_bucket="data", champion_parameter="/champion")
POINTER = write_pointer(ChampionPointer(version="7", location="s3://artefacts/models/7", sha256="0" * 64))


def clients(objects: Mapping[str, bytes], pointer: str = POINTER, *, denied: bool = False) -> Clients:
    s3, ssm, cloudwatch = FakeS3(objects, denied=denied), FakeSsm(pointer), FakeCloudWatch()
    return Clients(cast("Any", s3), cast("Any", ssm), cast("Any", cloudwatch))


def published(given: Clients) -> dict[str, float]:
    return {datum["MetricName"]: datum["Value"] for datum in cast("FakeCloudWatch", given.cloudwatch).data}


def archive() -> dict[str, bytes]:
    records = {"verdicts": [(INSIDE, verdict_line("1", INSIDE))], "tweets": [(INSIDE, tweet_line("1", "a secret"))]}
    return {f"data/archive/{key}": body for key, body in archived(records).items()}


def test_without_a_champion_the_report_says_that_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    given = clients(archive(), "none")
    report = run(SETTINGS, given, tmp_path, now=END)
    assert "no reference" in report.missing[0]
    numbers = published(given)
    assert numbers["VerdictsInWindow"] == 1
    assert numbers["ReferenceVerdicts"] == 0
    assert "TextDrift" not in numbers
    assert "ChampionVersion" not in numbers
    for folder in ("report", "latest"):
        assert "Not enough data" in (tmp_path / "processing/output" / folder / "report.html").read_text()
    message = json.loads((tmp_path / "output/message").read_text())
    assert message["verdicts"] == 1
    assert message["drifted_share"] is None


def test_a_champion_without_a_reference_is_not_a_failure(tmp_path: Path) -> None:
    given = clients(archive())
    assert run(SETTINGS, given, tmp_path, now=END).reference is None
    assert published(given)["ChampionVersion"] == 7


def test_a_reference_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(type(error("", "")), match="AccessDenied"):
        run(SETTINGS, clients({}, denied=True), tmp_path, now=END)


def test_a_damaged_reference_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(BadArtefactError):
        run(SETTINGS, clients({"artefacts/models/7/reference.jsonl.gz": b"{}"}), tmp_path, now=END)


def test_nothing_that_a_tweet_says_is_logged_or_published(tmp_path: Path) -> None:
    given, said = clients(archive(), "none"), list[str]()
    run(SETTINGS, given, tmp_path, now=END, progress=said.append)
    assert said
    assert "secret" not in " ".join(said) + str(cast("FakeCloudWatch", given.cloudwatch).data)


def test_numbers_carry_their_units_and_dimensions() -> None:
    cloudwatch = FakeCloudWatch()
    values = [Value(names.VERDICTS_IN_WINDOW, 5.0), Value(names.CLASS_SHARE, 0.5, "age")]
    assert publish(cast("Any", cloudwatch), "test", END, values) == 2
    total, share = cloudwatch.data
    stage = [{"Name": "service", "Value": SERVICE}, {"Name": "stage", "Value": "test"}]
    assert total == {
        "MetricName": "VerdictsInWindow",
        "Dimensions": stage,
        "Timestamp": END,
        "Value": 5.0,
        "Unit": "Count",
    }
    assert share["Dimensions"] == [*stage, {"Name": "class", "Value": "age"}]


def test_what_is_not_a_number_is_left_out_and_much_is_split() -> None:
    cloudwatch = FakeCloudWatch()
    values = [Value(names.ACCURACY, float("nan")), *[Value(names.ACCURACY, 0.5)] * 1001]
    assert publish(cast("Any", cloudwatch), "test", END, values) == 1001
    assert [len(request) for request in cloudwatch.requests] == [1000, 1]


def test_a_metric_with_a_further_dimension_needs_its_value() -> None:
    with pytest.raises(ValueError, match="ClassShare"):
        publish(cast("Any", FakeCloudWatch()), "test", END, [Value(names.CLASS_SHARE, 0.5)])


def test_metrics_have_unique_names_and_findings_lie_on_their_worse_side() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert names.TEXT_DRIFT.beyond(names.TEXT_DRIFT.threshold or 0.0)
    assert not names.TEXT_DRIFT.beyond(0.5)
    assert not names.ACCURACY.beyond(0.0)
    assert names.Metric("m", "None", "", 0.8, worse="below").beyond(0.7)


def test_settings_are_read_from_the_environment() -> None:
    environment = {
        "STAGE": "dev",
        "ARCHIVE_BUCKET": "b",
        "CHAMPION_PARAMETER": "/c",
        "WINDOW_HOURS": "0.5",
        "LABELS_PREFIX": "",
    }
    settings = read_settings(environment)
    assert (settings.window_hours, settings.labels_prefix, settings.minimum_verdicts) == (0.5, "labels/", 500)


@pytest.mark.parametrize(
    "wrong", [{"STAGE": ""}, {"WINDOW_HOURS": "-1"}, {"WINDOW_HOURS": "a day"}, {"MINIMUM_VERDICTS": "1"}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_settings({"STAGE": "dev", "ARCHIVE_BUCKET": "b", "CHAMPION_PARAMETER": "/c"} | wrong)


NEEDED = {"STAGE": "dev", "ARCHIVE_BUCKET": "b", "CHAMPION_PARAMETER": "/c"}


@pytest.mark.parametrize(
    ("given", "end", "hours"),
    [
        ({"WINDOW_START": "", "WINDOW_END": ""}, END, 24.0),
        ({"WINDOW_START": "2026-11-23T09:30:00Z"}, END, 0.5),
        ({"WINDOW_END": "2026-11-22T10:00:00"}, END - timedelta(days=1), 24.0),
        ({"WINDOW_START": "2026-11-21T10:00:00Z", "WINDOW_END": "2026-11-22T10:00:00Z"}, END - timedelta(days=1), 24.0),
    ],
)
def test_whoever_starts_it_by_hand_may_name_the_window(given: dict[str, str], end: datetime, hours: float) -> None:
    assert read_settings(NEEDED | given).window(END) == (end, hours)


@pytest.mark.parametrize("start", ["2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z", "2026-10-01T00:00:00Z"])
def test_a_window_that_makes_no_sense_is_refused(start: str) -> None:
    with pytest.raises(SettingsError, match="window_start"):
        read_settings(NEEDED | {"WINDOW_START": start}).window(END)


def test_only_the_named_window_is_compared(tmp_path: Path) -> None:
    given = clients(archive(), "none")
    early = msgspec.structs.replace(SETTINGS, window_start=END - timedelta(minutes=10))
    assert run(early, given, tmp_path, now=END).current.verdicts == 0


def test_the_folder_is_sagemakers_unless_told_otherwise() -> None:
    assert base_folder({}) == Path("/opt/ml")
    assert base_folder({"SAGEMAKER_BASE_DIR": "/x"}) == Path("/x")


def test_a_failure_leaves_its_reason_where_it_is_looked_for(tmp_path: Path) -> None:
    leave_failure(tmp_path, "x" * 5000)
    assert len((tmp_path / "output/failure").read_text()) == 1024


def test_the_job_without_its_settings_says_which_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("STAGE", "ARCHIVE_BUCKET", "CHAMPION_PARAMETER"):
        monkeypatch.delenv(name, raising=False)
    assert command.main(["run"]) == 2
    assert "stage" in (tmp_path / "output/failure").read_text()


def test_the_job_that_cannot_reach_aws_leaves_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "SAGEMAKER_BASE_DIR": str(tmp_path), "STAGE": "test", "ARCHIVE_BUCKET": "b", "CHAMPION_PARAMETER": "/c",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert command.main(["run"]) == 1
    assert "EndpointConnectionError" in (tmp_path / "output/failure").read_text()
