"""All boards as one native CloudWatch dashboard, for those without Grafana.

The placeholders of the boards stay; the stack that makes the dashboard puts the stage's values in. Two more are added
here, ``{{region}}`` and ``{{reports}}``, the address of the reports' bucket in the console.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from monitoring.dashboards.spec import Board, Expression, Panel, Query

_COLUMNS: Final = 24
_HEIGHT: Final = 6
_TITLE_HEIGHT: Final = 1
_PERIODS: Final = {"window": 300, "day": 86_400}
_BEYOND: Final = "#d13212"


def render(boards: tuple[Board, ...]) -> str:
    """The dashboard's body."""
    body = {"start": "-P1D", "periodOverride": "inherit", "widgets": list(_widgets(boards))}
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _widgets(boards: tuple[Board, ...]) -> Iterator[dict[str, Any]]:
    top = 0
    for board in boards:
        text = f"# {board.title}\n{board.description}. [Drift reports]({{{{reports}}}})"
        yield _text(text, top, 2)
        top += 2
        for row in board.rows:
            yield _text(f"## {row.title}", top, _TITLE_HEIGHT)
            top += _TITLE_HEIGHT
            left = 0
            for panel in row.panels:
                if left + panel.width > _COLUMNS:
                    left, top = 0, top + _HEIGHT
                yield _metric(panel, left, top)
                left += panel.width
            top += _HEIGHT


def _text(markdown: str, top: int, height: int) -> dict[str, Any]:
    return {
        "type": "text",
        "x": 0,
        "y": top,
        "width": _COLUMNS,
        "height": height,
        "properties": {"markdown": markdown, "background": "transparent"},
    }


def _metric(panel: Panel, left: int, top: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": panel.title,
        "view": "timeSeries",
        "stacked": panel.stacked,
        "region": "{{region}}",
        "period": _PERIODS[panel.period],
        "metrics": [_series(series, panel) for series in panel.series],
        "yAxis": {"left": {"min": 0, "showUnits": False}},
    }
    if panel.threshold is not None:
        line = {"value": panel.threshold, "label": "threshold", "color": _BEYOND, "fill": panel.worse}
        properties["annotations"] = {"horizontal": [line]}
    return {"type": "metric", "x": left, "y": top, "width": panel.width, "height": _HEIGHT, "properties": properties}


def _series(series: Query | Expression, panel: Panel) -> list[Any]:
    if isinstance(series, Expression):
        return [{"expression": series.expression, "label": series.label, "id": series.id}]
    if series.wild:
        return [{"expression": _search(series, _PERIODS[panel.period]), "id": series.id}]
    pairs = [part for pair in series.dimensions.items() for part in pair]
    options: dict[str, Any] = {"id": series.id, "stat": series.statistic, "visible": not series.hidden}
    if series.label:
        options["label"] = series.label
    return [series.namespace, series.metric, *pairs, options]


def _search(query: Query, period: int) -> str:
    schema = ",".join([query.namespace, *query.dimensions])
    known = " ".join(f'{name}="{value}"' for name, value in query.dimensions.items() if value != "*")
    return f"SEARCH('{{{schema}}} MetricName=\"{query.metric}\" {known}', '{query.statistic}', {period})"
