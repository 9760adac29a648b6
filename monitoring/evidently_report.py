"""The only file that knows Evidently: two sides in, distances, quality and pages out.

Importing it takes about ten seconds, so it is imported by those who need it, when they need it. Evidently sees masked
tweets only (:mod:`monitoring.descriptors`), and its usage statistics are switched off before it is imported.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

os.environ["DO_NOT_TRACK"] = "1"

import pandas as pd
from evidently import DataDefinition, Dataset, MulticlassClassification, Report
from evidently.metrics import (
    Accuracy,
    DatasetMissingValueCount,
    F1ByLabel,
    PrecisionByLabel,
    RecallByLabel,
    RowCount,
    ValueDrift,
)
from evidently.presets import ClassificationQuality, ClassificationQualityByLabel, ValueStats

from moderation.labels import Label

Columns = Mapping[str, Sequence[object]]
"""Values by column, all of the same length; None where a value is missing."""

TEXT: Final = "text"
NUMBERS: Final = ("confidence", "characters", "words", "capitals", "symbols", "mentions", "hashtags", "links")
CATEGORIES: Final = ("classification", "decision", "language")

_METHODS: Final = (
    {TEXT: "abs_text_content_drift"}
    | dict.fromkeys(NUMBERS, "wasserstein")
    | dict.fromkeys(CATEGORIES, "jensenshannon")
)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the current side is from the reference: a score per column, a page and its numbers as JSON."""

    scores: dict[str, float]
    page: str
    numbers: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How right verdicts are. Classes that do not occur have no value."""

    accuracy: float
    precision: dict[Label, float]
    recall: dict[Label, float]
    f1: dict[Label, float]


def drift(current: Columns, reference: Columns, thresholds: Mapping[str, float]) -> Drift:
    """Compare two sides, column by column.

    Args:
        current: the columns to compare; any of ``text``, :data:`NUMBERS` and :data:`CATEGORIES`.
        reference: the same columns.
        thresholds: per column, the distance from which the page is to speak of drift.
    """
    columns = list(current)
    metrics: list[Any] = [
        ValueDrift(column=column, method=_METHODS[column], threshold=thresholds.get(column)) for column in columns
    ]
    metrics += [RowCount(), DatasetMissingValueCount()]
    metrics += [ValueStats(column=column) for column in columns if column != TEXT]
    definition = DataDefinition(
        text_columns=[column for column in columns if column == TEXT],
        numerical_columns=[column for column in columns if column in NUMBERS],
        categorical_columns=[column for column in columns if column in CATEGORIES],
    )
    snapshot = _run(metrics, definition, current, reference)
    scores = {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }
    return Drift(scores, snapshot.get_html_str(as_iframe=False), snapshot.json())


def quality(side: Columns) -> Quality:
    """Measure verdicts against true classes.

    Args:
        side: the columns ``classification`` and ``label``.
    """
    snapshot = _run([Accuracy(), PrecisionByLabel(), RecallByLabel(), F1ByLabel()], _QUALITY, side, None)
    values = {metric["config"]["type"].rpartition(":")[2]: metric["value"] for metric in snapshot.dict()["metrics"]}
    return Quality(
        accuracy=float(values["Accuracy"]),
        precision=_by_label(values["PrecisionByLabel"]),
        recall=_by_label(values["RecallByLabel"]),
        f1=_by_label(values["F1ByLabel"]),
    )


def quality_page(current: Columns, reference: Columns) -> str:
    """A page that holds the quality of both sides against each other, confusion matrices included."""
    metrics = [ClassificationQuality(conf_matrix=True), ClassificationQualityByLabel()]
    return str(_run(metrics, _QUALITY, current, reference).get_html_str(as_iframe=False))


_QUALITY: Final = DataDefinition(
    categorical_columns=["classification", "label"],
    classification=[MulticlassClassification(target="label", prediction_labels="classification")],
)


def _run(metrics: list[Any], definition: DataDefinition, current: Columns, reference: Columns | None) -> Any:
    with warnings.catch_warnings():
        # Its libraries warn of their own future, and of classes that a window does not have.
        warnings.simplefilter("ignore")
        return Report(metrics).run(
            Dataset.from_pandas(pd.DataFrame(dict(current)), data_definition=definition),
            None
            if reference is None
            else Dataset.from_pandas(pd.DataFrame(dict(reference)), data_definition=definition),
        )


def _by_label(values: Mapping[str, float]) -> dict[Label, float]:
    return {Label(name): float(value) for name, value in values.items()}
