"""Boards as Grafana dashboards, for its CloudWatch data source.

Grafana's variables take the place of the placeholders: the stage and the window are chosen on the dashboard, and the
retrain state machine is looked up among those that CloudWatch knows.
"""

from __future__ import annotations

import re
from typing import Final

from grafana_foundation_sdk.builders import cloudwatch, common, dashboard, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.cloudwatch import (
    CloudWatchQueryMode,
    MetricEditorMode,
    MetricQueryType,
)
from grafana_foundation_sdk.models.common import (
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
)

from monitoring.dashboards.spec import Board, Expression, Panel, Query, Unit

STAGES: Final = ("dev", "staging", "prod", "local")
WINDOWS: Final = ("1m", "5m", "15m", "1h", "6h", "1d")
DEFAULT_WINDOW: Final = "5m"
TAG: Final = "cyberbullying"

UNITS: Final[dict[Unit, str]] = {
    "count": "short",
    "share": "percentunit",
    "score": "none",
    "milliseconds": "ms",
    "seconds": "s",
    "bytes": "decbytes",
    "dollars": "currencyUSD",
    "version": "none",
}

_SOURCE: Final = DataSourceRef(type_val="cloudwatch", uid="${datasource}")
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_PANEL_HEIGHT: Final = 8
_DAY: Final = "86400"
_BEYOND: Final = "red"
_WITHIN: Final = "green"
_CLEAR: Final = "transparent"


def render(board: Board) -> str:
    """A dashboard as the JSON that Grafana imports and provisions."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"cyberbullying-{board.name}")
        .description(board.description)
        .tags([TAG])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("1m")
        .time("now-24h", "now")
        .timezone("browser")
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("Latest drift report")
            .type(DashboardLinkType.LINK)
            .icon("doc")
            .tooltip("Opens the reports' bucket of the account you are signed in to")
            .url("https://console.aws.amazon.com/s3/buckets?region=${region}&search=cyberbullying-${stage}-reports")
            .target_blank(True)
        )
    )
    for variable in _variables():
        built = built.with_variable(variable)
    for row in board.rows:
        built = built.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            built = built.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _variables() -> list[Builder[VariableModel]]:
    stages = ",".join(STAGES)
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("cloudwatch"),
        dashboard.TextBoxVariable("region").label("Region").default_value("us-east-1").current(_option("us-east-1")),
        dashboard.CustomVariable("stage").label("Stage").values(stages).current(_option(STAGES[0])),
        dashboard.IntervalVariable("window")
        .label("Window")
        .description("Over what each point is taken")
        .values(",".join(WINDOWS))
        .current(_option(DEFAULT_WINDOW)),
        dashboard.TextBoxVariable("classify_memory_gb")
        .label("Memory of classify (GB)")
        .default_value("1")
        .current(_option("1")),
        dashboard.TextBoxVariable("warn_memory_gb")
        .label("Memory of warn (GB)")
        .default_value("0.5")
        .current(_option("0.5")),
        dashboard.QueryVariable("retrain")
        .label("Retrain state machine")
        .hide(VariableHide.HIDE_VARIABLE)
        .datasource(_SOURCE)
        .query("dimension_values(${region}, AWS/States, ExecutionsStarted, StateMachineArn)")
        .regex("/.*:cyberbullying_${stage}_retrain$/")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED),
    ]


def _option(value: str) -> VariableOption:
    return VariableOption(selected=True, text=value, value=value)


def _panel(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(UNITS[panel.unit])
        .height(_PANEL_HEIGHT)
        .span(panel.width)
        .min(0)
        .show_points(VisibilityMode.ALWAYS)
        .point_size(4)
        # Reports come hours apart; their points are still one line.
        .span_nulls(True)
        .fill_opacity(30 if panel.stacked else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .thresholds(_thresholds(panel))
        .thresholds_style(
            common.GraphThresholdsStyleConfig().mode(
                GraphTresholdsStyleMode.OFF if panel.threshold is None else GraphTresholdsStyleMode.LINE_AND_AREA
            )
        )
    )
    if panel.stacked:
        built = built.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for number, series in enumerate(panel.series):
        built = built.with_target(_target(panel, series, number))
    return built


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    config = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE)
    if panel.threshold is None:
        return config.steps([Threshold(value=None, color=_WITHIN)])
    below, above = (_CLEAR, _BEYOND) if panel.worse == "above" else (_BEYOND, _CLEAR)
    # Grafana wants the first step without a value: it is where all others do not reach.
    return config.steps([Threshold(value=None, color=below), Threshold(value=panel.threshold, color=above)])


def _target(panel: Panel, series: Query | Expression, number: int) -> cloudwatch.CloudWatchMetricsQuery:
    target = (
        cloudwatch.CloudWatchMetricsQuery()
        .ref_id(chr(ord("A") + number))
        .id(series.id)
        .query_mode(CloudWatchQueryMode.METRICS)
        .metric_query_type(MetricQueryType.SEARCH)
        .region("${region}")
        .period(_DAY if panel.period == "day" else "${window}")
        .datasource(_SOURCE)
    )
    if isinstance(series, Expression):
        return (
            target.metric_editor_mode(MetricEditorMode.CODE)
            .expression(_resolve(series.expression))
            .label(series.label)
            # Grafana's own editor writes these for an expression, too.
            .namespace("")
            .metric_name("")
            .dimensions({})
            .statistic("Average")
        )
    label = series.label or ("${PROP('Dim." + _wild_dimension(series) + "')}" if series.wild else "")
    return (
        target.metric_editor_mode(MetricEditorMode.BUILDER)
        .namespace(series.namespace)
        .metric_name(series.metric)
        .dimensions({name: [_resolve(value)] for name, value in series.dimensions.items()})
        .match_exact(True)
        .statistic(series.statistic)
        .expression("")
        .label(label)
        .hide(series.hidden)
    )


def _wild_dimension(query: Query) -> str:
    return next(name for name, value in query.dimensions.items() if value == "*")


def _resolve(text: str) -> str:
    return _PLACEHOLDER.sub(r"${\1}", text)
