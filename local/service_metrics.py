"""What Kinesis, Lambda and Step Functions would say of themselves to CloudWatch, from what the local stage sees.

The emulator's services emit hardly any metric. Dashboards and alarms need some, so a thread counts once a second: what
the pollers read of the streams, how many invocations ran at a time, and how executions began and ended. The functions'
own counts, times and iterator age come from :mod:`local.lambda_host.telemetry`. Sources: the chapters on CloudWatch
metrics in the developer guides of Kinesis Data Streams, Lambda and Step Functions.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Clients
from local.poller.runner import Answer, Counts, Invoker, MappingPoller

_log = logging.getLogger(__name__)

KINESIS: Final = "AWS/Kinesis"
LAMBDA: Final = "AWS/Lambda"
STATES: Final = "AWS/States"

ENDINGS: Final = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
"""The metric of an execution's status. When an execution ends, the others are 0."""

_EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Datum:
    """One value of a metric."""

    namespace: str
    name: str
    dimension: tuple[str, str]
    value: float
    unit: str = "Count"


class ServiceMetrics:
    """Measures until it is stopped.

    Args:
        clients: of the emulator.
        machines: ARNs of the state machines to watch.
    """

    def __init__(self, clients: Clients, machines: Sequence[str] = ()) -> None:
        self._clients = clients
        self._machines = machines
        self._watched: list[tuple[MappingPoller, Counts]] = []
        self._concurrency: dict[str, _Concurrency] = defaultdict(_Concurrency)
        self._statuses: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service-metrics", daemon=True)

    def metered(self, invoker: Invoker, function: str) -> Invoker:
        """The same invoker, its invocations of a function counted."""
        return _Metered(invoker, self._concurrency[function])

    def watch(self, poller: MappingPoller) -> None:
        """Count what a poller does from now on."""
        self._watched.append((poller, replace(poller.counts)))

    def start(self) -> None:
        """Begin to measure, and return."""
        self._thread.start()

    def stop(self) -> None:
        """Measure once more, and stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def collect(self) -> list[Datum]:
        """What has happened since the last call."""
        return [*self._of_streams(), *self._of_functions(), *self._of_executions()]

    def _of_streams(self) -> Iterator[Datum]:
        for number, (poller, before) in enumerate(self._watched):
            now = replace(poller.counts)
            self._watched[number] = (poller, now)
            stream = ("StreamName", poller.mapping.stream_name)
            if now.records > before.records:
                # Every record is read as soon as it has arrived.
                yield Datum(KINESIS, "IncomingRecords", stream, now.records - before.records)
                yield Datum(KINESIS, "IncomingBytes", stream, now.bytes - before.bytes, "Bytes")
            kept = now.discarded - now.undelivered - (before.discarded - before.undelivered)
            if kept > 0:
                mapping = ("EventSourceMappingUUID", poller.mapping.uuid)
                yield Datum(LAMBDA, "OnFailureDestinationDeliveredEventCount", mapping, kept)
            if now.undelivered > before.undelivered:
                function = ("FunctionName", poller.mapping.function_name)
                yield Datum(LAMBDA, "DestinationDeliveryFailures", function, now.undelivered - before.undelivered)

    def _of_functions(self) -> Iterator[Datum]:
        for function, concurrency in list(self._concurrency.items()):
            most = concurrency.most()
            if most:
                yield Datum(LAMBDA, "ConcurrentExecutions", ("FunctionName", function), most)
                # The host counts those that were throttled; without any there is a 0.
                yield Datum(LAMBDA, "Throttles", ("FunctionName", function), 0)

    def _of_executions(self) -> Iterator[Datum]:
        states = self._clients["stepfunctions"]
        for machine in self._machines:
            dimension = ("StateMachineArn", machine)
            for found in states.list_executions(stateMachineArn=machine)["executions"]:
                before, status = self._statuses.get(found["executionArn"]), found["status"]
                self._statuses[found["executionArn"]] = status
                if before is None:
                    yield Datum(STATES, "ExecutionsStarted", dimension, 1)
                if status in ENDINGS and before != status:
                    seconds = (found["stopDate"] - found["startDate"]).total_seconds()
                    yield Datum(STATES, "ExecutionTime", dimension, seconds * 1000, "Milliseconds")
                    for ending, name in ENDINGS.items():
                        yield Datum(STATES, name, dimension, ending == status)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(_EVERY_SECONDS)
            try:
                self._send(self.collect())
            except (ClientError, BotoCoreError) as error:
                if not last:
                    _log.info("no metrics of services could be sent: %s", type(error).__name__)

    def _send(self, data: Sequence[Datum]) -> None:
        by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in data:
            name, value = one.dimension
            by_namespace[one.namespace].append(
                {
                    "MetricName": one.name,
                    "Dimensions": [{"Name": name, "Value": value}],
                    "Timestamp": time.time(),
                    "Value": float(one.value),
                    "Unit": one.unit,
                }
            )
        for namespace, described in by_namespace.items():
            self._clients["cloudwatch"].put_metric_data(Namespace=namespace, MetricData=described)


class _Concurrency:
    """How many invocations of a function run, and the most of them since somebody asked."""

    def __init__(self) -> None:
        self._now = 0
        self._most = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self._now += 1
            self._most = max(self._most, self._now)

    def leave(self) -> None:
        with self._lock:
            self._now -= 1

    def most(self) -> int:
        with self._lock:
            most, self._most = self._most, self._now
            return most


class _Metered:
    def __init__(self, invoker: Invoker, concurrency: _Concurrency) -> None:
        self._invoker = invoker
        self._concurrency = concurrency

    def invoke(self, function_arn: str, payload: bytes) -> Answer:
        """Call a function and wait for it."""
        self._concurrency.enter()
        try:
            return self._invoker.invoke(function_arn, payload)
        finally:
            self._concurrency.leave()
