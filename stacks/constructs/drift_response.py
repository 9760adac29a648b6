"""From drift to a retraining: alarms on both, their composite, and the workflow that starts a retraining once.

The composite alarm's change of state is an event; a rule hands it to the workflow. The workflow looks itself whether
both alarms are raised, takes the turn by a conditional write, which only one of any number of executions can, and
starts the retrain state machine with the reason in its input. As long as the turn is taken nobody else gets it. A
schedule starts the same workflow again and again, so that drift which outlives the cool-down is not forgotten: an alarm
that stays raised makes no second event.
"""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_app.stages import StageConfig
from monitoring import metric_names as names
from stacks.constructs.alarms import Alarms, Kind
from stacks.constructs.drift_report import run_by_schedule
from stacks.constructs.reasons import acknowledge
from stacks.constructs.workflow import Workflow, tell

DRIFT: Final = Kind(
    "drift",
    "champion-drift",
    "Half or more of the watched signals of current tweets are beyond their thresholds.",
    "Read the latest drift report.",
)
PERFORMANCE: Final = Kind(
    "performance",
    "champion-performance",
    "On tweets whose true class became known the champion is clearly worse than on its validation data.",
    "Read the quality section of the latest drift report.",
)
MISSING_DATA: Final = Kind(
    "missing_data",
    "champion-missing-data",
    "Drift reports find too few verdicts, or are not made at all.",
    "See whether tweets arrive, are archived, and whether the report's last execution succeeded.",
)
SUBJECT: Final = "champion"
COMPOSITE: Final = "champion_retrain_wanted"
TURN: Final = "retrain"
"""Key of the item that remembers the last retraining that drift has started."""

MAX_REASON: Final = 250
"""Characters of the reason; jobs carry it in an environment variable, which SageMaker limits to 256."""

_HOUR: Final = Duration.hours(1)


class DriftResponse(Construct):
    """The alarms on drift and quality, and what follows when both are raised.

    Attributes:
        workflow: the state machine that starts retrainings.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        alarms: Alarms,
        topic: sns.ITopic,
        key: kms.IKey,
    ) -> None:
        """Make them.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: gives cool-down and names.
            alarms: of the stack.
            topic: is told of failures.
            key: of the topic.
        """
        super().__init__(scope, construct_id)
        self._stage = stage
        self._stack = Stack.of(self)
        drift = self._alarm(alarms, DRIFT, names.DRIFTED_SHARE)
        performance = self._alarm(alarms, PERFORMANCE, names.MACRO_F1_DROP)
        watched = self._composite(drift, performance, topic) if stage.monitoring.composite_alarm else None
        self._missing_data(alarms)
        turns = self._turns()
        self.workflow = Workflow(
            self,
            "Workflow",
            stage=stage,
            name="drift_response",
            comment="Starts a retraining when tweets have drifted and the model has become worse, once per cool-down",
            start="Look at the alarms",
            states=self._states(turns, topic),
            timeout=Duration.minutes(15),
            rights=self._rights(turns, topic, key),
        )
        alarm_names = (
            [self._stage.physical(COMPOSITE)]
            if watched
            else [stage.physical(f"{SUBJECT}_{kind.name}") for kind in (DRIFT, PERFORMANCE)]
        )
        events.Rule(
            self,
            "Raised",
            rule_name=stage.physical("drift_raised"),
            description="Drift and loss of quality start a retraining",
            event_pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                detail={"alarmName": alarm_names, "state": {"value": ["ALARM"]}},
            ),
            targets=[targets.SfnStateMachine(self.workflow.machine)],
        )
        run_by_schedule(self, "Drift_response", stage=stage, machine=self.workflow.machine)

    def _alarm(self, alarms: Alarms, kind: Kind, metric: names.Metric) -> cloudwatch.Alarm:
        if metric.threshold is None or metric.worse != "above":
            raise ValueError(f"{metric.name} has no threshold to be above of")
        alarm = alarms.on(SUBJECT, kind, self._metric(metric, _HOUR, "Maximum"), threshold=metric.threshold)
        # Between two reports there is no data: what the last one found holds until the next.
        resource = alarm.node.default_child
        if isinstance(resource, cloudwatch.CfnAlarm):
            resource.treat_missing_data = "ignore"
        return alarm

    def _composite(
        self, drift: cloudwatch.Alarm, performance: cloudwatch.Alarm, topic: sns.ITopic
    ) -> cloudwatch.CompositeAlarm:
        both = cloudwatch.AlarmRule.all_of(
            cloudwatch.AlarmRule.from_alarm(drift, cloudwatch.AlarmState.ALARM),
            cloudwatch.AlarmRule.from_alarm(performance, cloudwatch.AlarmState.ALARM),
        )
        alarm = cloudwatch.CompositeAlarm(
            self,
            "RetrainWanted",
            composite_alarm_name=self._stage.physical(COMPOSITE),
            alarm_description=(
                "Tweets have drifted and the champion has become worse: a retraining is started, once per cool-down. "
                "Runbook: docs/runbooks/champion-retrain-wanted.md"
            ),
            alarm_rule=both,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))
        alarm.add_ok_action(actions.SnsAction(topic))
        return alarm

    def _missing_data(self, alarms: Alarms) -> None:
        settings = self._stage.monitoring
        if settings.schedule is None or not settings.expects_traffic:
            return
        alarms.on(
            SUBJECT,
            MISSING_DATA,
            self._metric(names.VERDICTS_IN_WINDOW, Duration.hours(settings.schedule_hours), "Maximum"),
            threshold=settings.minimum_verdicts,
            periods=2,
            below=True,
            silence_is_a_fault=True,
        )

    def _metric(self, metric: names.Metric, period: Duration, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.NAMESPACE,
            metric_name=metric.name,
            dimensions_map={"service": names.SERVICE, "stage": self._stage.name},
            statistic=statistic,
            period=period,
        )

    def _turns(self) -> dynamodb.Table:
        """One item. Losing it costs no more than one retraining too early."""
        table = dynamodb.Table(
            self,
            "Turns",
            table_name=self._stage.physical("drift_response"),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(table, "It remembers one moment, and nothing is lost with it", "AwsSolutions-DDB3")
        return table

    def _states(self, turns: dynamodb.Table, topic: sns.ITopic) -> dict[str, dict[str, Any]]:
        alarm_names = [self._stage.physical(f"{SUBJECT}_{kind.name}") for kind in (DRIFT, PERFORMANCE)]
        cooldown = self._stage.monitoring.cooldown_hours * 3600
        failed = {
            "ErrorEquals": ["States.ALL"],
            "Assign": {"cause": "{% $states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}"},
        }
        return {
            "Look at the alarms": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:cloudwatch:describeAlarms",
                "Arguments": {"AlarmNames": alarm_names, "AlarmTypes": ["MetricAlarm"], "StateValue": "ALARM"},
                "Assign": {
                    "raised": "{% $count($states.result.MetricAlarms) %}",
                    "reason": "{% $substring('drift: ' & $join($states.result.MetricAlarms.(MetricName"
                    f" & ' at or above ' & Threshold & ' (' & StateReason & ')'), '; '), 0, {MAX_REASON}) %}}",
                },
                "Catch": [{**failed, "Next": "Tell somebody"}],
                "Next": "Both raised?",
            },
            "Both raised?": {
                "Type": "Choice",
                "Choices": [{"Condition": f"{{% $raised = {len(alarm_names)} %}}", "Next": "Take the turn"}],
                "Default": "Nothing to do",
            },
            "Nothing to do": _end(started=False, why="not both alarms are raised"),
            "Take the turn": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:putItem",
                "Arguments": {
                    "TableName": turns.table_name,
                    "Item": {
                        "pk": {"S": TURN},
                        "until": {"N": f"{{% $string($floor($millis() / 1000) + {cooldown}) %}}"},
                        "reason": {"S": "{% $reason %}"},
                        "execution": {"S": "{% $states.context.Execution.Id %}"},
                    },
                    "ConditionExpression": "attribute_not_exists(pk) OR #until <= :now",
                    "ExpressionAttributeNames": {"#until": "until"},
                    "ExpressionAttributeValues": {":now": {"N": "{% $string($floor($millis() / 1000)) %}"}},
                },
                "Catch": [
                    {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Next": "Cooling down"},
                    {**failed, "Next": "Tell somebody"},
                ],
                "Next": "Start a retraining",
            },
            "Cooling down": _end(started=False, why="cooling down"),
            "Start a retraining": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution",
                "Arguments": {"StateMachineArn": self._retrain(), "Input": {"reason": "{% $reason %}"}},
                "Output": {"started": True, "why": "{% $reason %}", "execution": "{% $states.result.ExecutionArn %}"},
                "Catch": [{**failed, "Next": "Give the turn back"}],
                "End": True,
            },
            "Give the turn back": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:deleteItem",
                "Arguments": {"TableName": turns.table_name, "Key": {"pk": {"S": TURN}}},
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell somebody"}],
                "Next": "Tell somebody",
            },
            "Tell somebody": tell(
                topic.topic_arn,
                f"{self._stage.name}: drift could not start a retraining",
                "$cause & '\nRunbook: docs/runbooks/champion-retrain-wanted.md'",
                "Failed",
            ),
            "Failed": {"Type": "Fail", "Error": "ResponseFailed", "Cause": "No retraining was started; see the notice"},
        }

    def _retrain(self) -> str:
        machine = self._stage.physical("retrain")
        return f"arn:{self._stack.partition}:states:{self._stage.region}:{self._stack.account}:stateMachine:{machine}"

    def _rights(self, turns: dynamodb.Table, topic: sns.ITopic, key: kms.IKey) -> list[iam.PolicyStatement]:
        alarms = f"arn:{self._stack.partition}:cloudwatch:{self._stage.region}:{self._stack.account}:alarm:*"
        statements = {
            "Look": (["cloudwatch:DescribeAlarms"], [alarms]),
            "Turn": (["dynamodb:PutItem", "dynamodb:DeleteItem"], [turns.table_arn]),
            "Retrain": (["states:StartExecution"], [self._retrain()]),
            "Tell": (["sns:Publish"], [topic.topic_arn]),
            "Encrypt": (["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn]),
        }
        account = self._stage.account or "<AWS::AccountId>"
        acknowledge(
            self,
            "CloudWatch authorises the listing of alarms by name on all alarms of the account",
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudwatch:{self._stage.region}:{account}:alarm:*]",
        )
        return [
            iam.PolicyStatement(sid=sid, actions=actions_, resources=resources)
            for sid, (actions_, resources) in statements.items()
        ]


def _end(*, started: bool, why: str) -> dict[str, Any]:
    return {"Type": "Pass", "Output": {"started": started, "why": why}, "End": True}
