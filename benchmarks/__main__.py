"""Measures speed, memory and size beside the published study's pipeline and the original's handler: ``make bench``.

All models are trained on three quarters of the rows of --data and measured on the rest, in the same run. Each figure is
the median of several rounds, each in a fresh process with one thread, the sides taking turns so that a machine that
slows down slows all. The report is printed and written to --out, as Markdown and, with every round's figures, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import harness, machine, models, report, tweets
from benchmarks.job import FULL, QUICK, Job
from benchmarks.measures import end_to_end, ingest, sizes, window_report
from benchmarks.results import Results
from benchmarks.sides import OURS
from local import paths
from moderation.errors import BadArtefactError
from training_jobs.entrypoint import INTERRUPTED
from training_jobs.errors import JobError

FAILURES: Final = (
    BadArtefactError,
    JobError,
    end_to_end.NoVerdictError,
    harness.MeasuringError,
    ingest.NotDeliveredError,
    tweets.BadDataError,
    window_report.NoReportError,
)
"""What can go wrong and says itself what to do about it."""

DOCUMENT: Final = Path("docs/benchmarks.md")
OUT: Final = Path("out")


class Steps:
    """The progress bar; lines instead where nobody watches one."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("starting", total=total)
        self._begun = False
        self._told = ""

    def say(self, what: str) -> None:
        """Say what is going on, without getting further."""
        self._progress.update(self._task, description=what)
        self._tell(what)

    def next(self, what: str) -> None:
        """Say what comes next; what was said before is done."""
        self._progress.update(self._task, description=what, advance=1 if self._begun else 0)
        self._begun = True
        self._tell(what)

    def _tell(self, what: str) -> None:
        if not self._progress.console.is_terminal and what != self._told:
            self._progress.console.print(what, highlight=False)
        self._told = what


def run(options: argparse.Namespace, work: Path, console: Console) -> tuple[Results, list[str]]:
    """Train the models and take every measurement.

    Returns:
        The figures, and what was measured, how and where, in sentences.
    """
    scale = QUICK if options.quick else FULL
    rows, held_out = tweets.split(tweets.read(options.data))
    stages = 0 if options.skip_stages else scale.rounds_of_stages
    total = harness.steps(scale.rounds) + 1 + (stages + len(scale.windows) if stages else 0)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = Results()
    with Progress(*columns, console=console, transient=True) as progress:
        steps = Steps(progress, total)
        trained = models.train(rows, work, given=options.model, candidate=options.candidate, report=steps.say)
        texts = tweets.distinct(held_out, max(scale.tweets, *scale.sizes))
        job = Job({side: str(folder) for side, folder in trained.folders.items()}, _written(texts, work), scale)
        busy = machine.load()
        harness.measure(job, work, results, steps.next)
        steps.next("sizes")
        _measure_sizes(job, results, console)
        if stages:
            _measure_programs(job, texts, work, results, steps)
    if stages:  # it shows its own progress
        end_to_end.measure(trained.folders, texts[: scale.tweets // 2], scale, results, console.print)
    return results, [
        f"Medians of {scale.rounds} rounds ({scale.rounds_of_stages} of the tweet source and of the local stage).",
        f"The model that served is `{trained.candidate}`, {trained.why}.",
        _lesson(options, len(rows.texts)),
        f"The {len(texts):,} tweets are distinct: {_pieces(texts):,} distinct pieces of text.",
        f"Machine: {machine.describe()}; {busy}.",
    ]


def _lesson(options: argparse.Namespace, rows: int) -> str:
    """What the models were trained on, in a sentence."""
    learned = f"learned from the same {rows:,} rows of `{options.data.name}`"
    if options.model is None:
        return f"All sides {learned}, none of which is among the tweets that they classify."
    return f"The other two {learned}; what the model that was given has seen of the tweets is not known."


def _pieces(texts: Sequence[str]) -> int:
    """How many distinct strings stand between the spaces of tweets."""
    return len({piece for text in texts for piece in text.split()})


def _written(texts: Sequence[str], work: Path) -> str:
    file = work / "texts.json"
    file.write_text(json.dumps(texts))
    return str(file)


def _measure_sizes(job: Job, results: Results, console: Console) -> None:
    for side in sizes.SIDES:
        results.add("sizes", side, sizes.measure(side, job))
    try:
        results.add("sizes", OURS, sizes.packages())
    except sizes.NotInstalledError as error:
        console.print(f"The size of the packages is left out: {error}", style="yellow")


def _measure_programs(job: Job, texts: Sequence[str], work: Path, results: Results, steps: Steps) -> None:
    """The tweet source and the monitoring's report, each the program that is deployed."""
    scale = job.scale
    posts = work / "posts.jsonl"
    ingest.write_posts(texts, scale.posts, posts)
    for number in range(scale.rounds_of_stages):
        steps.next(f"round {number + 1} of {scale.rounds_of_stages}: ingest")
        results.add("ingest", OURS, ingest.measure(posts, scale.posts, harness.environment()))
    for size in scale.windows:
        steps.next(f"report on {size:,} verdicts")
        window_report.write_window(Path(job.folders[OURS]), texts, size, work / f"window-{size}")
        results.add("window_report", OURS, window_report.measure(work / f"window-{size}", size, harness.environment()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=tweets.SAMPLE, help="labelled tweets (default: the sample)")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--model", type=Path, help="serve this artefact instead of training one")
    model.add_argument(
        "--candidate", choices=models.servable(), help="serve this recipe instead of the one that wins on the data"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and tweets: to try it, not to quote it")
    parser.add_argument(
        "--skip-stages", action="store_true", help="leave out the tweet source, the monitoring and the local stage"
    )
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder for the report (default: {OUT})")
    parser.add_argument("--write-docs", action="store_true", help=f"put the report into {DOCUMENT} too")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick and options.write_docs:
        parser.error("--write-docs needs a full run")
    console = Console()
    paths.HOME.mkdir(exist_ok=True)
    try:
        # In the checkout: the local stage gives each function a /tmp of its own.
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=paths.HOME) as work:
            results, facts = run(options, Path(work), console)
    except FAILURES as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    text = report.markdown(results, facts)
    report.write(options.out, text, results, facts, QUICK if options.quick else FULL)
    console.print(text, highlight=False, soft_wrap=True, markup=False)
    if options.write_docs:
        report.place(DOCUMENT, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
