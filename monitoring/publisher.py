"""A report's numbers to CloudWatch, under the names, units and dimensions of :mod:`monitoring.metric_names`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from monitoring.metric_names import NAMESPACE, SERVICE
from monitoring.report import Value

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

MAX_DATA: Final = 1000
"""Data of one PutMetricData request (CloudWatch's service quota)."""


def publish(cloudwatch: CloudWatchClient, stage: str, moment: datetime, values: Sequence[Value]) -> int:
    """Publish numbers; what is not a number is left out, for CloudWatch refuses a whole request for it.

    Args:
        cloudwatch: the client.
        stage: the value of the dimension ``stage``.
        moment: when the window ended.
        values: what to publish.

    Returns:
        How many were published.

    Raises:
        botocore.exceptions.ClientError: CloudWatch refused them.
    """
    data = [_datum(stage, moment, value) for value in values if math.isfinite(value.value)]
    for start in range(0, len(data), MAX_DATA):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + MAX_DATA])
    return len(data)


def _datum(stage: str, moment: datetime, value: Value) -> MetricDatumTypeDef:
    dimensions = {"service": SERVICE, "stage": stage}
    if value.metric.by is not None:
        if value.by is None:
            raise ValueError(f"{value.metric.name} is published by {value.metric.by}")
        dimensions[value.metric.by] = value.by
    return {
        "MetricName": value.metric.name,
        "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions.items()],
        "Timestamp": moment,
        "Value": value.value,
        "Unit": value.metric.unit,
    }
