"""The queries of the committed Grafana dashboards, put to a CloudWatch as Grafana would put them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.dashboards.__main__ import GENERATED, GRAFANA


@dataclass(frozen=True)
class PanelQuery:
    """One metric that a panel draws, with the dashboard's variables put in; ``*`` is any value."""

    panel: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str


def panel_queries(board: str, variables: Mapping[str, str]) -> Iterator[PanelQuery]:
    """All queries of a dashboard but metric math, which adds no metric."""
    dashboard = json.loads((GENERATED / GRAFANA / f"{board}.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            if target["expression"]:
                continue
            dimensions = {name: _resolve(values[0], variables) for name, values in target["dimensions"].items()}
            yield PanelQuery(panel["title"], target["namespace"], target["metricName"], dimensions, target["statistic"])


def data_points(cloudwatch: Any, query: PanelQuery, hours: float = 3.0) -> int:
    """How many points a query returns."""
    now = datetime.now(UTC)
    found = 0
    for dimensions in _series(cloudwatch, query):
        metric = {"Namespace": query.namespace, "MetricName": query.metric, "Dimensions": dimensions}
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": query.statistic}}],
            StartTime=now - timedelta(hours=hours),
            EndTime=now + timedelta(minutes=1),
        )
        found += len(answer["MetricDataResults"][0]["Values"])
    return found


def _series(cloudwatch: Any, query: PanelQuery) -> list[list[dict[str, str]]]:
    known = [{"Name": name, "Value": value} for name, value in query.dimensions.items() if value != "*"]
    if len(known) == len(query.dimensions):
        return [known]
    listed = cloudwatch.list_metrics(Namespace=query.namespace, MetricName=query.metric, Dimensions=known)["Metrics"]
    names = set(query.dimensions)
    return [item["Dimensions"] for item in listed if {dimension["Name"] for dimension in item["Dimensions"]} == names]


def _resolve(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: variables[match.group(1)], text)
