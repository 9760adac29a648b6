"""Every metric that monitoring publishes: names, units, thresholds, meaning.

The report publishes these, the stacks raise alarms on them and the dashboards draw them with their thresholds. Nothing
is imported here but the standard library, so that the stacks can import it too.

The distances compare the current window with the champion's own validation data:

* text: area under the ROC curve of a classifier that is asked to tell the two apart, measured on tweets it was not
  fitted on; 0.5 is a coin's throw, 1 is certainty.
* classes, languages: Jensen-Shannon distance (J. Lin, "Divergence measures based on the Shannon entropy", IEEE
  Transactions on Information Theory 37(1), 1991); 0 is the same distribution, 1 no overlap.
* confidence, length: Wasserstein distance in units of the reference's standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "Cyberbullying"
"""The same as that of the functions."""

SERVICE: Final = "monitoring"
"""The value of the dimension ``service``."""

DIMENSIONS: Final = ("service", "stage")

Unit = Literal["Count", "Seconds", "None"]
Worse = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: CloudWatch's name of it.
        unit: CloudWatch's unit.
        meaning: one line for whoever reads a dashboard.
        threshold: beyond it the value is a finding; None where no value is wrong.
        worse: on which side of the threshold the findings lie. At the threshold itself is a finding too.
        by: a further dimension; such a metric is published once for each value of it, and never in total.
    """

    name: str
    unit: Unit
    meaning: str
    threshold: float | None = None
    worse: Worse = "above"
    by: str | None = None

    def beyond(self, value: float) -> bool:
        """Whether a value is a finding."""
        if self.threshold is None:
            return False
        return value >= self.threshold if self.worse == "above" else value <= self.threshold


VERDICTS_IN_WINDOW: Final = Metric("VerdictsInWindow", "Count", "Verdicts in the window that was compared")
LABELS_IN_WINDOW: Final = Metric("LabelsInWindow", "Count", "Verdicts whose true class has become known")
REFERENCE_VERDICTS: Final = Metric("ReferenceVerdicts", "Count", "Verdicts of the champion's validation data")
REPORT_SECONDS: Final = Metric("ReportSeconds", "Seconds", "Making the report, without start-up")

TEXT_DRIFT: Final = Metric("TextDrift", "None", "How well a classifier tells current tweets from the reference", 0.6)
PREDICTION_DRIFT: Final = Metric("PredictionDrift", "None", "Distance between the shares of the classes", 0.1)
CONFIDENCE_DRIFT: Final = Metric("ConfidenceDrift", "None", "Distance between the distributions of confidence", 0.25)
LENGTH_DRIFT: Final = Metric("LengthDrift", "None", "Distance between the distributions of tweet length", 0.25)
LANGUAGE_DRIFT: Final = Metric("LanguageDrift", "None", "Distance between the shares of scripts", 0.1)
DRIFTED_SHARE: Final = Metric("DriftedShare", "None", "Share of those five signals beyond their thresholds", 0.5)

CONFIDENCE_MEAN: Final = Metric("ConfidenceMean", "None", "Mean confidence of the verdicts in the window")
CLASS_SHARE: Final = Metric("ClassShare", "None", "Share of a class among the verdicts in the window", by="class")
SOURCE_SHARE: Final = Metric(
    "SourceShare", "None", "Share of a tweet source among the verdicts in the window", by="source"
)
TEXT_MISSING: Final = Metric(
    "TextMissingShare", "None", "Share of verdicts whose tweet the archive does not hold", threshold=0.2
)
DUPLICATE_SHARE: Final = Metric(
    "DuplicateShare", "None", "Share of verdicts that repeat one on the same tweet", threshold=0.2
)
UNREADABLE_RECORDS: Final = Metric("UnreadableRecords", "Count", "Archived records and labels that are not to contract")

ACCURACY: Final = Metric("Accuracy", "None", "Share of labelled tweets that were classified rightly")
MACRO_F1: Final = Metric("MacroF1", "None", "Mean F1 of the classes with enough labels")
MACRO_F1_DROP: Final = Metric(
    "MacroF1Drop", "None", "Macro-F1 of the reference, same classes, less the current one", 0.05
)
CLASS_PRECISION: Final = Metric("ClassPrecision", "None", "Precision of a class among labelled tweets", by="class")
CLASS_RECALL: Final = Metric("ClassRecall", "None", "Recall of a class among labelled tweets", by="class")
CLASS_F1: Final = Metric("ClassF1", "None", "F1 of a class among labelled tweets", by="class")

CHAMPION_VERSION: Final = Metric("ChampionVersion", "None", "Version that the champion pointer names")
VERSIONS_SERVING: Final = Metric("VersionsServing", "Count", "Model versions among the verdicts in the window")

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""

DRIFT_SIGNALS: Final = (TEXT_DRIFT, PREDICTION_DRIFT, CONFIDENCE_DRIFT, LENGTH_DRIFT, LANGUAGE_DRIFT)
"""The signals that :data:`DRIFTED_SHARE` counts."""
