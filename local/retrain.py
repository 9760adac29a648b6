"""Starts the retrain state machine, shows its states as they go by, and checks that a champion came out of it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from local import aws, paths
from local.display import DONE, FAILED, Step, Steps
from local.errors import LocalError
from local.jobs.runner import Happened, JobEvent
from local.stage import LocalStage
from moderation.champion import ChampionPointer, read_pointer
from moderation.errors import ModerationError

_POLL_SECONDS: Final = 0.25
_CHAMPION_ALIAS: Final = "champion"
_QUICK: Final = {"Pass", "Succeed", "Choice", "Fail"}
"""Kinds of state that take no time and are not worth a line."""


@dataclass(frozen=True)
class Champion:
    """What a retraining left behind, in all three places."""

    pointer: ChampionPointer
    registry_version: str
    execution: str


class _States:
    """Turns an execution's history, and what its jobs did, into steps."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._seen = 0
        self._open: dict[str, tuple[Step, int]] = {}
        self._jobs: dict[str, Step] = {}
        self._note = ""

    def take_job(self, event: JobEvent) -> None:
        """Show one job of many beside the others; of any other job, keep the note for its state."""
        if event.what is Happened.STARTED:
            if event.one_of_many:
                self._jobs[event.name] = self._steps.begin(f"  {event.label}")
        elif event.name in self._jobs:
            failed = event.what is Happened.FAILED
            self._jobs.pop(event.name).end(event.note, mark=FAILED if failed else DONE)
        else:
            self._note = event.note

    def take(self, events: list[dict[str, Any]]) -> None:
        """Show states that were entered or left since."""
        for event in events:
            if event["id"] <= self._seen:
                continue
            self._seen = event["id"]
            kind = event["type"]
            if kind.endswith("StateEntered") and kind.removesuffix("StateEntered") not in _QUICK:
                self._enter(event["stateEnteredEventDetails"]["name"])
            elif kind.endswith("StateExited"):
                self._leave(event["stateExitedEventDetails"]["name"])

    def close(self) -> None:
        """End what was still open when the execution failed."""
        for step in (*(step for step, _ in self._open.values()), *self._jobs.values()):
            step.end("did not end", mark=FAILED)
        self._open.clear()

    def _enter(self, name: str) -> None:
        if name in self._open:  # an iteration of a map beside another
            step, count = self._open[name]
            self._open[name] = (step, count + 1)
        else:
            self._open[name] = (self._steps.begin(name), 1)

    def _leave(self, name: str) -> None:
        if name not in self._open:
            return
        step, count = self._open[name]
        if count > 1:
            self._open[name] = (step, count - 1)
            return
        del self._open[name]
        step.end(self._note)
        self._note = ""


def retrain(stage: LocalStage, steps: Steps, *, reason: str = "manual") -> Champion:
    """Run the state machine to its end.

    Raises:
        LocalError: the execution failed, or promoted nothing; the message says why and where to look.
        StoppedError: the stage is being stopped.
    """
    states = stage.clients["stepfunctions"]
    arn = f"arn:aws:states:{aws.REGION}:{stage.account}:stateMachine:{stage.config.physical('retrain')}"
    name = f"{reason}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps({"reason": reason}))
    history = _States(steps)
    while True:
        described = states.describe_execution(executionArn=execution["executionArn"])
        while not stage.job_events.empty():
            history.take_job(stage.job_events.get())
        history.take(_events(states, execution["executionArn"]))
        if described["status"] != "RUNNING":
            break
        stage.supervisor.pause(_POLL_SECONDS)
    history.close()
    if described["status"] != "SUCCEEDED":
        raise LocalError(_failure(described))
    return _champion(stage, name, described.get("output", ""))


def _events(states: Any, execution: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = states.get_execution_history(executionArn=execution, maxResults=1000, **token)
        events += page["events"]
        if "nextToken" not in page:
            return events
        token = {"nextToken": page["nextToken"]}


def _failure(described: dict[str, Any]) -> str:
    cause = described.get("cause") or described.get("error") or "no reason was given"
    return f"the retraining ended {described['status']}: {cause}\nlogs of its jobs: {paths.LOGS / 'jobs'}"


def _champion(stage: LocalStage, execution: str, output: str) -> Champion:
    value = stage.clients["ssm"].get_parameter(Name=stage.config.champion_parameter)["Parameter"]["Value"]
    try:
        pointer = read_pointer(value)
    except ModerationError as error:
        raise LocalError(f"the retraining promoted nothing ({error}); its output was {output[:300]}") from None
    bucket, _, prefix = pointer.location.removeprefix("s3://").partition("/")
    stage.clients["s3"].head_object(Bucket=bucket, Key=f"{prefix}/manifest.json")
    version = _registry_version(stage)
    if version != pointer.version:
        raise LocalError(f"the registry's champion is version {version}, the pointer's is {pointer.version}")
    return Champion(pointer, version, execution)


def _registry_version(stage: LocalStage) -> str:
    """The version that has the alias ``champion`` in the MLflow registry."""
    query = urllib.parse.urlencode({"name": stage.config.experiment, "alias": _CHAMPION_ALIAS})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for attempt in range(3):
        try:
            with opener.open(f"{stage.mlflow}/api/2.0/mlflow/registered-models/alias?{query}", timeout=10) as answer:
                return str(json.load(answer)["model_version"]["version"])
        except (urllib.error.URLError, OSError) as error:
            if attempt == 2:  # noqa: PLR2004 - the last of three
                raise LocalError(f"the MLflow registry has no champion: {error}") from None
            time.sleep(0.5)
    raise LocalError("the MLflow registry has no champion")
