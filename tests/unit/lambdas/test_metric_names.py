"""The names of metrics, on which functions, alarms and dashboards agree."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common import metric_names
from lambdas.common.metric_names import METRICS

SOURCES = Path(metric_names.__file__).parents[1]


def test_names_are_given_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) > 20


def test_units_are_cloudwatchs() -> None:
    assert {metric.unit for metric in METRICS} <= {unit.value for unit in MetricUnit}


def test_nothing_but_the_standard_library_is_imported() -> None:
    for node in ast.walk(ast.parse(Path(metric_names.__file__).read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.module.split(".")[0] in sys.stdlib_module_names


def test_every_metric_but_powertools_own_is_counted_somewhere() -> None:
    code = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "metric_names.py")
    constants = [name for name, value in vars(metric_names).items() if isinstance(value, metric_names.Metric)]
    assert [name for name in constants if name not in code] == ["COLD_START"]
