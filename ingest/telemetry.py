"""Counting, and handing the counts to CloudWatch as lines of its embedded metric format.

The container's log driver carries standard output to CloudWatch Logs, which turns such lines into metrics: no call, no
right and no agent is needed. Format: "CloudWatch embedded metric format specification" in the CloudWatch user guide.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

import msgspec

from ingest.clock import Clock
from ingest.metric_names import DIMENSIONS, METRICS, NAMESPACE, SERVICE, Metric

Probe = Callable[[], "dict[Metric, float]"]
"""Reads gauges at the moment of emission."""


class Meter:
    """Counts and gauges between two emissions. Counts add up; of a gauge the highest value is kept."""

    def __init__(self, source: str, stage: str) -> None:
        self._fixed: Final = {"service": SERVICE, "stage": stage, "source": source}
        self._values: dict[Metric, float] = {}
        self._totals: dict[Metric, float] = {}

    def count(self, metric: Metric, amount: float = 1) -> None:
        """Add to a count."""
        self._values[metric] = self._values.get(metric, 0) + amount
        self._totals[metric] = self._totals.get(metric, 0) + amount

    def gauge(self, metric: Metric, value: float) -> None:
        """Note a value."""
        self._values[metric] = max(value, self._values.get(metric, value))

    def total(self, metric: Metric) -> float:
        """What was counted since the start."""
        return self._totals.get(metric, 0)

    def line(self, unix: float) -> bytes | None:
        """Everything since the last call as one line of the embedded metric format, or None if there is nothing."""
        if not self._values:
            return None
        values, self._values = self._values, {}
        directives = [
            {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": _definitions(values, by)}
            for dimensions, by in ((DIMENSIONS, None), ((*DIMENSIONS, "source"), "source"))
        ]
        document: dict[str, Any] = {
            "_aws": {
                "Timestamp": int(unix * 1000),
                "CloudWatchMetrics": [directive for directive in directives if directive["Metrics"]],
            },
            **self._fixed,
            **{metric.name: value for metric, value in values.items()},
        }
        return msgspec.json.encode(document)


def _definitions(values: dict[Metric, float], by: str | None) -> list[dict[str, str]]:
    return [
        {"Name": metric.name, "Unit": metric.unit} for metric in METRICS if metric in values and by in (None, metric.by)
    ]


class Emitter:
    """Writes a meter's lines at an interval, for as long as the process runs."""

    def __init__(self, meter: Meter, clock: Clock, probe: Probe, *, seconds: float, out: TextIO | None = None) -> None:
        self._meter = meter
        self._clock = clock
        self._probe = probe
        self._seconds = seconds
        self._out = out or sys.stdout

    async def run(self) -> None:
        """Emit for ever."""
        while True:
            await asyncio.sleep(self._seconds)
            self.emit()

    def emit(self) -> None:
        """Emit what there is."""
        for metric, value in self._probe().items():
            self._meter.gauge(metric, value)
        line = self._meter.line(self._clock.now())
        if line:
            print(line.decode(), file=self._out, flush=True)


def configure_logging(level: str) -> None:
    """Log to standard error, in lines that hold no tweet text, user name or token."""
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for chatty in ("botocore", "urllib3", "websockets", "aiohttp"):  # their debug lines hold headers and payloads
        logging.getLogger(chatty).setLevel(logging.WARNING)
