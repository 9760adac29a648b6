from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cdk_app.stages import FUNCTIONS, STAGES, TWEET_CLASSIFICATION, TWEET_EVENTS, stage_config
from ingest import metric_names as tweet_sources
from lambdas.common import metric_names as functions
from monitoring import metric_names as watched
from monitoring.dashboards import grafana, sources
from monitoring.dashboards.__main__ import GENERATED, GRAFANA, NATIVE, generated, main, write
from monitoring.dashboards.boards import BOARDS
from monitoring.dashboards.operations_board import ITERATOR_AGE_LIMIT
from monitoring.dashboards.spec import Board, Expression, Panel, Query
from training_jobs import metric_names as retraining

PANELS = [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in BOARDS for panel in board.panels]
QUERIES = [query for board in BOARDS for panel in board.panels for query in panel.queries]
OWN: dict[str, functions.Metric | tweet_sources.Metric | watched.Metric | retraining.Metric]
OWN = {metric.name: metric for metric in functions.METRICS}
OWN |= {metric.name: metric for metric in tweet_sources.METRICS}
OWN |= {metric.name: metric for metric in watched.METRICS}
OWN |= {metric.name: metric for metric in retraining.METRICS}


def grafana_panels() -> Iterator[dict[str, Any]]:
    for board in BOARDS:
        dashboard = json.loads((GENERATED / GRAFANA / f"{board.name}.json").read_text())
        yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def test_the_committed_files_are_what_the_code_generates() -> None:
    files = [path for path in GENERATED.rglob("*") if path.is_file()]
    committed = {path.relative_to(GENERATED).as_posix(): path.read_text() for path in files}
    assert committed == generated(), "run `python -m monitoring.dashboards write` and commit what it changes"


def test_files_of_dashboards_that_are_no_more_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    assert set(write(tmp_path)) == {path for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_shows_and_hangs_together(panel: Panel) -> None:
    assert len(panel.description) > 20
    assert panel.description.endswith(".")
    ids = [series.id for series in panel.series]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][a-zA-Z0-9_]*", item) for item in ids)
    for series in panel.series:
        if isinstance(series, Expression):
            named = set(re.findall(r"\b[a-z]\w*\b", re.sub(r"\{\{\w+\}\}", "", series.expression)))
            assert named <= set(ids)
    assert any(isinstance(series, Expression) or not series.hidden for series in panel.series)


def test_titles_and_names_are_unique() -> None:
    assert len({board.name for board in BOARDS}) == len(BOARDS)
    for board in BOARDS:
        titles = [panel.title for panel in board.panels]
        assert len(set(titles)) == len(titles), board.name


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.metric}-{query.statistic}")
def test_every_drawn_metric_exists(query: Query) -> None:
    if query.namespace in sources.AWS_METRICS:
        assert query.metric in sources.AWS_METRICS[query.namespace]
        return
    assert query.namespace == functions.NAMESPACE == watched.NAMESPACE == tweet_sources.NAMESPACE
    metric = OWN[query.metric]
    allowed: list[set[str | None]]
    if isinstance(metric, retraining.Metric):
        allowed = [set(metric.dimensions)]
        assert query.dimensions["service"] == retraining.SERVICE
    elif not isinstance(metric, watched.Metric):
        allowed = [set(metric.dimensions), {*functions.DIMENSIONS, metric.by}]
        assert query.dimensions["service"] in metric.services
    else:
        allowed = [{*watched.DIMENSIONS, metric.by} - {None}]
        assert query.dimensions["service"] == watched.SERVICE
    assert set(query.dimensions) in allowed


def test_every_own_metric_is_drawn() -> None:
    """And by each of the functions that emit it."""
    drawn = {(query.metric, query.dimensions.get("service")) for query in QUERIES}
    emitted = {(metric.name, service) for metric in functions.METRICS for service in metric.services}
    emitted |= {(metric.name, tweet_sources.SERVICE) for metric in tweet_sources.METRICS}
    emitted |= {(metric.name, watched.SERVICE) for metric in watched.METRICS}
    emitted |= {(metric.name, retraining.SERVICE) for metric in retraining.METRICS}
    assert emitted <= drawn


def test_every_metric_of_aws_that_is_listed_is_drawn() -> None:
    for namespace, listed in sources.AWS_METRICS.items():
        assert listed == {query.metric for query in QUERIES if query.namespace == namespace}


def test_names_of_resources_are_those_of_the_stages() -> None:
    stage = stage_config("dev")
    known = {
        "FunctionName": {stage.physical(name) for name in FUNCTIONS},
        "function_name": {stage.physical(name) for name in FUNCTIONS},
        "StreamName": {stage.physical(TWEET_EVENTS), stage.physical(TWEET_CLASSIFICATION)},
        "DeliveryStreamName": {stage.physical(f"archive_{name}") for name in (TWEET_EVENTS, TWEET_CLASSIFICATION)},
        "StateMachineArn": {"{{retrain}}"},
        "stage": {"dev"},
    }
    for query in QUERIES:
        for name, value in query.dimensions.items():
            if name in known:
                assert value.replace("{{stage}}", "dev") in known[name]


def test_the_stage_variable_offers_every_stage() -> None:
    assert set(grafana.STAGES) == set(STAGES)


def test_thresholds_of_the_report_and_of_the_streams_are_drawn() -> None:
    lines = {query.metric: panel.threshold for board in BOARDS for panel in board.panels for query in panel.queries[:1]}
    for metric in watched.METRICS:
        assert lines.get(metric.name) == metric.threshold, metric.name
    assert {stage.iterator_age_alarm_seconds * 1000 for stage in STAGES.values()} == {ITERATOR_AGE_LIMIT}


def test_grafana_draws_thresholds_and_descriptions() -> None:
    by_title = {panel.title: panel for board in BOARDS for panel in board.panels}
    for panel in grafana_panels():
        spec = by_title[panel["title"]]
        assert panel["description"]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert (len(steps) == 2) == (spec.threshold is not None)
        if spec.threshold is not None:
            assert steps[1]["value"] == spec.threshold
            assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] != "off"


def test_a_line_from_below_is_red_below() -> None:
    panel = Panel("t", "d", (Query("a", "N", "m", {}),), threshold=0.8, worse="below")
    dashboard = json.loads(grafana.render(Board("b", "B", "d", (type(BOARDS[0].rows[0])("r", (panel,)),))))
    steps = dashboard["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["color"] for step in steps] == ["red", "transparent"]


def test_every_variable_that_is_used_is_defined() -> None:
    for board in BOARDS:
        text = (GENERATED / GRAFANA / f"{board.name}.json").read_text()
        dashboard = json.loads(text)
        defined = {variable["name"] for variable in dashboard["templating"]["list"]}
        assert set(re.findall(r"\$\{(\w+)\}", text)) <= defined
        assert {"stage", "window"} <= defined
        assert "{{" not in text


def test_the_native_dashboard_shows_every_panel_and_leaves_known_placeholders() -> None:
    text = (GENERATED / NATIVE).read_text()
    widgets = json.loads(text)["widgets"]
    shown = [widget["properties"]["title"] for widget in widgets if widget["type"] == "metric"]
    assert shown == [panel.title for board in BOARDS for panel in board.panels]
    known = {"stage", "retrain", "classify_memory_gb", "warn_memory_gb", "region", "reports"}
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) == known
    assert len(widgets) <= 500, "CloudWatch's quota"


def test_widgets_of_the_native_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in json.loads((GENERATED / NATIVE).read_text())["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


class FakeGrafana(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    received: ClassVar[list[tuple[str | None, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.headers["Authorization"], body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRAFANA_TOKEN", "token")
    monkeypatch.setattr(FakeGrafana, "status", 200)
    FakeGrafana.received.clear()
    with HTTPServer(("127.0.0.1", 0), FakeGrafana) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


def test_dashboards_are_uploaded_over_their_older_selves(server: str) -> None:
    assert main(["push", "--url", server]) == 0
    titles = {body["dashboard"]["title"] for _, body in FakeGrafana.received}
    assert titles == {board.title for board in BOARDS}
    assert {header for header, _ in FakeGrafana.received} == {"Bearer token"}
    assert all(body["overwrite"] for _, body in FakeGrafana.received)


def test_a_grafana_that_refuses_is_a_failure(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeGrafana, "status", 403)
    assert main(["push", "--url", server]) == 1
    assert "Forbidden" in capsys.readouterr().err


def test_a_grafana_that_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "token")
    assert main(["push", "--url", "http://127.0.0.1:9"]) == 1


@pytest.mark.parametrize(
    ("token", "url"), [("", "https://example.org"), ("token", "http://example.org"), ("t", "file:///x")]
)
def test_a_token_never_goes_out_unencrypted(token: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", token)
    assert main(["push", "--url", url]) == 2
