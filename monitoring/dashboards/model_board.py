"""The model dashboard: is the champion still the model that was validated, and what becomes of its successors."""

from __future__ import annotations

from typing import Final

from monitoring import metric_names as names
from monitoring.dashboards.sources import archive, challenger, report, retrain
from monitoring.dashboards.spec import Board, Panel, Row, Unit
from training_jobs import metric_names as training

ARCHIVE_LIMIT: Final = 1800
"""Seconds; a test holds it to the alarm."""


def _of(metric: names.Metric, title: str, description: str, *, unit: Unit = "score", width: int = 8) -> Panel:
    """A panel of one metric, with its threshold."""
    return Panel(
        title,
        description,
        (report(metric, label="" if metric.by else title.lower()),),
        unit=unit,
        threshold=metric.threshold,
        worse=metric.worse,
        width=width,
    )


_DRIFT: Final = Row(
    "Drift: current tweets against the champion's validation data",
    (
        _of(
            names.DRIFTED_SHARE,
            "Share of signals that drifted",
            "Of the five signals beside it. From half of them on, the drift alarm goes off; together with the "
            "performance alarm it starts a retraining.",
            unit="share",
        ),
        _of(
            names.TEXT_DRIFT,
            "Text",
            "How well a classifier tells current tweets from the validation data: 0.5 is a coin's throw, 1 is "
            "certainty. The report names the words that give them away.",
        ),
        _of(names.PREDICTION_DRIFT, "Classes", "Jensen-Shannon distance between the shares of the predicted classes."),
        _of(
            names.CONFIDENCE_DRIFT,
            "Confidence",
            "Wasserstein distance between the distributions of confidence, in standard deviations of the reference. "
            "It moves before quality does, and needs no labels.",
        ),
        _of(names.LENGTH_DRIFT, "Length", "The same distance for the number of characters of a tweet."),
        _of(
            names.LANGUAGE_DRIFT,
            "Language",
            "Jensen-Shannon distance between the shares of languages, or of scripts where no source names one.",
        ),
    ),
)

_QUALITY: Final = Row(
    "Quality: on tweets whose true class became known",
    (
        _of(
            names.MACRO_F1_DROP,
            "Loss of macro-F1",
            "Macro-F1 on the validation data less that on current tweets, over the classes with enough labels. Beyond "
            "the line the performance alarm goes off.",
        ),
        _of(names.MACRO_F1, "Macro-F1", "Mean F1 of the classes with enough labels.", unit="share"),
        _of(names.ACCURACY, "Accuracy", "Share of labelled tweets that were classified rightly.", unit="share"),
        _of(names.CLASS_F1, "F1 by class", "A class with few labels has no value.", unit="share"),
        _of(
            names.CLASS_PRECISION,
            "Precision by class",
            "Of the tweets that were put into a class, the share that belong there. Low precision warns the innocent.",
            unit="share",
        ),
        _of(
            names.CLASS_RECALL,
            "Recall by class",
            "Of the tweets that belong to a class, the share that was recognised. Low recall lets abuse pass.",
            unit="share",
        ),
        _of(names.CONFIDENCE_MEAN, "Mean confidence", "Of the verdicts in the window.", unit="share"),
        _of(names.LABELS_IN_WINDOW, "Labels", "Verdicts whose true class has become known.", unit="count"),
    ),
)

_VERSIONS: Final = Row(
    "Versions and retraining",
    (
        Panel(
            "Champion and challenger",
            "The version that the champion pointer names, and the one that the last retraining registered. The former "
            "falls when a promotion is rolled back; a challenger that stays above it has not been promoted.",
            (
                report(names.CHAMPION_VERSION, label="champion"),
                challenger(training.CHALLENGER_VERSION, label="challenger", key="b", statistic="Maximum"),
            ),
            unit="version",
        ),
        Panel(
            "Macro-F1 of the challengers",
            "Of each model that a retraining has made, on its own validation data, promoted or not.",
            (challenger(training.CHALLENGER_MACRO_F1, label="challenger"),),
            unit="share",
            period="day",
        ),
        Panel(
            "Challengers that passed the gate",
            "1 for each that did, 0 for each that did not: then the champion stays, and a notice says why.",
            (challenger(training.CHALLENGER_PASSED, label="passed", statistic="Sum"),),
            period="day",
        ),
        _of(
            names.VERSIONS_SERVING,
            "Versions among the verdicts",
            "Two for one window after a promotion, one otherwise.",
            unit="count",
        ),
        Panel(
            "Retrain runs",
            "Executions of the retrain state machine: by schedule, by hand or because of drift; the execution's input "
            "says which.",
            (
                retrain("ExecutionsStarted", label="started"),
                retrain("ExecutionsSucceeded", label="succeeded", key="b"),
                retrain("ExecutionsFailed", label="failed", key="c"),
                retrain("ExecutionsTimedOut", label="timed out", key="d"),
            ),
            period="day",
        ),
        Panel(
            "Length of a retrain run",
            "From its start to its end, waiting for instances included.",
            (retrain("ExecutionTime", "Maximum", label="longest"),),
            unit="milliseconds",
            period="day",
        ),
    ),
)

_DATA: Final = Row(
    "The report itself",
    (
        _of(
            names.VERDICTS_IN_WINDOW,
            "Verdicts in the window",
            "Few or none: tweets do not arrive, or are not archived. No point at all: no report was made.",
            unit="count",
        ),
        _of(
            names.REFERENCE_VERDICTS,
            "Verdicts of the reference",
            "Zero means that the champion brought no validation data along: nothing can be compared.",
            unit="count",
        ),
        _of(names.REPORT_SECONDS, "Time to make the report", "Without the start of the container.", unit="seconds"),
        Panel(
            "Waiting to be archived",
            "Age of the oldest record that Firehose has not written yet. Beyond the line reports miss the latest hour.",
            (
                archive("DeliveryToS3.DataFreshness", "tweet_events", "Maximum", label="tweets"),
                archive("DeliveryToS3.DataFreshness", "tweet_classification", "Maximum", label="verdicts", key="b"),
            ),
            unit="seconds",
            threshold=ARCHIVE_LIMIT,
        ),
        _of(
            names.TEXT_MISSING,
            "Verdicts without their tweet",
            "Share of verdicts whose tweet the archive does not hold: one of the two deliveries is late or broken.",
            unit="share",
        ),
        _of(
            names.DUPLICATE_SHARE,
            "Repeated verdicts",
            "Batches that fail late are classified again; beyond the line they do so all the time.",
            unit="share",
        ),
        _of(
            names.UNREADABLE_RECORDS,
            "Unreadable records",
            "Archived records and labels that are not to contract.",
            unit="count",
        ),
    ),
)

MODEL: Final = Board(
    "model",
    "Cyberbullying: model",
    "Is the champion still the model that was validated, and what becomes of its successors",
    (_DRIFT, _QUALITY, _VERSIONS, _DATA),
)
