"""Lines of metrics are to CloudWatch's format, and nothing is emitted that is not in the list."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import pytest

from ingest.metric_names import DUPLICATES_DROPPED, METRICS, TWEET_LAG, TWEETS_READ
from ingest.telemetry import Emitter, Meter, configure_logging
from tests.fakes.ingest import FakeTime


def emitted(meter: Meter) -> dict[str, Any]:
    line = meter.line(1000.5)
    assert line is not None
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_line_is_in_the_embedded_metric_format() -> None:
    meter = Meter("bluesky", "dev")
    meter.count(TWEETS_READ, 2)
    meter.count(TWEETS_READ)
    meter.count(DUPLICATES_DROPPED)
    total, by_source = (
        {
            "Namespace": "Cyberbullying",
            "Dimensions": [["service", "stage"]],
            "Metrics": [{"Name": "TweetsRead", "Unit": "Count"}, {"Name": "DuplicatesDropped", "Unit": "Count"}],
        },
        {
            "Namespace": "Cyberbullying",
            "Dimensions": [["service", "stage", "source"]],
            "Metrics": [{"Name": "TweetsRead", "Unit": "Count"}],
        },
    )
    assert emitted(meter) == {
        "_aws": {"Timestamp": 1000500, "CloudWatchMetrics": [total, by_source]},
        "service": "ingest",
        "stage": "dev",
        "source": "bluesky",
        "TweetsRead": 3.0,
        "DuplicatesDropped": 1.0,
    }


def test_a_metric_without_a_source_of_its_own_has_one_directive() -> None:
    meter = Meter("bluesky", "dev")
    meter.count(DUPLICATES_DROPPED)
    assert len(emitted(meter)["_aws"]["CloudWatchMetrics"]) == 1


def test_counts_start_anew_after_a_line_and_totals_do_not() -> None:
    meter = Meter("bluesky", "dev")
    meter.count(TWEETS_READ)
    emitted(meter)
    assert meter.line(0.0) is None
    assert meter.total(TWEETS_READ) == 1


def test_the_worst_value_of_a_gauge_is_kept() -> None:
    meter = Meter("bluesky", "dev")
    for value in (3.0, 9.0, 5.0):
        meter.gauge(TWEET_LAG, value)
    assert emitted(meter)["TweetLagSeconds"] == 9.0


def test_the_emitter_asks_for_gauges_when_it_emits() -> None:
    out = StringIO()
    Emitter(Meter("bluesky", "dev"), FakeTime(), lambda: {TWEET_LAG: 4.0}, seconds=60, out=out).emit()
    assert json.loads(out.getvalue())["TweetLagSeconds"] == 4.0


def test_names_are_unique_and_explained() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.meaning for metric in METRICS)


def test_libraries_do_not_log_what_they_send(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    try:
        logging.getLogger("botocore.endpoint").debug("with headers")
        logging.getLogger("ingest.test").debug("ours")
        assert "with headers" not in capsys.readouterr().err
    finally:
        logging.basicConfig(level=logging.WARNING, force=True)
