"""A meter that remembers."""

from __future__ import annotations

from collections import defaultdict

from lambdas.common.metric_names import Metric


class RecordingMeter:
    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)
        self.by: dict[tuple[str, str], float] = defaultdict(float)

    def count(self, metric: Metric, value: float = 1, *, by: str | None = None) -> None:
        assert (metric.by is None) == (by is None), f"{metric.name} is counted by {metric.by}"
        self.values[metric.name].append(value)
        if by is not None:
            self.by[metric.name, by] += value

    def total(self, metric: Metric) -> float:
        return sum(self.values[metric.name])
