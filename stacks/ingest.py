"""The tweet source of a stage: one task that reads an API and puts tweets into ``tweet_events``.

Only stages that name a source have this stack. It can be deployed, changed and destroyed beside a running stage; while
it is away no tweet is lost that the source gives back.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_app.images import INGEST
from cdk_app.settings import PAID_SOURCES
from cdk_app.stages import StageConfig
from ingest import metric_names
from stacks.constructs.alarms import FIVE_MINUTES, Alarms, Kind
from stacks.constructs.outbound_network import OutboundNetwork
from stacks.constructs.reasons import acknowledge
from stacks.constructs.source_task import NAME, SourceTask
from stacks.storage import StorageStack
from stacks.streaming import StreamingStack

DISCONNECTED: Final = Kind(
    "disconnected",
    "ingest-disconnected",
    "The source has not been readable, or has not run, for a quarter of an hour.",
    "Read the task's log: it says what the source answers.",
)
LAG: Final = Kind(
    "lag",
    "ingest-lag",
    "Tweets reach the stream late.",
    "See whether the stream refuses writes, or the source gives back a longer pause.",
)
STALLED: Final = Kind(
    "stalled",
    "ingest-stalled",
    "The stream or the bus accepts nothing; the source is held back.",
    "Read the codes of the refusals in the task's log.",
)
BUDGET: Final = Kind(
    "budget",
    "ingest-budget",
    "Four fifths of the day's budget of paid reads are spent.",
    "See which rule brings so many tweets before raising the budget.",
)
EXHAUSTED: Final = Kind(
    "budget_exhausted",
    "ingest-budget",
    "The day's budget of paid reads is spent; nothing is read until midnight UTC.",
    "Narrow the rules, or raise the budget.",
)
MALFORMED: Final = Kind(
    "malformed",
    "ingest-malformed",
    "Messages of the source cannot be read.",
    "See whether the API has changed.",
)
GAP: Final = Kind(
    "gap",
    "ingest-gap",
    "A pause was too long for the source to give everything back.",
    "Find out why nothing was read for so long.",
)
KINDS: Final = (DISCONNECTED, LAG, STALLED, BUDGET, EXHAUSTED, MALFORMED, GAP)

STALLED_SECONDS: Final = 120
BUDGET_PERCENT: Final = 80
MALFORMED_MESSAGES: Final = 20


class IngestStack(Stack):
    """The source's task, its checkpoints, its token and its alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        storage: StorageStack,
        streaming: StreamingStack,
        **kwargs: object,
    ) -> None:
        """Compose the stack for a stage that names a source."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self._alarms = Alarms(self, "Alarms", stage=stage, topic=storage.alarms)
        self._table = self._checkpoints(storage)
        self._task = SourceTask(
            self,
            "Source",
            stage=stage,
            network=OutboundNetwork(self, "Network", stage=stage, name=NAME),
            repository=storage.repositories[INGEST.name],
            environment={
                "SOURCE": stage.ingest.source or "",
                "STREAM": streaming.tweet_events.stream_name,
                "EVENT_BUS_NAME": streaming.event_bus.event_bus_name,
                "EVENT_SOURCE": stage.event_source,
                "CHECKPOINT_TABLE": self._table.table_name,
                "LANGUAGES": stage.ingest.languages,
                **self._paid(),
            },
        )
        self._grant(storage, streaming)
        self._watch()
        CfnOutput(self, "ServiceName", value=self._task.service.service_name)

    def _checkpoints(self, storage: StorageStack) -> dynamodb.Table:
        keep = self._stage.keep_data
        return dynamodb.Table(
            self,
            "Checkpoints",
            table_name=self._stage.physical(NAME),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=storage.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )

    def _paid(self) -> dict[str, str]:
        """The settings of a source that costs money, and the empty secret for its token."""
        if self._stage.ingest.source not in PAID_SOURCES:
            self._token = None
            return {}
        # Not Secret: that would make up a password, which the API would then be asked to accept.
        self._token = secretsmanager.CfnSecret(
            self,
            "Token",
            name=self._stage.secret("x-token"),
            description="Bearer token of the X app; put it in by hand",
        )
        acknowledge(self._token, "X issues the token; it cannot be rotated from here", "AwsSolutions-SMG4")
        CfnOutput(self, "TokenSecret", value=self._stage.secret("x-token"))
        return {
            "X_TOKEN_SECRET_ARN": self._token.ref,
            "DAILY_BUDGET_USD": f"{self._stage.ingest.daily_budget_usd:g}",
            "X_BACKFILL": str(self._stage.ingest.x_backfill).lower(),
        }

    def _grant(self, storage: StorageStack, streaming: StreamingStack) -> None:
        task = self._task
        task.allow("PutTweets", ["kinesis:PutRecords"], streaming.tweet_events.stream_arn)
        task.allow("Announce", ["events:PutEvents"], streaming.event_bus.event_bus_arn)
        task.allow(
            "KeepCheckpoints", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], self._table.table_arn
        )
        task.allow("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], storage.key.key_arn)
        if self._token is not None:
            task.allow("ReadToken", ["secretsmanager:GetSecretValue"], self._token.ref)

    def _watch(self) -> None:
        on = self._alarms.on
        connected = self._metric(metric_names.SOURCE_CONNECTED, "Maximum")
        on(NAME, DISCONNECTED, connected, below=True, periods=3, silence_is_a_fault=True)
        lag = self._metric(metric_names.TWEET_LAG, "Maximum")
        on(NAME, LAG, lag, threshold=self._stage.ingest.lag_alarm_seconds, periods=3)
        on(NAME, STALLED, self._metric(metric_names.DELIVERY_STALLED, "Maximum"), threshold=STALLED_SECONDS)
        malformed = self._metric(metric_names.MALFORMED_MESSAGES, "Sum")
        on(NAME, MALFORMED, malformed, threshold=MALFORMED_MESSAGES, periods=2)
        on(NAME, GAP, self._metric(metric_names.CHECKPOINT_GAPS, "Sum"))
        if self._stage.ingest.source in PAID_SOURCES:
            on(NAME, BUDGET, self._metric(metric_names.BUDGET_USED, "Maximum"), threshold=BUDGET_PERCENT)
            on(NAME, EXHAUSTED, self._metric(metric_names.BUDGET_EXHAUSTED, "Maximum"))

    def _metric(self, measure: metric_names.Metric, statistic: str) -> cloudwatch.Metric:
        values = {"service": metric_names.SERVICE, "stage": self._stage.name}
        return cloudwatch.Metric(
            namespace=metric_names.NAMESPACE,
            metric_name=measure.name,
            dimensions_map={name: values[name] for name in measure.dimensions},
            statistic=statistic,
            period=FIVE_MINUTES,
        )
