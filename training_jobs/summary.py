"""What a person wants to see at the end of a local run: the data, the candidates, the chosen one, the gate."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.labels import LABELS
from training_jobs.floors import SMALL_DATA
from training_jobs.gate import Evaluation
from training_jobs.measures import Measures
from training_jobs.prepared import Summary
from training_jobs.trained import TrainingRecord


def print_summary(
    console: Console,
    summary: Summary,
    candidates: Sequence[TrainingRecord],
    refit: TrainingRecord,
    evaluation: Evaluation,
) -> None:
    """Print the end of a local run.

    Args:
        console: to print on.
        summary: of the data.
        candidates: every candidate's record.
        refit: the record of the one that was chosen.
        evaluation: what the gate found.
    """
    aside = ", ".join(f"{count:,} {reason}" for reason, count in summary.rejected.items() if count) or "none"
    console.print(f"\n{summary.rows:,} of {summary.read:,} rows in {summary.groups:,} groups; set aside: {aside}")
    if summary.rows < SMALL_DATA:
        console.print(
            f"[yellow]With only {summary.rows:,} rows the figures say that the code ran, not how good the model is.[/]"
        )
    console.print(_candidates_table(candidates, refit))
    if evaluation.measures:
        console.print(_classes_table(refit.candidate, evaluation.measures))
    if evaluation.baseline:
        of = evaluation.baseline.difference
        console.print(
            f"  beside {evaluation.baseline.baseline}: macro-F1 {of.mean:+.4f} (95% {of.low:+.4f} to {of.high:+.4f})",
            highlight=False,
        )
    for check in evaluation.checks:
        verdict = "[green]passed[/]" if check.passed else "[bold red]FAILED[/]"
        console.print(f"  {verdict} {check.name}: {escape(check.detail)}", soft_wrap=True, highlight=False)


def _candidates_table(candidates: Sequence[TrainingRecord], refit: TrainingRecord) -> Table:
    table = Table(
        title="Candidates on the validation fold, which none has seen", box=SIMPLE_HEAD, collapse_padding=True
    )
    table.caption = "* chosen   (b) baseline, not served"
    table.add_column("candidate", no_wrap=True)
    for column in ("macro-F1", "accuracy", "caught", "alarms", "ECE", "seconds"):
        table.add_column(column, justify="right")
    for record in candidates:
        chosen = record.candidate == refit.candidate
        mark = " *" if chosen else "" if record.servable else " (b)"
        table.add_row(record.candidate + mark, *_figures(record), style="bold" if chosen else None)
    return table


def _figures(record: TrainingRecord) -> list[str]:
    of = record.measures
    figures = [of.macro_f1, of.accuracy, of.caught, of.false_alarms, of.calibration_error] if of else []
    return [f"{figure:.3f}" for figure in figures] + [f"{record.seconds:.1f}"]


def _classes_table(name: str, measures: Measures) -> Table:
    table = Table(title=f"{name} by class, on {measures.rows:,} unseen rows", box=SIMPLE_HEAD, collapse_padding=True)
    table.add_column("class")
    for column in ("precision", "recall", "F1", "rows"):
        table.add_column(column, justify="right")
    for label in LABELS:
        of = measures.classes[label]
        table.add_row(label.value, f"{of.precision:.3f}", f"{of.recall:.3f}", f"{of.f1:.3f}", f"{of.support:,}")
    return table
