"""What a person wants to know after a replay: what was decided, how well, how fast, and what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from local.replay import Outcome
from moderation.labels import LABELS, Label
from moderation.messages import Decision


@dataclass(frozen=True)
class Agreement:
    """How far verdicts agree with labels.

    Attributes:
        accuracy: share of verdicts that are the label.
        macro_f1: mean F1 over the classes that occur.
        recall: by label, the share of its tweets that got it.
    """

    accuracy: float
    macro_f1: float
    recall: Mapping[Label, float]


@dataclass(frozen=True)
class Speed:
    """How fast it went.

    Attributes:
        tweets_per_second: from the first put to the last verdict.
        seconds: the same stretch of time.
        to_verdict: median and 99th percentile from put to verdict, in seconds.
        to_warning: the same from put to warning; None without a warning.
    """

    tweets_per_second: float
    seconds: float
    to_verdict: tuple[float, float]
    to_warning: tuple[float, float] | None


def agreement(pairs: Sequence[tuple[Label, Label]]) -> Agreement:
    """Compare labels with verdicts.

    Args:
        pairs: label and verdict of each tweet; at least one.
    """
    hits = Counter(label for label, verdict in pairs if label is verdict)
    labelled = Counter(label for label, _ in pairs)
    answered = Counter(verdict for _, verdict in pairs)
    scores = [2 * hits[label] / (labelled[label] + answered[label]) for label in LABELS if labelled[label]]
    return Agreement(
        accuracy=sum(hits.values()) / len(pairs),
        macro_f1=sum(scores) / len(scores),
        recall={label: hits[label] / labelled[label] for label in LABELS if labelled[label]},
    )


def speed(outcome: Outcome) -> Speed:
    """Work out how fast a replay went; it must have at least one verdict."""
    to_verdict = [verdict.at - outcome.put_at[tweet] for tweet, verdict in outcome.verdicts.items()]
    to_warning = [moment - outcome.put_at[tweet] for tweet, moment in outcome.warned_at.items()]
    first = min(outcome.put_at[tweet] for tweet in outcome.verdicts)
    seconds = max(max(verdict.at for verdict in outcome.verdicts.values()) - first, 1e-3)
    return Speed(
        tweets_per_second=len(outcome.verdicts) / seconds,
        seconds=seconds,
        to_verdict=(percentile(to_verdict, 50), percentile(to_verdict, 99)),
        to_warning=(percentile(to_warning, 50), percentile(to_warning, 99)) if to_warning else None,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def show(console: Console, outcome: Outcome, *, data_name: str, version: str) -> None:
    """Print the summary of a replay."""
    if not outcome.verdicts:
        console.print("No tweet got a verdict; the logs say why.", style="red")
        return
    _show_classes(console, outcome)
    pairs = [(outcome.labels[tweet], verdict.label) for tweet, verdict in outcome.verdicts.items()]
    agreed, fast = agreement(pairs), speed(outcome)
    lines = [
        ("Data", data_name),
        ("Champion", f"version {version}, on {len(pairs)} tweets that its training never saw"),
        ("Agreement with labels", f"accuracy {agreed.accuracy:.3f}, macro-F1 {agreed.macro_f1:.3f}"),
        ("Decisions", decisions(verdict.decision for verdict in outcome.verdicts.values())),
        ("Warnings", f"{len(outcome.warned_at)} written, {outcome.held} held by the daily quota"),
        ("Set aside", _reasons(outcome)),
        ("Speed", f"{fast.tweets_per_second:,.0f} tweets/s ({len(pairs):,} in {fast.seconds:.1f} s)"),
        ("Put to verdict", _times(fast.to_verdict)),
    ]
    if fast.to_warning is not None:
        lines.append(("Put to warning", _times(fast.to_warning)))
    if outcome.duplicates:
        lines.append(("Delivered twice", f"{outcome.duplicates} verdicts"))
    missing = len(outcome.labels) - len(outcome.verdicts)
    if missing:
        lines.append(("Without a verdict", f"{missing} tweets"))
    show_lines(console, lines)


def decisions(made: Iterable[Decision] | Mapping[Decision, int]) -> str:
    """Decisions, or counts of them, in words."""
    counts = Counter(made)
    return ", ".join(f"{counts[one]} {name}" for one, name in _DECISIONS)


def show_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Print names with values."""
    for name, value in lines:
        console.print(f"  [bold]{name:<22}[/] {value}", highlight=False)


_DECISIONS = ((Decision.FLAG, "flagged"), (Decision.REFER, "referred to a person"), (Decision.PASS, "passed"))


def _show_classes(console: Console, outcome: Outcome) -> None:
    pairs = [(outcome.labels[tweet], verdict.label) for tweet, verdict in outcome.verdicts.items()]
    labelled, answered = Counter(label for label, _ in pairs), Counter(verdict for _, verdict in pairs)
    recall = agreement(pairs).recall
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  class")
    for name in ("labelled", "verdicts", "found", "flagged"):
        table.add_column(name, justify="right")
    flagged = Counter(one.label for one in outcome.verdicts.values() if one.decision is Decision.FLAG)
    for label in LABELS:
        found = f"{recall[label]:.0%}" if label in recall else ""
        table.add_row(f"  {label}", str(labelled[label]), str(answered[label]), found, str(flagged[label]))
    console.print(table)
    console.print()


def _reasons(outcome: Outcome) -> str:
    if not outcome.set_aside:
        return "nothing"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.set_aside.items()))
    return f"{sum(outcome.set_aside.values())} records ({reasons}); {outcome.bad} bad ones were sent on purpose"


def _times(times: tuple[float, float]) -> str:
    return f"median {times[0]:.2f} s, p99 {times[1]:.2f} s"
