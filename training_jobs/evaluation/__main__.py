"""Evaluate a model on labelled tweets, and write a report that people can read.

Without --model it trains the recipes of this project on four fifths of the data, near duplicates kept together, and
measures the best that can be served on the fifth that it has not seen. With --model it measures that artefact on all
of the data, and says so if the model was trained on it.

Writes report.html (one file), the pictures and figures.json. Where MLFLOW_TRACKING_URI names a tracking server, the
report and its figures are logged there as a run. A model whose figures are poor is a result: the exit code is 0.

Exit codes: 0 the report is written; 2 the data, the model or an option is at fault; 1 anything else; 130 interrupted.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import TrackingError
from training_jobs.tracking import FINISHED, Tracker, fails_with_job, tracker_for

if TYPE_CHECKING:
    from rich.console import Console

    from training_jobs.evaluation.findings import Findings

DEFAULT_SEED: Final = 7
SAMPLE: Final = Path(__file__).parents[2] / "sample" / "tweets.csv"
TRACKED_FOLDER: Final = "report"


def evaluate(options: argparse.Namespace, tracker: Tracker, console: Console) -> int:
    """Do the work of the command; returns the exit code.

    Raises:
        JobError: the data, the model or an option is at fault, or a job failed.
    """
    from training_jobs.evaluation import sources  # noqa: PLC0415 - --help need not wait for scikit-learn
    from training_jobs.evaluation.examination import examine  # noqa: PLC0415 - as above
    from training_jobs.evaluation.findings import write_findings  # noqa: PLC0415 - as above
    from training_jobs.evaluation.page import write_report  # noqa: PLC0415 - as above

    sources.check_places(options.data, options.model, options.out_of_domain, options.out)
    foreign = sources.read_foreign(options.out_of_domain) if options.out_of_domain else None
    with tempfile.TemporaryDirectory(prefix="evaluation-") as work:
        with _progress(console, "preparing") as report:
            exam = (
                sources.given(options.data, options.model, options.seed, Path(work), report)
                if options.model
                else sources.unseen(options.data, options.candidate, options.seed, Path(work), report)
            )
        with _progress(console, "examining") as report:
            findings = examine(exam, foreign, report)
    options.out.mkdir(parents=True, exist_ok=True)
    write_findings(findings, options.out)
    page = write_report(findings, options.out, sample=options.data.resolve() == SAMPLE)
    _say(console, findings, page)
    _track(tracker, findings, options.out, console)
    return 0


def _say(console: Console, findings: Findings, page: Path) -> None:
    """Print what matters most; the rest is in the report."""
    subject = findings.subject
    if subject.small:
        console.print("[yellow]So few tweets prove the code, not the model: measure on real data.[/]")
    if subject.standing == "trained_on":
        console.print("[bold red]The model was trained on these very tweets: its figures are of memory.[/]")
    if subject.standing == "unknown":
        console.print("[yellow]Whether the model has seen some of these tweets is not written in it.[/]")
    rows = (
        ("macro-F1 of six classes", f"{findings.measures.macro_f1:.3f}"),
        ("harmful tweets flagged / to a person / passed", _shares(findings.harmful)),
        ("harmless tweets flagged / to a person / passed", _shares(findings.harmless)),
        ("macro-F1 under the worst known disguise / others", f"{findings.worst_named:.3f} / {findings.mean_other:.3f}"),
        ("neutral sentences about groups flagged", f"{findings.neutral.flagged:.1%}"),
        ("plain attacks on groups caught", f"{findings.plain_attacks.caught:.1%}"),
        ("cruelty to single people flagged / to a person / passed", _shares(findings.cruel)),
        ("harmless sentences to them, likewise", _shares(findings.not_cruel)),
    )
    console.print(f"{subject.candidate} on {subject.rows:,} tweets of {subject.data}")
    for name, value in rows:
        console.print(f"  {name:<58}{value}", highlight=False)
    for behaviour in findings.behaviours:
        if not behaviour.held:
            console.print(
                f"  not as it should be: {behaviour.name} {behaviour.expectation}: "
                f"{behaviour.share:.0%} of {behaviour.cases:,}, wanted {behaviour.least:.0%}",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
    console.print(f"The report is [bold]{page}[/].", soft_wrap=True)


def _shares(shares: object) -> str:
    return " / ".join(f"{getattr(shares, part):.1%}" for part in ("flagged", "referred", "passed"))


def _track(tracker: Tracker, findings: Findings, out: Path, console: Console) -> None:
    """Log the report and its figures, where there is a tracking server.

    Raises:
        TrackingError: the server could not be reached; the report stays.
    """
    from training_jobs.evaluation.page import written  # noqa: PLC0415 - as above

    subject = findings.subject
    try:
        run_id = tracker.start_run(
            f"evaluation of {subject.candidate}",
            parent="",
            tags={"job": "report", "data_sha256": subject.data_sha256, "standing": subject.standing.value},
        )
        if not run_id:
            console.print("MLFLOW_TRACKING_URI is not set, so nothing was logged to MLflow.")
            return
        with fails_with_job(tracker, run_id):
            parameters = {name: getattr(subject, name) for name in ("candidate", "data", "rows", "fitted_on", "seed")}
            tracker.log(run_id, parameters=parameters, metrics=findings.flat())
            with tempfile.TemporaryDirectory() as folder:
                for file in written(out):  # and nothing else that somebody may have put there
                    shutil.copyfile(file, Path(folder) / file.name)
                tracker.log_files(run_id, Path(folder), TRACKED_FOLDER)
        tracker.finish(run_id, FINISHED)
    except TrackingError as error:
        raise TrackingError(f"the report is written, but could not be logged: {error}") from None
    console.print(f"Logged to MLflow as run {run_id}.")


@contextmanager
def _progress(console: Console, first: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar while a block runs; gives what tells it the step and the share that is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    percent = TextColumn("{task.percentage:3.0f}%")
    columns = (TextColumn("{task.description}"), BarColumn(), percent, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(first, total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = entrypoint.parser("training_jobs.evaluation", __doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE, help="CSV file, or a folder of them (default: the sample)")
    parser.add_argument("--model", type=Path, help="folder of an artefact; without it, recipes are trained")
    parser.add_argument("--candidate", help="train this recipe only, for example stack")
    parser.add_argument("--out-of-domain", type=Path, help="CSV file of another source: columns class and tweet")
    parser.add_argument("--out", type=Path, default=Path("out/evaluation"), help="folder to write to (%(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of everything random (%(default)s)")
    options = parser.parse_args(arguments)
    if options.model and options.candidate:
        parser.error("--model and --candidate exclude each other: a model is a recipe already trained")
    from rich.console import Console  # noqa: PLC0415 - as above

    return entrypoint.run_by_hand(lambda: evaluate(options, tracker_for(JobEnvironment.from_environment()), Console()))


if __name__ == "__main__":
    sys.exit(main())
