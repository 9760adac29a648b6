"""The act in which tweets drift: others than the champion knows arrive, a report finds out, and a retraining starts.

Everything that happens is what happens on AWS: the tweets go through the streams and are archived, labels that come
later lie in the archive's bucket, the report is a job of the state machine ``drift_report``, its numbers raise the
deployed alarms, and their change of state starts ``drift_response``, which starts the retrain state machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local import paths
from local.display import Display, Steps
from local.errors import LocalError
from local.executions import follow
from local.replay import Outcome, replay
from local.shift import shifted
from local.stage import LocalStage
from monitoring.archive import S3Store
from monitoring.pages import REPORT_PAGE
from monitoring.windows import current_window

TWEETS: Final = 300
SOURCE: Final = "newcomers"
"""Where the tweets of this act are said to come from."""

ALARMS: Final = ("champion_drift", "champion_performance")
REPORT: Final = "drift_report"
RESPONSE: Final = "drift_response"
RETRAIN: Final = "retrain"
REPORT_JOBS: Final = "drift-"
"""What the names of a report's jobs begin with."""

_STOP_CAUSE: Final = "the demonstration has seen it start"
_POLL_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 120.0
_ARCHIVE_SECONDS: Final = 180.0
"""The emulator's Firehose writes an object per record: after thousands of them, a look at the archive takes long."""
_LATEST: Final = "drift/latest/"


@dataclass(frozen=True)
class Drifted:
    """What the act came to.

    Attributes:
        report: the report's last word, by name.
        raised: the alarms that went off, with the reason that CloudWatch gives.
        retrain: ARN of the execution that was started, None without one.
        reason: that its input gives.
    """

    report: Mapping[str, Any]
    raised: Mapping[str, str]
    retrain: str | None = None
    reason: str = ""


def drift(stage: LocalStage, display: Display, *, lasting: bool) -> Drifted:
    """Let tweets drift.

    Args:
        stage: that runs and has a champion.
        display: shows what happens.
        lasting: whether the retraining that it starts is let run; else it is stopped before its first job.

    Raises:
        LocalError: the machinery failed. That a champion copes with these tweets is no failure.
        StoppedError: the stage is being stopped.
    """
    begun = datetime.now(UTC)
    display.title(f"Drift: {TWEETS} tweets that the champion was not validated on")
    with display.bars().showing() as bars:
        outcome = replay(stage, shifted(TWEETS), bars.update, source=SOURCE)
    if not lasting:
        stage.jobs.take_only(REPORT_JOBS)
    with display.steps().showing() as steps:
        _label(stage, outcome, steps)
        _await_archive(stage, begun, len(outcome.verdicts), steps)
        report = _report(stage, begun, steps)
        raised = _await_alarms(stage, report, steps)
        if len(raised) < len(ALARMS):
            return Drifted(report, raised)
        execution, reason = _await_retrain(stage, steps)
    if not lasting:
        stage.clients["stepfunctions"].stop_execution(executionArn=execution, cause=_STOP_CAUSE)
    display.say("  why: " + reason.replace("; ", ";\n       "))
    display.say(
        "  It runs on in the background."
        if lasting
        else "  It is stopped here, before its first job; `make up` lets it run."
    )
    return Drifted(report, raised, execution, reason)


def _label(stage: LocalStage, outcome: Outcome, steps: Steps) -> None:
    """Somebody has looked at the tweets: their true classes lie where a report looks for them."""
    with steps.step("Labels arrive") as step:
        lines = ["tweet_id,label", *(f"{tweet},{label.value}" for tweet, label in outcome.labels.items())]
        key = f"labels/{datetime.now(UTC):%Y-%m-%d}-{SOURCE}.csv"
        bucket = stage.bucket("archive")
        stage.clients["s3"].put_object(Bucket=bucket, Key=key, Body="\n".join(lines).encode())
        step.note = f"{len(outcome.labels)} true classes in {key}"


def _await_archive(stage: LocalStage, begun: datetime, verdicts: int, steps: Steps) -> None:
    """Wait until Firehose has written the verdicts and their tweets."""
    store = S3Store(stage.clients["s3"], stage.bucket("archive"), "archive/")
    deadline = time.monotonic() + _ARCHIVE_SECONDS
    with steps.step("Archived") as step:
        while True:
            end = datetime.now(UTC)
            hours = (end - begun) / timedelta(hours=1)
            window = current_window(store, None, end=end, hours=hours, label_hours=hours)
            step.note = f"{window.verdicts} verdicts and their tweets, by Firehose"
            if window.verdicts >= verdicts and window.text_missing == 0.0:
                return
            if time.monotonic() > deadline:
                raise LocalError(
                    f"the archive holds {window.verdicts} of {verdicts} verdicts after {_ARCHIVE_SECONDS:.0f} s; "
                    f"see {paths.LOGS / 'emulator.log'}"
                )
            stage.supervisor.pause(_POLL_SECONDS)


def _report(stage: LocalStage, begun: datetime, steps: Steps) -> dict[str, Any]:
    """Run the report on the tweets of this act, and fetch its pages, which would end with the emulator."""
    states = stage.clients["stepfunctions"]
    given = {"window_start": begun.isoformat(timespec="milliseconds")}
    execution = states.start_execution(stateMachineArn=stage.machine(REPORT), input=json.dumps(given))
    described = follow(stage, execution["executionArn"], steps)
    if described["status"] != "SUCCEEDED":
        cause = described.get("cause") or described.get("error") or "no reason was given"
        raise LocalError(f"the drift report ended {described['status']}: {cause}; its log is in {paths.LOGS / 'jobs'}")
    _fetch_report(stage)
    said: dict[str, Any] = json.loads(described["output"])
    return said


def _fetch_report(stage: LocalStage) -> None:
    s3, bucket = stage.clients["s3"], stage.bucket("reports")
    paths.REPORT.mkdir(parents=True, exist_ok=True)
    for old in paths.REPORT.iterdir():
        old.unlink()
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=_LATEST).get("Contents", []):
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        (paths.REPORT / found["Key"].removeprefix(_LATEST)).write_bytes(body)
    if not (paths.REPORT / REPORT_PAGE).exists():
        raise LocalError(f"the drift report left no {REPORT_PAGE} in s3://{bucket}/{_LATEST}")


def _await_alarms(stage: LocalStage, report: Mapping[str, Any], steps: Steps) -> dict[str, str]:
    """Wait for the alarms, which change when their numbers arrive."""
    names = {stage.config.physical(name): name for name in ALARMS}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with steps.step("Alarms go off") as step:
        while True:
            found = stage.clients["cloudwatch"].describe_alarms(AlarmNames=list(names))["MetricAlarms"]
            raised = {names[one["AlarmName"]]: one["StateReason"] for one in found if one["StateValue"] == "ALARM"}
            step.note = ", ".join(raised) or _why_quiet(report)
            judged = all(one["StateValue"] != "INSUFFICIENT_DATA" for one in found) or report["not_enough_data"]
            if len(raised) == len(names) or judged or time.monotonic() > deadline:
                return raised
            stage.supervisor.pause(_POLL_SECONDS)


def _why_quiet(report: Mapping[str, Any]) -> str:
    if report["not_enough_data"]:
        return "none: " + " ".join(report["not_enough_data"])
    return "none: the champion copes with these tweets"


def _await_retrain(stage: LocalStage, steps: Steps) -> tuple[str, str]:
    """Wait until the alarms' change has started a retraining; its ARN and the reason in its input.

    Raises:
        LocalError: it started none.
    """
    states, said = stage.clients["stepfunctions"], list[str]()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with steps.step("Retrain starts") as step:
        while time.monotonic() < deadline:
            listed = states.list_executions(stateMachineArn=stage.machine(RESPONSE))["executions"]
            described = [states.describe_execution(executionArn=one["executionArn"]) for one in listed]
            ended = [json.loads(one.get("output") or "{}") for one in described if one["status"] != "RUNNING"]
            said = [f"{one['status']} {one.get('output') or one.get('cause') or ''}" for one in described]
            for output in ended:
                if output.get("started"):
                    execution = output["execution"]
                    given = json.loads(states.describe_execution(executionArn=execution)["input"])
                    step.note = f"{stage.config.physical(RETRAIN)}, started by {stage.config.physical(RESPONSE)}"
                    return execution, given["reason"]
            stage.supervisor.pause(_POLL_SECONDS)
        raise LocalError(f"both alarms are raised, but no retraining was started: {'; '.join(said) or 'no response'}")
