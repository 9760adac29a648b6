"""The only file that knows Evidently: two sides in, distances, quality and pages out.

Importing it takes about ten seconds, so it is imported by those who need it, when they need it. Its usage statistics
are switched off before that. Of drifting text its pages would quote whole examples, so text is measured apart, and no
page is made of it.
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
    DatasetMissingValueCount,
    RowCount,
    ValueDrift,
)
from evidently.presets import ClassificationQuality, ClassificationQualityByLabel, ValueStats

Columns = Mapping[str, Sequence[object]]
"""Values by column, all of the same length; None where a value is missing."""

NUMBERS: Final = ("confidence", "characters", "words", "capitals", "symbols", "mentions", "hashtags", "links")
CATEGORIES: Final = ("classification", "decision", "language")

_METHODS: Final = dict.fromkeys(NUMBERS, "wasserstein") | dict.fromkeys(CATEGORIES, "jensenshannon")


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the current side is from the reference: a score per column, a page and its numbers as JSON."""

    scores: dict[str, float]
    page: str
    numbers: str


def drift(current: Columns, reference: Columns, thresholds: Mapping[str, float]) -> Drift:
    """Compare two sides, column by column.

    Args:
        current: the columns to compare; any of :data:`NUMBERS` and :data:`CATEGORIES`.
        reference: the same columns.
        thresholds: per column, the distance from which the page is to speak of drift.
    """
    columns = list(current)
    metrics: list[Any] = [
        ValueDrift(column=column, method=_METHODS[column], threshold=thresholds.get(column)) for column in columns
    ]
    metrics += [RowCount(), DatasetMissingValueCount()]
    metrics += [ValueStats(column=column) for column in columns]
    definition = DataDefinition(
        numerical_columns=[column for column in columns if column in NUMBERS],
        categorical_columns=[column for column in columns if column in CATEGORIES],
    )
    snapshot = _run(metrics, definition, current, reference)
    return Drift(_scores(snapshot), snapshot.get_html_str(as_iframe=False), snapshot.json())


def text_drift(current: Sequence[str], reference: Sequence[str]) -> float:
    """How well a classifier tells the texts of two sides apart: the area under its ROC curve, on texts held out.

    The classifier is Evidently's: linear, on TF-IDF of words, with a fixed seed.
    """
    snapshot = _run(
        [ValueDrift(column="text", method="abs_text_content_drift")],
        DataDefinition(text_columns=["text"]),
        {"text": current},
        {"text": reference},
    )
    return _scores(snapshot)["text"]


def quality_page(current: Columns, reference: Columns) -> str:
    """A page that holds the quality of both sides against each other, confusion matrices included.

    Args:
        current: the columns ``classification`` and ``label``, with three classes or more: of two, Evidently would take
            one for the positive class of a binary task.
        reference: the same.
    """
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


def _scores(snapshot: Any) -> dict[str, float]:
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }
