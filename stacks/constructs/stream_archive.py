"""Everything that goes through a stream, kept in a bucket: Firehose reads it and writes JSON lines by the hour."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, Size
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.alarms import Alarms, Kind
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge, wildcard_below

PREFIX: Final = "archive"
UNDELIVERED: Final = "undelivered"

LATE: Final = Kind(
    "archive_late",
    "archive-late",
    "Records have waited for half an hour to be archived; drift reports miss them.",
    "Read the delivery stream's error log.",
)
_LATE_SECONDS: Final = 1800
_HOUR: Final = "dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"


class StreamArchive(Construct):
    """The archive of one stream: ``archive/<stream>/dt=2026-11-23/hour=09/``, compressed.

    Five minutes or 64 MB make an object: large enough to be read quickly, soon enough for a report on the last hours.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        thing: str,
        stream: kinesis.IStream,
        key: kms.IKey,
        bucket: s3.IBucket,
        alarms: Alarms,
    ) -> None:
        """Archive a stream.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: part of every name.
            thing: the stream's name without stage, and the folder's.
            stream: to be read.
            key: of the stream.
            bucket: to be written to.
            alarms: of the stack.
        """
        super().__init__(scope, construct_id)
        name = stage.physical(f"archive_{thing}")
        logs = log_group(self, "Logs", stage=stage, name=f"/aws/kinesisfirehose/{name}")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"),
            description=f"Archives {stage.physical(thing)}",
        )
        stream.grant_read(role)
        key.grant_decrypt(role)
        delivery = firehose.DeliveryStream(
            self,
            "Delivery",
            delivery_stream_name=name,
            source=firehose.KinesisStreamSource(stream),
            role=role,
            destination=firehose.S3Bucket(
                bucket,
                role=role,
                compression=firehose.Compression.GZIP,
                data_output_prefix=f"{PREFIX}/{thing}/{_HOUR}",
                error_output_prefix=f"{UNDELIVERED}/{thing}/!{{firehose:error-output-type}}/{_HOUR}",
                file_extension=".jsonl.gz",
                buffering_interval=Duration.minutes(5),
                buffering_size=Size.mebibytes(64),
                processors=[firehose.AppendDelimiterToRecordProcessor()],
                logging_config=firehose.EnableLogging(logs),
            ),
        )
        # Firehose asks for its rights as soon as it is made; without them its creation fails.
        for grant in role.node.children:
            delivery.node.add_dependency(grant)
        alarms.on(
            thing,
            LATE,
            cloudwatch.Metric(
                namespace="AWS/Firehose",
                metric_name="DeliveryToS3.DataFreshness",
                dimensions_map={"DeliveryStreamName": name},
                statistic="Maximum",
                period=Duration.minutes(5),
            ),
            threshold=_LATE_SECONDS,
            periods=2,
        )
        acknowledge(
            role,
            "Firehose makes up the keys of its objects, and needs to finish and abort its own uploads; one bucket only",
            wildcard_below(stage, "archive", "*"),
            "AwsSolutions-IAM5[Action::s3:Abort*]",
            "AwsSolutions-IAM5[Action::s3:DeleteObject*]",
            "AwsSolutions-IAM5[Action::s3:GetBucket*]",
            "AwsSolutions-IAM5[Action::s3:GetObject*]",
            "AwsSolutions-IAM5[Action::s3:List*]",
        )
        acknowledge(
            delivery,
            "Its source is a stream that is encrypted with our own key; Firehose keeps nothing of its own to encrypt",
            "AwsSolutions-KDF1",
        )
