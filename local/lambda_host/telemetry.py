"""Carries what functions write to log files, to CloudWatch Logs and, for metrics in it, to CloudWatch; takes traces.

On AWS, CloudWatch turns lines in the embedded metric format into metrics; here a thread does it, once a second.
Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Clients
from local.lambda_host.xray import FILE, TraceDaemon

_log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 1.0
_METRICS_PER_CALL: Final = 500
_EVENTS_PER_CALL: Final = 5_000
_VALUES_PER_DATUM: Final = 150
_EVENT_BYTES: Final = 250_000


class Telemetry:
    """Logs and metrics of every function. Safe to call from any thread; nothing blocks.

    Args:
        clients: of the emulator.
        folder: gets one log file per function, and one file of the segments of all traces.
    """

    def __init__(self, clients: Clients, folder: Path) -> None:
        self._clients = clients
        self._folder = folder
        self._queue: queue.Queue[tuple[str, str, str, float, str] | None] = queue.Queue()
        self._metrics: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._streams: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._traces = TraceDaemon(folder / FILE)
        self._thread.start()

    @property
    def xray_address(self) -> str:
        """Where functions send segments of traces."""
        return self._traces.address

    def line(self, function: str, log_group: str, log_stream: str, text: str) -> None:
        """Take a line that a function wrote."""
        self._queue.put((function, log_group, log_stream, time.time(), text))

    def invoked(self, function: str, milliseconds: float, *, failed: bool) -> None:
        """Count an invocation in Lambda's own metrics."""
        self._lambda_metric(function, "Invocations", 1, "Count")
        self._lambda_metric(function, "Errors", int(failed), "Count")
        self._lambda_metric(function, "Duration", milliseconds, "Milliseconds")

    def throttled(self, function: str) -> None:
        """Count an invocation that did not take place."""
        self._lambda_metric(function, "Throttles", 1, "Count")

    def iterator_age(self, function: str, seconds: float) -> None:
        """Record how old the last record of a batch was."""
        self._lambda_metric(function, "IteratorAge", seconds * 1000, "Milliseconds")

    def close(self) -> None:
        """Write what is left, and stop."""
        self._queue.put(None)
        self._thread.join(5.0)
        self._traces.close()

    def _lambda_metric(self, function: str, name: str, value: float, unit: str) -> None:
        dimensions = [{"Name": "FunctionName", "Value": function}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": time.time(), "Unit": unit, "Value": value}
        self._metrics.put(("AWS/Lambda", datum))

    def _run(self) -> None:
        going = True
        while going:
            going = self._collect_for(_EVERY_SECONDS)
            self._send_metrics()

    def _collect_for(self, seconds: float) -> bool:
        """Take lines for a while, then write them; False when there will be no more."""
        lines: list[tuple[str, str, str, float, str]] = []
        deadline = time.monotonic() + seconds
        going = True
        with suppress(queue.Empty):
            while going:
                item = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
                if item is None:
                    going = False
                else:
                    lines.append(item)
        self._write_files(lines)
        self._write_cloudwatch(lines)
        for *_, text in lines:
            for datum in embedded_metrics(text):
                self._metrics.put(datum)
        return going

    def _write_files(self, lines: list[tuple[str, str, str, float, str]]) -> None:
        by_function: dict[str, list[str]] = defaultdict(list)
        for function, _, _, _, text in lines:
            by_function[function].append(text.replace("\r", "\n"))
        for function, texts in by_function.items():
            with (self._folder / f"{function}.log").open("a") as file:
                file.write("\n".join(texts) + "\n")

    def _write_cloudwatch(self, lines: list[tuple[str, str, str, float, str]]) -> None:
        by_stream: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for _, group, stream, moment, text in lines:
            if group:
                event = {"timestamp": int(moment * 1000), "message": text[:_EVENT_BYTES] or " "}
                by_stream[group, stream].append(event)
        logs = self._clients["logs"]
        for (group, stream), events in by_stream.items():
            with _reported("log events"):
                if (group, stream) not in self._streams:
                    logs.create_log_stream(logGroupName=group, logStreamName=stream)
                    self._streams.add((group, stream))
                for start in range(0, len(events), _EVENTS_PER_CALL):
                    some = events[start : start + _EVENTS_PER_CALL]
                    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=some)

    def _send_metrics(self) -> None:
        by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with suppress(queue.Empty):
            while True:
                namespace, datum = self._metrics.get_nowait()
                by_namespace[namespace].append(datum)
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _METRICS_PER_CALL):
                with _reported("metrics"):
                    self._clients["cloudwatch"].put_metric_data(
                        Namespace=namespace, MetricData=data[start : start + _METRICS_PER_CALL]
                    )


def embedded_metrics(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The metrics in a line, as namespace and datum of ``PutMetricData``; none for a line without any."""
    if not line.startswith("{") or '"_aws"' not in line:
        return
    try:
        root = json.loads(line)
        meta = root["_aws"]
        moment = meta["Timestamp"] / 1000
        directives = meta["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for dimensions in directive["Dimensions"] or [[]]:
            for metric in directive["Metrics"]:
                yield from _data(root, directive["Namespace"], dimensions, metric, moment)


def _data(
    root: dict[str, Any], namespace: str, dimensions: list[str], metric: dict[str, Any], moment: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    value = root.get(metric["Name"])
    if value is None:
        return
    values = [float(one) for one in (value if isinstance(value, list) else [value])]
    for start in range(0, len(values), _VALUES_PER_DATUM):
        yield (
            namespace,
            {
                "MetricName": metric["Name"],
                "Dimensions": [{"Name": name, "Value": str(root[name])} for name in dimensions if name in root],
                "Timestamp": moment,
                "Unit": metric.get("Unit", "None"),
                "Values": values[start : start + _VALUES_PER_DATUM],
            },
        )


class _reported(suppress):  # noqa: N801 - reads as a statement
    """Says what could not be sent, and goes on: telemetry must never stop the stage."""

    def __init__(self, what: str) -> None:
        super().__init__(ClientError, BotoCoreError)
        self._what = what

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        hidden = bool(super().__exit__(kind, error, traceback))
        if hidden:
            _log.info("could not send %s: %s", self._what, type(error).__name__)
        return hidden
