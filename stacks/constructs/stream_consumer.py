"""A function that reads a stream: the event source mapping, its rights, and the alarms on its health."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, MINUTE, Alarms
from stacks.constructs.image_function import ImageFunction
from stacks.constructs.reasons import acknowledge, wildcard_below

READ_ACTIONS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
GIVEN_UP_KEYS = "aws/lambda/*"
"""Lambda's own prefix in a bucket that is a failure destination."""


class StreamConsumer(Construct):
    """Lets a function read a stream, in order, without ever blocking a shard for good or losing a record.

    Left to its defaults a mapping retries a failing batch for as long as the stream keeps it, and nothing behind it
    moves. Here a failing batch is halved to find the record at fault, is retried a set number of times up to a set age,
    and then goes to the failure destination. That is a bucket, because a queue or topic would get its metadata only.

    Attributes:
        mapping: the event source mapping.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        consumer: ImageFunction,
        stream: kinesis.IStream,
        key: kms.IKey,
        failed_records: s3.IBucket,
        alarms: Alarms,
    ) -> None:
        """Wire a function to a stream.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: gives the mapping's settings.
            consumer: the function.
            stream: what it reads.
            key: that the stream is encrypted with.
            failed_records: where records go that cannot be processed.
            alarms: of the stack.
        """
        super().__init__(scope, construct_id)
        rights = self._rights(stage, consumer, stream, key, failed_records)
        settings = stage.streams
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=consumer.alias.function_arn,
            event_source_arn=stream.stream_arn,
            # LATEST can miss records that arrive while the mapping is being created.
            starting_position="TRIM_HORIZON",
            enabled=settings.mappings_enabled,
            batch_size=settings.batch_size,
            maximum_batching_window_in_seconds=settings.batching_window_seconds,
            parallelization_factor=settings.parallelization,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=settings.retry_attempts,
            maximum_record_age_in_seconds=settings.max_record_age_seconds,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failed_records.bucket_arn)
            ),
            metrics_config=lambda_.CfnEventSourceMapping.MetricsConfigProperty(metrics=["EventCount"]),
        )
        # Lambda tries the role when the mapping is created.
        self.mapping.node.add_dependency(rights)
        self._watch(stage, consumer, alarms)

    def _rights(
        self,
        stage: StageConfig,
        consumer: ImageFunction,
        stream: kinesis.IStream,
        key: kms.IKey,
        failed_records: s3.IBucket,
    ) -> iam.Policy:
        """What Lambda's poller does in the name of the function's role.

        Written by hand: the CDK's grant for a failure destination lets the function read and delete the whole bucket.
        """
        policy = iam.Policy(
            self,
            "Rights",
            roles=[consumer.role],
            statements=[
                iam.PolicyStatement(sid="ReadStream", actions=list(READ_ACTIONS), resources=[stream.stream_arn]),
                iam.PolicyStatement(sid="DecryptStream", actions=["kms:Decrypt"], resources=[key.key_arn]),
                iam.PolicyStatement(
                    sid="KeepGivenUp",
                    actions=["s3:PutObject"],
                    resources=[failed_records.arn_for_objects(GIVEN_UP_KEYS)],
                ),
                iam.PolicyStatement(
                    sid="FindGivenUp", actions=["s3:ListBucket"], resources=[failed_records.bucket_arn]
                ),
            ],
        )
        acknowledge(
            policy,
            "Lambda writes the failure destination's objects under keys of its own choosing, below this prefix",
            wildcard_below(stage, "failed-records", GIVEN_UP_KEYS),
        )
        return policy

    def _watch(self, stage: StageConfig, consumer: ImageFunction, alarms: Alarms) -> None:
        name, function = consumer.name, consumer.function
        alarms.on(
            name,
            kinds.ITERATOR_AGE,
            function.metric("IteratorAge", statistic="Maximum", period=MINUTE),
            threshold=1000 * stage.iterator_age_alarm_seconds,
            periods=3,
        )
        alarms.on(name, kinds.ERRORS, function.metric_errors(period=FIVE_MINUTES), threshold=3)
        alarms.on(name, kinds.THROTTLES, function.metric_throttles(period=FIVE_MINUTES), threshold=10, periods=2)
        alarms.on(
            name,
            kinds.LOST_BATCHES,
            function.metric("DestinationDeliveryFailures", statistic="Sum", period=FIVE_MINUTES),
        )
        alarms.on(name, kinds.GIVEN_UP, self._given_up())

    def _given_up(self) -> cloudwatch.IMetric:
        """Records that were retried in vain or grew too old and that the failure destination took."""
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="OnFailureDestinationDeliveredEventCount",
            dimensions_map={"EventSourceMappingUUID": self.mapping.ref},
            statistic="Sum",
            period=FIVE_MINUTES,
        )
