"""Deletions and edits that sources announce on the bus: a rule, a queue, the function that acts on them, its alarms."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_app.images import LAMBDAS
from cdk_app.stages import StageConfig
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, Alarms
from stacks.constructs.image_function import ImageFunction
from stacks.constructs.reasons import acknowledge, wildcard_below
from stacks.storage import AUTHOR_INDEX, WITHDRAWN_ARCHIVE, WITHDRAWN_LABELLED, StorageStack

DETAIL_TYPES: Final = ("TweetWithdrawn", "AuthorWithdrawn")
"""What the rule lets through; a test holds it to what the function understands."""

BATCH_SIZE: Final = 1000
DELIVERIES: Final = 5
"""Of a message, before it goes to the dead-letter queue: with the visibility timeout, an outage of an hour is waited
out."""


class Withdrawals(Construct):
    """Acts on withdrawals.

    A queue lies between bus and function, because each batch of withdrawals makes one object in S3, and one object a
    withdrawal would cost more than everything else about it.

    Attributes:
        function: that acts on them.
        queue: where they wait.
        dead_letters: what was delivered in vain, or is no withdrawal.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        storage: StorageStack,
        bus: events.IEventBus,
        archive: s3.IBucket,
        data: s3.IBucket,
        alarms: Alarms,
    ) -> None:
        """Wire bus, queue and function.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: gives names and sizes.
            storage: has the ledger.
            bus: that sources announce withdrawals on.
            archive: bucket of both streams.
            data: bucket of labelled tweets.
            alarms: of the stack.
        """
        super().__init__(scope, construct_id)
        self._stage = stage
        self.dead_letters = self._queue("DeadLetters", "withdrawals_dead", Duration.seconds(30))
        acknowledge(
            self.dead_letters, "It is the dead-letter queue itself; an alarm watches its depth", "AwsSolutions-SQS3"
        )
        self.queue = self._queue(
            "Queue",
            "withdrawals",
            # Six times the function's timeout (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
            Duration.seconds(6 * stage.withdraw.timeout_seconds),
            dead_letters=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=DELIVERIES),
        )
        self._rule(bus)
        self.function = self._function(storage, archive, data)
        self._consume()
        self._watch(alarms)

    def _queue(
        self, construct_id: str, name: str, visibility: Duration, dead_letters: sqs.DeadLetterQueue | None = None
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            queue_name=self._stage.physical(name),
            # EventBridge could not write to a queue with our own key unless every rule of the account might use it.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=visibility,
            dead_letter_queue=dead_letters,
            removal_policy=RemovalPolicy.RETAIN if self._stage.keep_data else RemovalPolicy.DESTROY,
        )

    def _rule(self, bus: events.IEventBus) -> None:
        events.Rule(
            self,
            "Announced",
            rule_name=self._stage.physical("withdrawals"),
            description="Deletions and edits that tweet sources announce",
            event_bus=bus,
            event_pattern=events.EventPattern(source=[self._stage.event_source], detail_type=list(DETAIL_TYPES)),
            targets=[
                targets.SqsQueue(
                    self.queue,
                    dead_letter_queue=self.dead_letters,
                    retry_attempts=185,
                    max_event_age=Duration.hours(24),
                )
            ],
        )

    def _function(self, storage: StorageStack, archive: s3.IBucket, data: s3.IBucket) -> ImageFunction:
        function = ImageFunction(
            self,
            "Withdraw",
            stage=self._stage,
            name="withdraw",
            repository=storage.repositories[LAMBDAS.name],
            settings=self._stage.withdraw,
            environment={
                "WARNINGS_TABLE": storage.warnings.table_name,
                "AUTHOR_INDEX": AUTHOR_INDEX,
                "ARCHIVE_BUCKET": archive.bucket_name,
                "DATA_BUCKET": data.bucket_name,
                "DEAD_LETTER_QUEUE_URL": self.dead_letters.queue_url,
            },
        )
        function.allow("MarkEntries", ["dynamodb:UpdateItem"], storage.warnings.table_arn)
        function.allow("FindEntries", ["dynamodb:Query"], f"{storage.warnings.table_arn}/index/{AUTHOR_INDEX}")
        function.allow("UseKey", ["kms:Decrypt"], storage.key.key_arn)
        function.allow("SetAside", ["sqs:SendMessage"], self.dead_letters.queue_arn)
        for what, bucket, thing, prefix in (
            ("MarkArchive", archive, "archive", WITHDRAWN_ARCHIVE),
            ("MarkLabelled", data, "data", WITHDRAWN_LABELLED),
        ):
            function.allow(what, ["s3:PutObject"], bucket.arn_for_objects(f"{prefix}*"))
            acknowledge(
                function.role,
                "Each batch's tombstones are an object of their own, below this prefix",
                wildcard_below(self._stage, thing, f"{prefix}*"),
            )
        return function

    def _consume(self) -> None:
        rights = iam.Policy(
            self,
            "Rights",
            roles=[self.function.role],
            statements=[
                iam.PolicyStatement(
                    sid="TakeWithdrawals",
                    actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                    resources=[self.queue.queue_arn],
                )
            ],
        )
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=self.function.alias.function_arn,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH_SIZE,
            maximum_batching_window_in_seconds=self._stage.withdrawal_window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            # Two at a time keep up with a network's deletions, and leave the ledger to warn.
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=2),
        )
        # Lambda tries the role when the mapping is created.
        mapping.node.add_dependency(rights)

    def _watch(self, alarms: Alarms) -> None:
        name, function = self.function.name, self.function.function
        alarms.on(name, kinds.ERRORS, function.metric_errors(period=FIVE_MINUTES), threshold=3)
        alarms.on(
            name,
            kinds.WITHDRAWALS_KEPT,
            self.dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum", period=FIVE_MINUTES),
        )
        alarms.on(
            name,
            kinds.WITHDRAWALS_LATE,
            cloudwatch.Metric(
                namespace="AWS/SQS",
                metric_name="ApproximateAgeOfOldestMessage",
                dimensions_map={"QueueName": self.queue.queue_name},
                statistic="Maximum",
                period=FIVE_MINUTES,
            ),
            threshold=self._stage.withdrawal_alarm_seconds,
            periods=3,
        )
