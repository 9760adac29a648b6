"""A function that reads a stream: the event source mapping, and the alarms on its health."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.alarms import Alarms
from stacks.constructs.image_function import ImageFunction
from stacks.constructs.reasons import acknowledge, wildcard_below


class StreamConsumer(Construct):
    """Lets a function read a stream, in order, without ever blocking a shard for good or losing a record.

    Left to its defaults a mapping retries a failing batch for as long as the stream keeps it, and nothing behind it
    moves. Here a failing batch is halved to find the record at fault, is retried a set number of times up to a set age,
    and then goes to the failure destination. That is a bucket, because a queue or topic would get its metadata only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        name: str,
        consumer: ImageFunction,
        stream: kinesis.IStream,
        failed_records: s3.IBucket,
        alarms: Alarms,
    ) -> None:
        """Wire a function to a stream.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: gives the mapping's settings.
            name: of the function.
            consumer: the function.
            stream: what it reads.
            failed_records: where records go that cannot be processed.
            alarms: of the stack.
        """
        super().__init__(scope, construct_id)
        settings = stage.streams
        consumer.alias.add_event_source(
            sources.KinesisEventSource(
                stream,
                # LATEST can miss records that arrive while the mapping is being created.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=settings.batch_size,
                max_batching_window=Duration.seconds(settings.batching_window_seconds),
                parallelization_factor=settings.parallelization,
                bisect_batch_on_error=True,
                retry_attempts=settings.retry_attempts,
                max_record_age=Duration.seconds(settings.max_record_age_seconds),
                report_batch_item_failures=True,
                on_failure=sources.S3OnFailureDestination(failed_records),
                enabled=settings.mappings_enabled,
            )
        )
        role = consumer.function.role
        if role is not None:
            acknowledge(
                role,
                "Lambda writes the failure destination's objects under keys of its own choosing; the actions are those "
                "that the CDK grants for putting objects and for reading one stream",
                wildcard_below(stage, "failed-records", "*"),
                "AwsSolutions-IAM5[Action::s3:Abort*]",
                "AwsSolutions-IAM5[Action::s3:GetBucket*]",
                "AwsSolutions-IAM5[Action::s3:GetObject*]",
                "AwsSolutions-IAM5[Action::s3:List*]",
                "AwsSolutions-IAM5[Action::s3:DeleteObject*]",
                "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]",
                "AwsSolutions-IAM5[Action::kms:ReEncrypt*]",
            )
        alarms.on_consumer(name, consumer.function, stage)
