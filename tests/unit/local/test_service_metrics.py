"""What the local stage counts in place of AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from local.aws import Clients
from local.poller.runner import Answer, Counts, MappingPoller
from local.service_metrics import Datum, ServiceMetrics

MAPPING = SimpleNamespace(stream_name="tweets", function_name="classify", uuid="u")
BEGUN = datetime(2026, 11, 23, tzinfo=UTC)


class States:
    """Step Functions with what executions there are."""

    def __init__(self) -> None:
        self.executions: list[dict[str, Any]] = []

    def __getitem__(self, _service: str) -> States:
        return self

    def list_executions(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == "machine"
        return {"executions": self.executions}


def named(data: list[Datum]) -> dict[str, float]:
    return {one.name: one.value for one in data}


def test_records_bytes_and_failures_are_counted_since_the_last_look() -> None:
    poller = SimpleNamespace(mapping=MAPPING, counts=Counts(records=1, bytes=10))
    metrics = ServiceMetrics(cast("Clients", States()))
    metrics.watch(cast("MappingPoller", poller))
    assert metrics.collect() == []
    poller.counts = Counts(records=4, bytes=50, discarded=3, undelivered=1)
    found = metrics.collect()
    assert named(found) == {
        "IncomingRecords": 3,
        "IncomingBytes": 40,
        "OnFailureDestinationDeliveredEventCount": 2,
        "DestinationDeliveryFailures": 1,
    }
    assert {one.dimension for one in found} == {
        ("StreamName", "tweets"),
        ("FunctionName", "classify"),
        ("EventSourceMappingUUID", "u"),
    }
    assert metrics.collect() == []


def test_the_most_invocations_at_a_time_are_counted() -> None:
    metrics = ServiceMetrics(cast("Clients", States()))

    class Nested:
        """An invoker that is called while it is being called."""

        depth = 0

        def invoke(self, function_arn: str, payload: bytes) -> Answer:
            self.depth += 1
            return metered.invoke(function_arn, payload) if self.depth < 3 else Answer(payload)

    metered = metrics.metered(Nested(), "classify")
    assert metered.invoke("arn", b"x").payload == b"x"
    assert named(metrics.collect()) == {"ConcurrentExecutions": 3, "Throttles": 0}
    assert metrics.collect() == []


def test_executions_are_counted_when_they_begin_and_when_they_end() -> None:
    states = States()
    metrics = ServiceMetrics(cast("Clients", states), ["machine"])
    states.executions = [{"executionArn": "e", "status": "RUNNING", "startDate": BEGUN}]
    assert named(metrics.collect()) == {"ExecutionsStarted": 1}
    assert metrics.collect() == []
    states.executions[0] |= {"status": "FAILED", "stopDate": BEGUN + timedelta(seconds=2)}
    assert named(metrics.collect()) == {
        "ExecutionTime": 2000.0,
        "ExecutionsSucceeded": 0,
        "ExecutionsFailed": 1,
        "ExecutionsTimedOut": 0,
        "ExecutionsAborted": 0,
    }
    assert metrics.collect() == []
