"""What a person sees of an execution: its states as they go by, with what their jobs found."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from local.display import Steps
from local.executions import History
from local.jobs.job import note_of
from local.jobs.runner import Happened, JobEvent


def shown(*happenings: JobEvent | tuple[str, str]) -> list[str]:
    """The lines for what happened: events of jobs, and states that were entered or exited."""
    file = io.StringIO()
    with Steps(Console(file=file, width=200), live=False).showing() as steps:
        states = History(steps)
        events: list[dict[str, Any]] = []
        for happening in happenings:
            if isinstance(happening, JobEvent):
                states.take_job(happening)
                continue
            kind, name = happening
            detail = "stateEnteredEventDetails" if kind.endswith("Entered") else "stateExitedEventDetails"
            events.append({"id": len(events) + 1, "type": kind, detail: {"name": name}})
            states.take(events)
        states.close()
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def test_a_state_is_shown_with_what_its_job_found() -> None:
    lines = shown(
        ("TaskStateEntered", "Prepare"),
        JobEvent("p-1", "prepare", Happened.STARTED),
        JobEvent("p-1", "prepare", Happened.COMPLETED, "rows 450"),
        ("TaskStateExited", "Prepare"),
    )
    assert lines == ["✓ Prepare 0.0 s rows 450"]


def test_jobs_of_a_map_are_shown_one_by_one() -> None:
    lines = shown(
        ("MapStateEntered", "Candidates"),
        ("TaskStateEntered", "Fit"),
        ("TaskStateEntered", "Fit"),
        JobEvent("a", "linear_svm", Happened.STARTED, one_of_many=True),
        JobEvent("b", "naive_bayes", Happened.STARTED, one_of_many=True),
        JobEvent("b", "naive_bayes", Happened.COMPLETED, "macro-F1 0.600"),
        JobEvent("a", "linear_svm", Happened.FAILED, "out of data"),
        ("TaskStateExited", "Fit"),
        ("TaskStateExited", "Fit"),
        ("MapStateExited", "Candidates"),
    )
    assert lines[0] == "✓ naive_bayes 0.0 s macro-F1 0.600"
    assert lines[1] == "✗ linear_svm 0.0 s out of data"
    assert lines[-1].startswith("✓ Candidates")


def test_states_that_do_nothing_are_not_shown() -> None:
    assert shown(("PassStateEntered", "Begin"), ("PassStateExited", "Begin")) == []


def test_a_state_that_never_ended_is_marked() -> None:
    assert shown(("TaskStateEntered", "Refit")) == ["✗ Refit 0.0 s did not end"]


def test_the_figures_of_a_job_are_named() -> None:
    assert note_of({"FinalMetricDataList": [{"MetricName": "validation:macro_f1", "Value": 0.75}]}) == "macro-F1 0.750"
    assert note_of({"ExitMessage": '{"rows": 450, "data_sha256": "x"}'}) == "rows 450"
    assert note_of({"ExitMessage": "plain words"}) == ""
    assert note_of({}) == ""
