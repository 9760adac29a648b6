"""Alarms that say what is wrong, what to do first, and which page of the runbook to open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_app.stages import StageConfig

RUNBOOKS: Final = "docs/runbooks"
MINUTE: Final = Duration.minutes(1)
FIVE_MINUTES: Final = Duration.minutes(5)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of alarm.

    Attributes:
        name: of the alarm, after the stage and what it is about.
        runbook: the page's name, without the folder and the ending.
        meaning: what is wrong, for whoever is woken up.
        first: what to do first.
    """

    name: str
    runbook: str
    meaning: str
    first: str


ITERATOR_AGE: Final = Kind(
    "iterator_age",
    "iterator-age",
    "The function is behind its stream.",
    "Look for errors and throttles; without either, add shards or parallelization.",
)
ERRORS: Final = Kind(
    "errors",
    "function-errors",
    "Invocations fail as a whole; their batches are being retried.",
    "Read the error in the function's log.",
)
THROTTLES: Final = Kind(
    "throttles",
    "throttles",
    "Invocations are refused for want of concurrency.",
    "Raise the stage's concurrency, or the account's limit.",
)
LOST_BATCHES: Final = Kind(
    "lost_batches",
    "failure-destination",
    "Records that were given up could not be written to the failure destination.",
    "Stop the mapping, then mend the bucket or the rights.",
)
GIVEN_UP: Final = Kind(
    "records_given_up",
    "records-given-up",
    "The mapping gave up on records; they lie in the failure destination.",
    "Find the cause in the function's log, then put them back with lambdas.redrive.",
)
PARKED: Final = Kind(
    "records_parked",
    "records-parked",
    "Records that can never be processed are being set aside.",
    "Read their reasons and tell the source.",
)
CHAMPION_REJECTED: Final = Kind(
    "champion_rejected",
    "champion-rejected",
    "A promoted model was refused; the old one keeps serving.",
    "Roll the pointer back, then look into the artefact.",
)
CHAMPION_MISSING: Final = Kind(
    "champion_missing",
    "champion-missing",
    "There is no model to serve; batches are being turned back.",
    "Promote a model before the tweets leave the stream.",
)
CHAMPION_UNREACHABLE: Final = Kind(
    "champion_unreachable",
    "champion-unreachable",
    "Classifiers cannot ask which model is the champion, or cannot fetch it; the one that they have keeps serving.",
    "See which of the two is refused: the parameter, or the artefact's bucket.",
)
VERDICTS_FAILED: Final = Kind(
    "verdicts_failed",
    "verdicts-failed",
    "Verdicts could not be written to tweet_classification; they are retried.",
    "See whether the stream refuses writes.",
)
WARNINGS_HELD: Final = Kind(
    "warnings_held",
    "warnings-held",
    "The daily quota is used up; warnings are kept back.",
    "Find out why there are so many before raising it.",
)
SINK_FAILED: Final = Kind(
    "sink_failed",
    "sink-failed",
    "Warnings or announcements do not reach their sink; they are retried.",
    "Look at the sink that the function's log names.",
)
WITHDRAWALS_KEPT: Final = Kind(
    "withdrawals_kept",
    "withdrawals-kept",
    "Deletions or edits were not acted upon; they lie in the dead-letter queue.",
    "Read their reason, mend the cause, and send them back to the queue.",
)
WITHDRAWALS_LATE: Final = Kind(
    "withdrawals_late",
    "withdrawals-late",
    "Deletions and edits wait to be acted upon.",
    "Read the function's log for what does not take them.",
)
STREAM_THROTTLED: Final = Kind(
    "writes_throttled",
    "stream-throttled",
    "The stream refuses writes; whoever writes must retry.",
    "Add shards, or give an on-demand stream a quarter of an hour to grow.",
)
RETRAIN_FAILED: Final = Kind(
    "failed",
    "retrain-failed",
    "A retrain did not come to its end; the champion keeps serving.",
    "Open the execution and read the cause of the failed state.",
)
RETRAIN_TIMED_OUT: Final = Kind(
    "timed_out",
    "retrain-failed",
    "A retrain took longer than it may; the champion keeps serving.",
    "Open the execution and see which job it waited for.",
)
MLFLOW_UNREACHABLE: Final = Kind(
    "unreachable",
    "mlflow-unreachable",
    "There has been no healthy MLflow server for a while; retrains will fail.",
    "Look at the group's activity, then at the server's log.",
)
MLFLOW_DATABASE: Final = Kind(
    "storage",
    "mlflow-database",
    "The tracking server's database is running out of storage.",
    "Delete old runs, or raise the storage.",
)

KINDS: Final[tuple[Kind, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
"""All of them; each has its page in the runbooks."""


class Alarms(Construct):
    """The alarms of a stack, all of which go to one topic."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig, topic: sns.ITopic) -> None:
        """Set up; no alarm is made yet.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: part of every alarm's name.
            topic: is told of every alarm, and when it is over.
        """
        super().__init__(scope, construct_id)
        self._stage = stage
        self._action = actions.SnsAction(topic)

    def on(
        self,
        subject: str,
        kind: Kind,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 1,
        periods: int = 1,
        below: bool = False,
        silence_is_a_fault: bool = False,
    ) -> cloudwatch.Alarm:
        """Make one alarm.

        Args:
            subject: what the alarm is about.
            kind: of alarm.
            metric: with statistic and period.
            threshold: from which on it is raised.
            periods: how many of the metric's periods in a row.
            below: whether low values are the bad ones; then it is raised below the threshold.
            silence_is_a_fault: whether no data is as bad as bad data.
        """
        name = f"{subject}_{kind.name}"
        alarm = cloudwatch.Alarm(
            self,
            name.title().replace("_", ""),
            alarm_name=self._stage.physical(name),
            alarm_description=f"{subject}: {kind.meaning} {kind.first} Runbook: {RUNBOOKS}/{kind.runbook}.md",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            if below
            else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING
            if silence_is_a_fault
            else cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm
