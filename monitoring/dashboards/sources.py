"""Queries on the metrics that there are: the functions' own, monitoring's own, and those of AWS."""

from __future__ import annotations

from typing import Final, Protocol

from lambdas.common import metric_names as functions
from monitoring import metric_names as monitoring
from monitoring.dashboards.spec import RETRAIN, STAGE, Query
from training_jobs import metric_names as training

LAMBDA: Final = "AWS/Lambda"
KINESIS: Final = "AWS/Kinesis"
STATES: Final = "AWS/States"
FIREHOSE: Final = "AWS/Firehose"

AWS_METRICS: Final[dict[str, frozenset[str]]] = {
    LAMBDA: frozenset(
        {
            "Invocations",
            "Errors",
            "Throttles",
            "Duration",
            "IteratorAge",
            "ConcurrentExecutions",
            "DestinationDeliveryFailures",
        }
    ),
    FIREHOSE: frozenset({"DeliveryToS3.DataFreshness"}),
    KINESIS: frozenset(
        {
            "IncomingRecords",
            "IncomingBytes",
            "WriteProvisionedThroughputExceeded",
            "ReadProvisionedThroughputExceeded",
        }
    ),
    STATES: frozenset(
        {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionTime"}
    ),
}
"""The metrics of AWS that are drawn. Sources: the chapters on CloudWatch metrics in the developer guides of Lambda,
Kinesis Data Streams, Step Functions and Data Firehose."""


class OwnMetric(Protocol):
    """A metric of the functions or of the tweet sources."""

    @property
    def name(self) -> str:
        """CloudWatch's name of it."""

    @property
    def by(self) -> str | None:
        """A further dimension, by which it is emitted as well."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Of the total."""


def function(
    metric: OwnMetric,
    service: str,
    statistic: str = "Sum",
    *,
    label: str = "",
    key: str = "a",
    hidden: bool = False,
) -> Query:
    """A metric that a function, or a tweet source, emits, in total."""
    values = {"service": service, "stage": STAGE, "function_name": f"cyberbullying_{STAGE}_{service}"}
    dimensions = {name: values[name] for name in metric.dimensions}
    return Query(key, functions.NAMESPACE, metric.name, dimensions, statistic, label or service, hidden)


def function_by(metric: OwnMetric, service: str, statistic: str = "Sum", *, key: str = "a") -> Query:
    """The same, one series per value of its further dimension."""
    if metric.by is None:
        raise ValueError(f"{metric.name} has no further dimension")
    dimensions = {"service": service, "stage": STAGE, metric.by: "*"}
    return Query(key, functions.NAMESPACE, metric.name, dimensions, statistic)


def report(metric: monitoring.Metric, *, label: str = "", key: str = "a") -> Query:
    """A metric of the drift report; of one with a further dimension, one series per value."""
    dimensions = {"service": monitoring.SERVICE, "stage": STAGE} | ({metric.by: "*"} if metric.by else {})
    return Query(key, monitoring.NAMESPACE, metric.name, dimensions, "Average", label)


def challenger(metric: training.Metric, *, label: str, key: str = "a", statistic: str = "Average") -> Query:
    """What a retraining says of the model that it has made."""
    return function(metric, training.SERVICE, statistic, label=label, key=key)


def aws_lambda(
    metric: str, service: str, statistic: str = "Sum", *, label: str = "", key: str = "a", hidden: bool = False
) -> Query:
    """What Lambda says of one function."""
    return Query(
        key, LAMBDA, metric, {"FunctionName": f"cyberbullying_{STAGE}_{service}"}, statistic, label or service, hidden
    )


def kinesis(metric: str, stream: str, statistic: str = "Sum", *, label: str = "", key: str = "a") -> Query:
    """What Kinesis says of one stream."""
    return Query(key, KINESIS, metric, {"StreamName": f"cyberbullying_{STAGE}_{stream}"}, statistic, label or stream)


def retrain(metric: str, statistic: str = "Sum", *, label: str = "", key: str = "a") -> Query:
    """What Step Functions says of the retrain state machine."""
    return Query(key, STATES, metric, {"StateMachineArn": RETRAIN}, statistic, label)


def archive(metric: str, stream: str, statistic: str, *, label: str = "", key: str = "a") -> Query:
    """What Firehose says of the archive of one stream."""
    name = f"cyberbullying_{STAGE}_archive_{stream}"
    return Query(key, FIREHOSE, metric, {"DeliveryStreamName": name}, statistic, label or stream)
