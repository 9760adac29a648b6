"""Follows an execution of a state machine: its states as they go by, with what their jobs found."""

from __future__ import annotations

from typing import Any, Final

from local.display import DONE, FAILED, Step, Steps
from local.jobs.runner import Happened, JobEvent
from local.stage import LocalStage

_POLL_SECONDS: Final = 0.25
_QUICK: Final = {"Pass", "Succeed", "Choice", "Fail"}
"""Kinds of state that take no time and are not worth a line."""


def follow(stage: LocalStage, execution: str, steps: Steps) -> dict[str, Any]:
    """Show an execution until it ends; what is described of it then.

    Args:
        stage: in which it runs.
        execution: its ARN.
        steps: shows its states.

    Raises:
        StoppedError: the stage is being stopped.
    """
    states = stage.clients["stepfunctions"]
    history = History(steps)
    while True:
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        while not stage.job_events.empty():
            history.take_job(stage.job_events.get())
        history.take(_events(states, execution))
        if described["status"] != "RUNNING":
            history.close()
            return described
        stage.supervisor.pause(_POLL_SECONDS)


class History:
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


def _events(states: Any, execution: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = states.get_execution_history(executionArn=execution, maxResults=1000, **token)
        events += page["events"]
        if "nextToken" not in page:
            return events
        token = {"nextToken": page["nextToken"]}
