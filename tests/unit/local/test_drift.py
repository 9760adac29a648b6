"""The act of drift where something is missing: it says what, or goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from cdk_app.stages import stage_config
from local import drift, paths
from local.display import Steps
from local.errors import LocalError
from local.stage import LocalStage

NOTHING_MISSING = {"not_enough_data": [], "drifted_share": 0.2, "macro_f1_drop": 0.0}


class Fake:
    """Every service at once; nothing lies in a bucket unless it is put there."""

    def __init__(self, states: dict[str, str] | None = None, executions: list[dict[str, Any]] | None = None) -> None:
        self.states = states or {}
        self.executions = executions or []
        self.objects: dict[str, bytes] = {}

    def __getitem__(self, _service: str) -> Fake:
        return self

    def get_paginator(self, _name: str) -> Fake:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{}]

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket
        return {"Body": io.BytesIO(self.objects[Key])}

    def describe_alarms(self, *, AlarmNames: list[str]) -> dict[str, Any]:  # noqa: N803
        return {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": state, "StateReason": "why"}
                for name in AlarmNames
                for short, state in self.states.items()
                if name.endswith(short)
            ]
        }

    def start_execution(self, **_: Any) -> dict[str, str]:
        return {"executionArn": "report"}

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": self.executions}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return next(one for one in self.executions if one["executionArn"] == executionArn)

    def get_execution_history(self, **_: Any) -> dict[str, Any]:
        return {"events": []}


def stage(fake: Fake) -> LocalStage:
    config = stage_config("local")
    made = SimpleNamespace(
        clients=fake,
        config=config,
        supervisor=SimpleNamespace(pause=lambda _seconds: None),
        bucket=lambda thing: f"bucket-{thing}",
        machine=lambda thing: f"machine-{thing}",
        job_events=SimpleNamespace(empty=lambda: True),
    )
    return cast("LocalStage", made)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def steps(said: io.StringIO) -> Iterator[Steps]:
    with Steps(Console(file=said, width=200), live=False).showing() as shown:
        yield shown


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drift, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(drift, "_ARCHIVE_SECONDS", 0.05)
    monkeypatch.setattr(paths, "REPORT", tmp_path / "report")


def test_an_archive_that_stays_empty_is_named(steps: Steps) -> None:
    with pytest.raises(LocalError, match="the archive holds 0 of 5 verdicts"):
        drift._await_archive(stage(Fake()), datetime.now(UTC), 5, steps)


def test_a_report_that_fails_says_why(steps: Steps) -> None:
    failed = {"executionArn": "report", "status": "FAILED", "cause": "out of memory"}
    with pytest.raises(LocalError, match="the drift report ended FAILED: out of memory"):
        drift._report(stage(Fake(executions=[failed])), datetime.now(UTC), steps)


def test_a_report_without_its_page_is_no_report(steps: Steps) -> None:
    ended = {"executionArn": "report", "status": "SUCCEEDED", "output": "{}"}
    with pytest.raises(LocalError, match=r"left no report\.html"):
        drift._report(stage(Fake(executions=[ended])), datetime.now(UTC), steps)


def test_a_report_takes_the_place_of_the_one_before(steps: Steps) -> None:
    paths.REPORT.mkdir()
    (paths.REPORT / "old.html").write_text("old")
    fake = Fake(executions=[{"executionArn": "report", "status": "SUCCEEDED", "output": '{"verdicts": 3}'}])
    fake.objects = {"drift/latest/report.html": b"new", "drift/dt=1/report.html": b"another"}
    assert drift._report(stage(fake), datetime.now(UTC), steps) == {"verdicts": 3}
    assert [(file.name, file.read_text()) for file in paths.REPORT.iterdir()] == [("report.html", "new")]


@pytest.mark.parametrize(
    ("states", "report", "note"),
    [
        ({"drift": "OK", "performance": "OK"}, NOTHING_MISSING, "the champion copes with these tweets"),
        ({"drift": "ALARM", "performance": "OK"}, NOTHING_MISSING, "champion_drift"),
        (
            {"drift": "INSUFFICIENT_DATA", "performance": "INSUFFICIENT_DATA"},
            {**NOTHING_MISSING, "not_enough_data": ["Not enough data for drift."]},
            "none: Not enough data for drift.",
        ),
    ],
)
def test_alarms_that_stay_quiet_are_no_failure(
    states: dict[str, str], report: dict[str, Any], note: str, steps: Steps, said: io.StringIO
) -> None:
    raised = drift._await_alarms(stage(Fake(states)), report, steps)
    assert set(raised) == {f"champion_{name}" for name, state in states.items() if state == "ALARM"}
    assert note in said.getvalue()


def test_alarms_without_a_retraining_are_a_failure(steps: Steps) -> None:
    quiet = {"executionArn": "r", "status": "SUCCEEDED", "output": json.dumps({"started": False, "why": "cooling"})}
    with pytest.raises(LocalError, match=r"no retraining was started: SUCCEEDED .*cooling"):
        drift._await_retrain(stage(Fake(executions=[quiet])), steps)
    with pytest.raises(LocalError, match="no response"):
        drift._await_retrain(stage(Fake()), steps)


def test_the_retraining_is_the_one_that_the_response_started(steps: Steps) -> None:
    started = {
        "executionArn": "r",
        "status": "SUCCEEDED",
        "output": json.dumps({"started": True, "execution": "retrain-1"}),
    }
    retrain = {"executionArn": "retrain-1", "status": "RUNNING", "input": json.dumps({"reason": "drift: x"})}
    found = drift._await_retrain(stage(Fake(executions=[started, retrain])), steps)
    assert found == ("retrain-1", "drift: x")
