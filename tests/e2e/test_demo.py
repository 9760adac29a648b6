"""What a person sees of the demonstration, and what it leaves in the stage."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local import paths
from local.drift import RESPONSE, RETRAIN
from monitoring.metric_names import DRIFTED_SHARE, MACRO_F1_DROP
from tests.e2e.conftest import Demo
from tests.waiting import wait_for


def executions(demo: Demo, machine: str) -> list[dict[str, Any]]:
    states = demo.stage.clients["stepfunctions"]
    listed = states.list_executions(stateMachineArn=demo.stage.machine(machine))["executions"]
    return [states.describe_execution(executionArn=one["executionArn"]) for one in listed]


def test_every_act_is_told_in_its_order(demo: Demo) -> None:
    acts = ["Starting the local stage", "Retraining:", "Replaying", "Summary", "Reading tweets from replay", "Drift:"]
    places = [demo.said.index(act) for act in acts]
    assert places == sorted(places)
    for line in ("Labels arrive", "Archived", "Make the report", "Alarms go off", "Retrain starts"):
        assert re.search(rf"✓ {line} +[\d.]+ s", demo.said), line


def test_drift_started_one_retraining_that_says_why(demo: Demo) -> None:
    # Each of the two alarms starts a response; the later one may still be at it.
    wait_for(lambda: all(one["status"] != "RUNNING" for one in executions(demo, RESPONSE)), "the responses' end")
    outputs = [json.loads(one["output"]) for one in executions(demo, RESPONSE)]
    assert [output["started"] for output in outputs].count(True) == 1
    (started,) = [one for one in executions(demo, RETRAIN) if "drift" in one["input"]]
    reason = json.loads(started["input"])["reason"]
    assert DRIFTED_SHARE.name in reason
    assert MACRO_F1_DROP.name in reason
    assert " ".join(reason.split()) in " ".join(demo.said.split())


def test_that_retraining_is_stopped_before_it_leaves_anything(demo: Demo) -> None:
    statuses = {"drift" in one["input"]: one["status"] for one in executions(demo, RETRAIN)}
    assert statuses == {False: "SUCCEEDED", True: "ABORTED"}
    jobs = {file.name for file in (paths.LOGS / "jobs").iterdir()}
    assert len([name for name in jobs if "prepare" in name]) == 1


def test_the_source_was_read_without_what_it_leaves_out(demo: Demo) -> None:
    assert re.search(r"Read +23 tweets, 21 delivered", demo.said)
    assert re.search(r"Set aside +1 \w+$", demo.said, re.MULTILINE), "the one that is too large to be classified"


@pytest.mark.parametrize("where", ["Drift report", "MLflow", "AWS endpoint"])
def test_it_says_where_to_look(where: str, demo: Demo) -> None:
    assert re.search(rf"^  {where} +\S+", demo.said, re.MULTILINE)
