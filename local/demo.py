"""The whole loop in one go: start, deploy, train, promote, send a canary, replay, sum up, and let tweets drift."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from local import canary, dataset, deploy, live, paths, summary
from local.display import Display
from local.drift import drift
from local.errors import LocalError
from local.processes import Supervisor
from local.replay import bad_records, replay
from local.retrain import retrain
from local.stage import LocalStage, Ports
from monitoring.pages import REPORT_PAGE

_SAMPLE: Final = paths.ROOT / "sample"


def check_tools() -> None:
    """Say what is missing before anything is started.

    Raises:
        LocalError: something is.
    """
    missing = deploy.missing_tools()
    if missing:
        raise LocalError("; ".join(missing))


def run(
    supervisor: Supervisor,
    display: Display,
    data: Path,
    tweets: int | None,
    ports: Ports,
    *,
    source: live.Source | None = None,
    lasting: bool = False,
) -> LocalStage:
    """Do all of it. The stage runs on until its supervisor is closed.

    Args:
        supervisor: owns every process.
        display: shows what happens.
        data: a CSV file of labelled tweets.
        tweets: how many to hold out and replay, None for a default.
        ports: to listen on.
        source: of real tweets, None without one.
        lasting: whether the stage is to run on: then the retraining that drift starts is let run.

    Raises:
        LocalError: something did not work; the message says what.
        StoppedError: the supervisor was closed meanwhile.
    """
    check_tools()
    if source is not None:
        live.check(source)
    started = time.monotonic()
    split = dataset.split(dataset.read(data), tweets)
    stage = LocalStage(supervisor, ports)

    display.title("Starting the local stage")
    with display.steps().showing() as steps:
        stage.start(steps)
        with steps.step("Data uploaded") as step:
            _upload(stage, split)
            step.note = f"{len(split.training)} tweets to train on, {len(split.held_out)} held out"
        stage.warm()

    display.title("Retraining: state machine " + stage.config.physical("retrain"))
    with display.steps().showing() as steps:
        champion = retrain(stage, steps)
        canary.send(stage, steps)
    display.say(
        f"  champion: version {champion.registry_version} in the MLflow registry, "
        f"at {champion.pointer.location}, and in {stage.config.champion_parameter}"
    )

    display.title(f"Replaying {len(split.held_out):,} held-out tweets")
    with display.bars().showing() as bars:
        outcome = replay(stage, split.held_out, bars.update, bad=bad_records())

    display.title("Summary")
    summary.show(
        display.console,
        outcome,
        data_name=_data_name(data),
        version=champion.pointer.version,
    )
    if source is not None:
        live.read(stage, display, source)
    drift(stage, display, lasting=lasting)

    display.say("")
    summary.show_lines(display.console, where_to_look(stage))
    display.say(f"\nDone in {time.monotonic() - started:.0f} s.")
    return stage


def where_to_look(stage: LocalStage) -> list[tuple[str, str]]:
    """Where things are, for a person."""
    return [
        ("MLflow", f"{stage.mlflow} (runs and models: {paths.MLFLOW})"),
        ("AWS endpoint", stage.endpoint),
        ("Drift report", str(paths.REPORT / REPORT_PAGE)),
        ("Logs", str(paths.LOGS)),
        ("Traces", ".venv/bin/python -m local traces"),
        ("Data", f"s3://{stage.bucket('data')}/labelled/"),
        ("Set aside", f"s3://{stage.bucket('failed-records')}/"),
    ]


def _upload(stage: LocalStage, split: dataset.Split) -> None:
    file = stage.supervisor.scratch("data") / "tweets.csv"
    dataset.write(split.training, file)
    stage.clients["s3"].put_object(Bucket=stage.bucket("data"), Key="labelled/tweets.csv", Body=file.read_bytes())


def _data_name(data: Path) -> str:
    if data.resolve().is_relative_to(_SAMPLE):
        return f"{data.name}: the small sample that ships with the project; its figures say nothing of real tweets"
    return str(data)
