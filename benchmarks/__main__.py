"""Measures this project's classifier beside the original's handler, in the same run: ``make bench``.

Each figure is the median of several rounds, each in a fresh process, the two sides taking turns so that a machine that
slows down slows both. The tweets are the sample's, or those of ``--data``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from benchmarks import end_to_end, machine, original, tweets
from local import paths

SIDES: Final = ("ours", "original")
THROUGHPUT_TWEETS: Final = 5_000
SLOW_TWEETS: Final = 1_000
"""The original is measured on fewer tweets; its rate does not depend on how many there are."""

ROWS: Final[dict[tuple[str, str], str]] = {
    ("cold_start", "seconds"): "cold start: import, load, first verdict (s)",
    ("cold_start", "megabytes"): "memory after the first verdict (MB)",
    ("one_tweet", "median_ms"): "one tweet a batch, median (ms)",
    ("one_tweet", "p99_ms"): "one tweet a batch, 99th percentile (ms)",
    ("batches", "tweets_per_second"): "batches of 200, one core, no network (tweets/s)",
    ("batches", "megabytes"): "memory after that (MB)",
    ("end_to_end", "tweets_per_second"): "local stage, from put to verdict (tweets/s)",
    ("end_to_end", "p99_seconds"): "local stage, from put to verdict, 99th percentile (s)",
}


@dataclass
class Results:
    """Every value taken, by side, measurement and name."""

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def add(self, side: str, what: str, result: dict[str, float]) -> None:
        """Keep the results of one round."""
        for name, value in result.items():
            self.values.setdefault((side, what, name), []).append(value)

    def median(self, side: str, what: str, name: str) -> float | None:
        """The median over the rounds, or None if it was not measured."""
        taken = self.values.get((side, what, name))
        return statistics.median(taken) if taken else None

    def lines(self) -> Iterator[str]:
        """A Markdown table."""
        yield "| | this project | the original's handler |"
        yield "|---|---:|---:|"
        for (what, name), title in ROWS.items():
            cells = [self.median(side, what, name) for side in SIDES]
            if any(cell is not None for cell in cells):
                yield f"| {title} | {' | '.join('not measured' if cell is None else _number(cell) for cell in cells)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits either way


def run_child(side: str, what: str, folder: Path, texts: Path) -> dict[str, float]:
    """Take one measurement in a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.child", side, what, str(folder), str(texts)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"measuring {what} of {side} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(options: argparse.Namespace, work: Path, console: Console) -> Results:
    """Train both models, then take every measurement as often as asked for."""
    texts, labels = tweets.read(options.data)
    folders = {"ours": options.model or work / "ours", "original": work / "original"}
    console.print("training both models", style="dim")
    if options.model is None:
        _train_ours(options.data, folders["ours"])
    original.train(texts, labels, folders["original"])
    results = Results()
    files = {}
    for side, number in (("ours", THROUGHPUT_TWEETS), ("original", SLOW_TWEETS)):
        files[side] = work / f"{side}.json"
        files[side].write_text(json.dumps(tweets.distinct(texts, number)))
    steps = [
        (what, side) for _ in range(options.rounds) for what in ("cold_start", "one_tweet", "batches") for side in SIDES
    ]
    with Progress(console=console, transient=True) as progress:
        for what, side in progress.track(steps, description="in a process of its own"):
            results.add(side, what, run_child(side, what, folders[side], files[side]))
    if not options.skip_end_to_end:
        measure_end_to_end(folders, tweets.distinct(texts, THROUGHPUT_TWEETS), options.rounds, results)
    return results


def measure_end_to_end(folders: dict[str, Path], texts: Sequence[str], rounds: int, results: Results) -> None:
    """Both handlers, one after the other, in the same place of the same local stage."""
    with end_to_end.running_stage() as stage:
        for side, serve in (("ours", end_to_end.serve_ours), ("original", end_to_end.serve_original)):
            serve(stage, folders[side])
            end_to_end.measure(stage, texts[:100], f"{side}-warm")
            for number in range(rounds):
                results.add(side, "end_to_end", end_to_end.measure(stage, texts, f"{side}-{number}"))


def _train_ours(data: Path, folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "training_jobs.local_run", "--data", str(data), "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"training failed:\n{done.stdout}{done.stderr}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--data", type=Path, default=tweets.SAMPLE, help="tweets to train on and to score")
    parser.add_argument("--model", type=Path, help="serve this artefact instead of training one")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default: 5)")
    parser.add_argument("--skip-end-to-end", action="store_true", help="leave the local stage out")
    parser.add_argument("--out", type=Path, help="write the table to this file too, as Markdown")
    options = parser.parse_args(arguments)
    console = Console()
    # In the checkout: the local stage gives each function a /tmp of its own.
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=paths.HOME) as work:
        results = measure(options, Path(work), console)
    report = "\n".join(
        [
            *results.lines(),
            "",
            f"Medians of {options.rounds} rounds, tweets from `{options.data.name}`.",
            machine.describe(),
        ]
    )
    console.print(report, highlight=False, soft_wrap=True)
    if options.out:
        options.out.write_text(report + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
