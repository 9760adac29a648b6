"""One logger, one tracer, one set of metrics for all functions.

Nothing that an author wrote and no user's name is ever logged, counted or annotated here.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

from aws_lambda_powertools import Logger, Metrics, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common.metric_names import NAMESPACE, Metric

_STAGE: Final = os.environ.get("STAGE", "unknown")

logger: Final = Logger(stage=_STAGE)
tracer: Final = Tracer(auto_patch=False)
# Patching every library the X-Ray SDK knows would import them all; calls to AWS are the ones that matter.
tracer.patch(["botocore"])
metrics: Final = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(stage=_STAGE)


class Meter(Protocol):
    """Counts things."""

    def count(self, metric: Metric, value: float = 1, *, by: str | None = None) -> None:
        """Add a value to a metric, under ``by`` too for one that has a further dimension."""


class PowertoolsMeter:
    """Writes metrics to the log in CloudWatch's embedded metric format."""

    def count(self, metric: Metric, value: float = 1, *, by: str | None = None) -> None:
        """Add a value to a metric."""
        unit = MetricUnit(metric.unit)
        metrics.add_metric(name=metric.name, unit=unit, value=value)
        if metric.by is not None and by is not None:
            dimensions = {"stage": _STAGE, metric.by: by}
            with single_metric(metric.name, unit, value, namespace=NAMESPACE, default_dimensions=dimensions):
                pass  # written, with the service as a further dimension, when the block ends


meter: Final[Meter] = PowertoolsMeter()
