"""The figures of all rounds, their medians, and tables of them in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.job import Values
from benchmarks.sides import TITLES

NOT_MEASURED: Final = "-"


@dataclass
class Results:
    """Every figure taken, by measurement, side and name."""

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def add(self, what: str, side: str, values: Values) -> None:
        """Keep the figures of one round."""
        for name, value in values.items():
            self.values.setdefault((what, side, name), []).append(value)

    def median(self, what: str, side: str, name: str) -> float | None:
        """The median over the rounds, or None if it was not measured."""
        taken = self.values.get((what, side, name))
        return statistics.median(taken) if taken else None

    def has(self, what: str) -> bool:
        """Whether anything was measured of it."""
        return any(measured == what for measured, _, _ in self.values)

    def table(self, what: str, sides: Sequence[str], rows: Mapping[str, str]) -> Iterator[str]:
        """One line per figure, one column per side.

        Args:
            what: the measurement.
            sides: in the order of the columns.
            rows: titles of the figures, by name, in order.
        """
        yield from table(
            ["", *(TITLES[side] for side in sides)],
            ([title, *(number(self.median(what, side, name)) for side in sides)] for name, title in rows.items()),
        )

    def plain(self) -> list[dict[str, Any]]:
        """All figures, for a file of JSON."""
        return [
            {"measurement": what, "side": side, "figure": name, "median": statistics.median(taken), "rounds": taken}
            for (what, side, name), taken in self.values.items()
        ]


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """A Markdown table with numbers in all columns but the first."""
    yield f"| {' | '.join(head)} |".replace("|  |", "| |")
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def number(value: float | None) -> str:
    """Three digits, and more only before the point."""
    if value is None:
        return NOT_MEASURED
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits either way
