"""The way of a tweet: two streams, the classifier, the warner, and what tells people when either is in trouble.

``tweet_events`` -> classify -> ``tweet_classification`` -> warn -> a topic for warnings and a bus for whoever reviews.
What sources take back comes over the same bus, and is forgotten by withdraw.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_app.images import LAMBDAS
from cdk_app.stages import TWEET_CLASSIFICATION, TWEET_EVENTS, StageConfig
from lambdas.common import metric_names
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, Alarms, Kind
from stacks.constructs.image_function import ImageFunction
from stacks.constructs.reasons import acknowledge, wildcard_below
from stacks.constructs.stream_consumer import StreamConsumer
from stacks.constructs.withdrawals import Withdrawals
from stacks.storage import StorageStack

CHAMPION_REFRESH_SECONDS = 60

OWN_ALARMS: tuple[tuple[Kind, metric_names.Metric, int], ...] = (
    (kinds.CHAMPION_REJECTED, metric_names.CHAMPION_REJECTED, 1),
    (kinds.CHAMPION_MISSING, metric_names.CHAMPION_MISSING, 1),
    (kinds.CHAMPION_UNREACHABLE, metric_names.CHAMPION_UNREACHABLE, 3),
    (kinds.VERDICTS_FAILED, metric_names.VERDICTS_FAILED, 1),
    (kinds.WARNINGS_HELD, metric_names.WARNINGS_HELD, 1),
    (kinds.SINK_FAILED, metric_names.SINK_FAILED, 5),
    (kinds.PARKED, metric_names.RECORDS_PARKED, 10),
)
"""Kinds of alarm on the functions' own metrics, and from how many in five minutes on."""


class StreamingStack(Stack):
    """Streams, functions, mappings, topics, bus, alarms.

    Attributes:
        tweet_events: the stream of tweets.
        tweet_classification: the stream of verdicts.
        classify: the classifier.
        warn: the warner.
        withdrawals: acts on deletions and edits.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, storage: StorageStack, **kwargs: object
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage, self._storage = stage, storage
        # By name, not by export: stacks that import each other's exports cannot be changed independently.
        self._artefacts = self._bucket("Artefacts", "artefacts")
        self._failed_records = self._bucket("FailedRecords", "failed-records")
        self._alarms = Alarms(self, "Alarms", stage=stage, topic=storage.alarms)
        self.tweet_events = self._stream("TweetEvents", TWEET_EVENTS)
        self.tweet_classification = self._stream("TweetClassification", TWEET_CLASSIFICATION)
        self.warnings_topic = sns.Topic(
            self,
            "Warnings",
            topic_name=stage.physical("warnings.fifo"),
            fifo=True,
            # One group an author: authors do not wait for each other, and a limit of the group is not one of the topic.
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
            master_key=storage.key,
            enforce_ssl=True,
        )
        self.event_bus = events.EventBus(
            self, "Bus", event_bus_name=stage.event_bus, description="What is to be told of tweets, without their text"
        )
        self.classify = self._classify()
        self.warn = self._warn()
        self._consume("ClassifyTweets", self.classify, self.tweet_events)
        self._consume("WarnAuthors", self.warn, self.tweet_classification)
        self.withdrawals = Withdrawals(
            self,
            "Withdrawals",
            stage=stage,
            storage=storage,
            bus=self.event_bus,
            archive=self._bucket("Archive", "archive"),
            data=self._bucket("Data", "data"),
            alarms=self._alarms,
        )
        CfnOutput(self, "TweetEventsStream", value=self.tweet_events.stream_name)
        CfnOutput(self, "TweetClassificationStream", value=self.tweet_classification.stream_name)
        CfnOutput(self, "WarningsTopicArn", value=self.warnings_topic.topic_arn)
        CfnOutput(self, "EventBusName", value=self.event_bus.event_bus_name)

    def _stream(self, construct_id: str, name: str) -> kinesis.Stream:
        settings = self._stage.streams
        stream = kinesis.Stream(
            self,
            construct_id,
            stream_name=self._stage.physical(name),
            stream_mode=kinesis.StreamMode.ON_DEMAND if settings.shards is None else kinesis.StreamMode.PROVISIONED,
            shard_count=settings.shards,
            retention_period=Duration.hours(settings.retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._storage.key,
            # What is in a stream is on its way; a stage that keeps its data keeps these records as well.
            removal_policy=RemovalPolicy.RETAIN if self._stage.keep_data else RemovalPolicy.DESTROY,
        )
        acknowledge(
            stream,
            "Tweets are personal data: with a key of our own, reading them takes a right to it, which can be revoked",
            "AwsSolutions-KDS3",
        )
        refused = stream.metric_write_provisioned_throughput_exceeded(statistic="Sum", period=FIVE_MINUTES)
        self._alarms.on(name, kinds.STREAM_THROTTLED, refused, periods=2)
        return stream

    def _classify(self) -> ImageFunction:
        storage = self._storage
        classify = ImageFunction(
            self,
            "Classify",
            stage=self._stage,
            name="classify",
            repository=storage.repositories[LAMBDAS.name],
            settings=self._stage.classify,
            environment={
                "CLASSIFICATION_STREAM": self.tweet_classification.stream_name,
                "CHAMPION_PARAMETER": storage.champion.parameter_name,
                "FAILED_RECORDS_BUCKET": self._failed_records.bucket_name,
                "CHAMPION_REFRESH_SECONDS": str(CHAMPION_REFRESH_SECONDS),
                "TRACE_SHARE": str(self._stage.trace_share),
                "EXPLAIN": "true",
            },
        )
        classify.allow("ReadPointer", ["ssm:GetParameter"], storage.champion.parameter_arn)
        classify.allow(
            "ReadModels",
            ["s3:GetObject"],
            self._artefacts.arn_for_objects("models/*"),
        )
        acknowledge(
            classify.role,
            "The champion's version, and with it its folder, changes with every promotion",
            wildcard_below(self._stage, "artefacts", "models/*"),
        )
        classify.allow("WriteVerdicts", ["kinesis:PutRecords"], self.tweet_classification.stream_arn)
        classify.allow("EncryptVerdicts", ["kms:GenerateDataKey"], storage.key.key_arn)
        self._may_park(classify)
        return classify

    def _warn(self) -> ImageFunction:
        storage = self._storage
        warn = ImageFunction(
            self,
            "Warn",
            stage=self._stage,
            name="warn",
            repository=storage.repositories[LAMBDAS.name],
            settings=self._stage.warn,
            environment={
                "WARNINGS_TABLE": storage.warnings.table_name,
                "NOTIFICATION_TOPIC_ARN": self.warnings_topic.topic_arn,
                "EVENT_BUS_NAME": self.event_bus.event_bus_name,
                "DAILY_WARNING_QUOTA": str(self._stage.daily_warning_quota),
                "FAILED_RECORDS_BUCKET": self._failed_records.bucket_name,
            },
        )
        warn.allow(
            "KeepLedger",
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            storage.warnings.table_arn,
        )
        warn.allow("SendWarnings", ["sns:Publish"], self.warnings_topic.topic_arn)
        warn.allow("Announce", ["events:PutEvents"], self.event_bus.event_bus_arn)
        warn.allow("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], storage.key.key_arn)
        self._may_park(warn)
        return warn

    def _may_park(self, function: ImageFunction) -> None:
        keys = f"{function.name}/*"
        function.allow("ParkRecords", ["s3:PutObject"], self._failed_records.arn_for_objects(keys))
        acknowledge(
            function.role,
            "Each batch's parked records are an object of their own, below the function's prefix",
            wildcard_below(self._stage, "failed-records", keys),
        )

    def _bucket(self, construct_id: str, thing: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_name(self, construct_id, self._stage.bucket(thing, self.account))

    def _consume(self, construct_id: str, consumer: ImageFunction, stream: kinesis.Stream) -> None:
        StreamConsumer(
            self,
            construct_id,
            stage=self._stage,
            consumer=consumer,
            stream=stream,
            key=self._storage.key,
            failed_records=self._failed_records,
            alarms=self._alarms,
        )
        for kind, measure, threshold in OWN_ALARMS:
            if consumer.name in measure.services:
                self._alarms.on(consumer.name, kind, self._own_metric(measure, consumer.name), threshold=threshold)

    def _own_metric(self, measure: metric_names.Metric, service: str) -> cloudwatch.Metric:
        values = {"service": service, "stage": self._stage.name}
        return cloudwatch.Metric(
            namespace=metric_names.NAMESPACE,
            metric_name=measure.name,
            dimensions_map={name: values[name] for name in measure.dimensions},
            statistic="Sum",
            period=FIVE_MINUTES,
        )
