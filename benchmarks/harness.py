"""Rounds: every side of every measurement in turn, in fresh processes, so that a slow machine slows all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.job import Job, Values
from benchmarks.measures import adversarial, layers, one_tweet, startup, stream
from benchmarks.results import Results

MEASUREMENTS: Final = {
    "startup": startup,
    "one_tweet": one_tweet,
    "stream": stream,
    "layers": layers,
    "adversarial": adversarial,
}
"""What is measured in processes of its own, by the name of its module."""

_CHOSEN_KERNELS: Final = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Somebody's choice of code for old versions of OpenBLAS; what is measured is to choose by itself."""

_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A function has about one core, and figures are given for one."""

Step = Callable[[str], None]


class MeasuringError(Exception):
    """A measurement failed."""


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Of a process that is measured."""
    return {name: value for name, value in given.items() if name not in _CHOSEN_KERNELS} | _ONE_THREAD


def steps(rounds: int) -> int:
    """How many processes :func:`measure` starts."""
    return rounds * sum(len(module.SIDES) for module in MEASUREMENTS.values())


def measure(job: Job, work: Path, results: Results, step: Step) -> None:
    """Take every measurement as often as the scale says.

    Args:
        job: what to measure on.
        work: a folder for the job's file.
        results: gets the figures.
        step: told what comes next, once per process.

    Raises:
        MeasuringError: a process failed.
    """
    file = work / "job.json"
    job.write(file)
    for number in range(job.scale.rounds):
        for what, module in MEASUREMENTS.items():
            for side in module.SIDES:
                step(f"round {number + 1} of {job.scale.rounds}: {what}, {side}")
                results.add(what, side, run_child(what, side, file))


def run_child(what: str, side: str, job: Path) -> Values:
    """Take one measurement of one side in a process of its own.

    Raises:
        MeasuringError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.child", what, side, str(job)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    if done.returncode:
        raise MeasuringError(f"measuring {what} of {side} failed:\n{done.stderr}")
    values: Values = json.loads(done.stdout.splitlines()[-1])
    return values
