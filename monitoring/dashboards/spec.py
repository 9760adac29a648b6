"""What a dashboard is made of, without a word of Grafana or CloudWatch.

Texts may hold placeholders in double braces, ``{{stage}}`` for one; each renderer puts in what its product can resolve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

STAGE = "{{stage}}"
RETRAIN = "{{retrain}}"
"""The ARN of the retrain state machine."""

CLASSIFY_MEMORY = "{{classify_memory_gb}}"
WARN_MEMORY = "{{warn_memory_gb}}"

Unit = Literal["count", "share", "score", "milliseconds", "seconds", "bytes", "dollars", "version"]
Period = Literal["window", "day"]
"""Over what a point is taken: the window that the reader chooses, or a day."""


@dataclass(frozen=True, slots=True)
class Query:
    """One metric to draw.

    Attributes:
        id: unique within the panel, for expressions; lower-case letters.
        namespace: CloudWatch's.
        metric: its name.
        dimensions: all of them; the value ``*`` stands for one series per value.
        statistic: ``Sum``, ``Average``, ``Maximum``, ``p99`` ...
        label: for the legend; empty for CloudWatch's own, which names what tells series apart.
        hidden: whether it only feeds expressions.
    """

    id: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    label: str = ""
    hidden: bool = False

    @property
    def wild(self) -> bool:
        """Whether it draws one series per value of a dimension."""
        return "*" in self.dimensions.values()


@dataclass(frozen=True, slots=True)
class Expression:
    """CloudWatch metric math over the ids of a panel's queries."""

    id: str
    expression: str
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        description: what to make of it, for somebody who has not seen it before.
        series: what is drawn.
        unit: of its axis.
        threshold: a line from which values are a finding.
        worse: on which side of the line findings lie.
        width: of 24 columns.
        stacked: whether series add up.
        period: over what a point is taken.
    """

    title: str
    description: str
    series: tuple[Query | Expression, ...]
    unit: Unit = "count"
    threshold: float | None = None
    worse: Literal["above", "below"] = "above"
    width: int = 8
    stacked: bool = False
    period: Period = "window"

    @property
    def queries(self) -> tuple[Query, ...]:
        """Its metrics, hidden ones too."""
        return tuple(item for item in self.series if isinstance(item, Query))


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that answer one question."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All its panels."""
        return tuple(panel for row in self.rows for panel in row.panels)
