"""Alarms that say what is wrong, how bad it is and which page of the runbook to open."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_app.stages import StageConfig
from lambdas.common.metric_names import (
    CHAMPION_MISSING,
    CHAMPION_REJECTED,
    NAMESPACE,
    RECORDS_PARKED,
    SINK_FAILED,
    VERDICTS_FAILED,
    WARNINGS_HELD,
    Metric,
)

RUNBOOKS: Final = "docs/runbooks"
_FIVE_MINUTES: Final = Duration.minutes(5)


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

    def on(  # noqa: PLR0917 - read as a table
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        runbook: str,
        meaning: str,
        periods: int = 1,
        *,
        statistic_needs_data: bool = False,
    ) -> cloudwatch.Alarm:
        """Make one alarm.

        Args:
            name: of the alarm, after the stage.
            metric: with statistic and period.
            threshold: from which on it is raised.
            runbook: the page's name, without the folder and the ending.
            meaning: one sentence for whoever is woken up.
            periods: how many periods in a row.
            statistic_needs_data: whether silence is itself a fault.
        """
        alarm = cloudwatch.Alarm(
            self,
            name.title().replace("_", ""),
            alarm_name=self._stage.physical(name),
            alarm_description=f"{meaning} Runbook: {RUNBOOKS}/{runbook}.md",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING
            if statistic_needs_data
            else cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm

    def on_consumer(self, name: str, function: lambda_.IFunction, stage: StageConfig) -> None:
        """The alarms that every consumer of a stream has."""
        age_limit = stage.iterator_age_alarm_seconds
        self.on(
            f"{name}_iterator_age",
            function.metric("IteratorAge", statistic="Maximum", period=Duration.minutes(1)),
            age_limit * 1000,
            "iterator-age",
            f"The function {name} is more than {age_limit} s behind its stream.",
            periods=3,
        )
        self.on(
            f"{name}_errors",
            function.metric_errors(period=_FIVE_MINUTES),
            3,
            "function-errors",
            f"Invocations of the function {name} fail as a whole; their batches are being retried.",
        )
        self.on(
            f"{name}_throttles",
            function.metric_throttles(period=_FIVE_MINUTES),
            10,
            "throttles",
            f"Invocations of the function {name} are refused for want of concurrency.",
            periods=2,
        )
        self.on(
            f"{name}_lost_batches",
            function.metric("DestinationDeliveryFailures", statistic="Sum", period=_FIVE_MINUTES),
            1,
            "failure-destination",
            f"Records that the function {name} gave up on could not be written to the failure destination.",
        )
        self.on(
            f"{name}_records_parked",
            own_metric(RECORDS_PARKED, name, stage),
            10,
            "records-parked",
            f"Records that the function {name} can never process are being set aside.",
        )

    def on_classifier(self, stage: StageConfig) -> None:
        """The alarms that only the classifier has."""
        rows = (
            (CHAMPION_REJECTED, 1, "champion-rejected", "A promoted model was refused; the old one keeps serving."),
            (CHAMPION_MISSING, 1, "champion-missing", "There is no model to serve; batches are being turned back."),
            (VERDICTS_FAILED, 1, "verdicts-failed", "Verdicts could not be written to tweet_classification."),
        )
        for metric, threshold, runbook, meaning in rows:
            name = runbook.replace("-", "_")
            self.on(f"classify_{name}", own_metric(metric, "classify", stage), threshold, runbook, meaning)

    def on_warner(self, stage: StageConfig) -> None:
        """The alarms that only the warner has."""
        rows = (
            (WARNINGS_HELD, 1, "warnings-held", "The daily quota is used up; warnings are kept back."),
            (SINK_FAILED, 5, "sink-failed", "Warnings or announcements do not reach their sink; they are retried."),
        )
        for metric, threshold, runbook, meaning in rows:
            name = runbook.replace("-", "_")
            self.on(f"warn_{name}", own_metric(metric, "warn", stage), threshold, runbook, meaning)


def own_metric(metric: Metric, service: str, stage: StageConfig) -> cloudwatch.Metric:
    """A metric that the functions emit, summed over five minutes."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric.name,
        dimensions_map={"service": service, "stage": stage.name},
        statistic="Sum",
        period=_FIVE_MINUTES,
    )
