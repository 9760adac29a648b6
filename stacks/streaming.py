"""The way of a tweet: in through ``tweet_events``, a verdict out through ``tweet_classification``, and its effects.

The wiring and every grant between streams, functions, topics and buckets stand here.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk_app.stages import TWEET_CLASSIFICATION, TWEET_EVENTS, StageConfig
from stacks.constructs.alarms import Alarms
from stacks.constructs.image_function import ImageFunction
from stacks.constructs.reasons import acknowledge, wildcard_below
from stacks.constructs.stream_consumer import StreamConsumer
from stacks.storage import StorageStack


class StreamingStack(Stack):
    """Both streams, the classifier, the warner, and where their effects go.

    Attributes:
        tweet_events: tweets in.
        tweet_classification: verdicts out.
        alarms_topic: is told of every alarm of the stage.
        bus: flagged and referred tweets are announced here.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, storage: StorageStack, **kwargs: object
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self._storage = storage
        # By name, not by export: stacks that import each other's exports cannot be changed independently.
        self._artefacts = s3.Bucket.from_bucket_name(self, "Artefacts", stage.bucket("artefacts", self.account))
        self._failed_records = s3.Bucket.from_bucket_name(
            self, "FailedRecords", stage.bucket("failed-records", self.account)
        )
        self.tweet_events = self._stream(TWEET_EVENTS)
        self.tweet_classification = self._stream(TWEET_CLASSIFICATION)
        self.alarms_topic = self._alarms_topic()
        self.bus = events.EventBus(
            self,
            "Announcements",
            event_bus_name=stage.event_bus,
            description="Flagged and referred tweets, without text",
        )
        self._alarms = Alarms(self, "Alarms", stage=stage, topic=self.alarms_topic)
        self._classifier()
        self._warner()
        CfnOutput(self, "TweetEventsStream", value=self.tweet_events.stream_name)
        CfnOutput(self, "TweetClassificationStream", value=self.tweet_classification.stream_name)
        CfnOutput(self, "AlarmsTopicArn", value=self.alarms_topic.topic_arn)

    def _stream(self, thing: str) -> kinesis.Stream:
        settings = self._stage.streams
        stream = kinesis.Stream(
            self,
            thing.title().replace("_", ""),
            stream_name=self._stage.physical(thing),
            stream_mode=kinesis.StreamMode.PROVISIONED if settings.shards else kinesis.StreamMode.ON_DEMAND,
            shard_count=settings.shards,
            retention_period=Duration.hours(settings.retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._storage.key,
            removal_policy=RemovalPolicy.RETAIN if self._stage.keep_data else RemovalPolicy.DESTROY,
        )
        acknowledge(
            stream,
            "Tweets are personal data: with a key of our own, reading them takes a grant on the key, and it can be revoked",
            "AwsSolutions-KDS3",
        )
        return stream

    def _alarms_topic(self) -> sns.Topic:
        topic = sns.Topic(
            self,
            "AlarmsTopic",
            topic_name=self._stage.physical("alarms"),
            master_key=self._storage.key,
            enforce_ssl=True,
        )
        # Alarms publish as the service itself, which therefore needs the key as well as the topic.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if self._stage.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._stage.alarm_email))
        return topic

    def _classifier(self) -> None:
        storage = self._storage
        classifier = ImageFunction(
            self,
            "Classify",
            stage=self._stage,
            name="classify",
            repository=storage.repositories["lambdas"],
            settings=self._stage.classify,
            environment={
                "CLASSIFICATION_STREAM": self.tweet_classification.stream_name,
                "CHAMPION_PARAMETER": storage.champion.parameter_name,
                "FAILED_RECORDS_BUCKET": self._failed_records.bucket_name,
                "CHAMPION_REFRESH_SECONDS": "60",
                "EXPLAIN": "true",
                "ARTEFACT_CACHE": "/tmp/artefacts",  # noqa: S108 - the only folder that a function may write to
            },
        )
        function = classifier.function
        self.tweet_classification.grant(function, "kinesis:PutRecords")
        storage.key.grant_encrypt(function)
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="Champion", actions=["ssm:GetParameter"], resources=[storage.champion.parameter_arn]
            )
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="Artefacts",
                actions=["s3:GetObject"],
                resources=[self._artefacts.arn_for_objects("models/*")],
            )
        )
        acknowledge(
            function,
            "Every promoted version lies below its own key; which one is served is the champion pointer's to say",
            wildcard_below(self._stage, "artefacts", "models/*"),
        )
        self._let_park(classifier, "classify")
        StreamConsumer(
            self,
            "ClassifyTweets",
            stage=self._stage,
            name="classify",
            consumer=classifier,
            stream=self.tweet_events,
            failed_records=self._failed_records,
            alarms=self._alarms,
        )
        self._alarms.on_classifier(self._stage)

    def _warner(self) -> None:
        storage = self._storage
        topic = sns.Topic(
            self,
            "Warnings",
            topic_name=f"{self._stage.physical('warnings')}.fifo",
            fifo=True,
            # One group a user: users do not wait for each other, and the topic's throughput is that of all groups.
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
            master_key=storage.key,
            enforce_ssl=True,
        )
        warner = ImageFunction(
            self,
            "Warn",
            stage=self._stage,
            name="warn",
            repository=storage.repositories["lambdas"],
            settings=self._stage.warn,
            environment={
                "WARNINGS_TABLE": storage.warnings.table_name,
                "NOTIFICATION_TOPIC_ARN": topic.topic_arn,
                "EVENT_BUS_NAME": self.bus.event_bus_name,
                "DAILY_WARNING_QUOTA": str(self._stage.daily_warning_quota),
                "FAILED_RECORDS_BUCKET": self._failed_records.bucket_name,
            },
        )
        function = warner.function
        storage.warnings.grant(
            function, "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"
        )
        storage.key.grant_encrypt_decrypt(function)
        function.add_to_role_policy(
            iam.PolicyStatement(sid="Notify", actions=["sns:Publish"], resources=[topic.topic_arn])
        )
        function.add_to_role_policy(
            iam.PolicyStatement(sid="Announce", actions=["events:PutEvents"], resources=[self.bus.event_bus_arn])
        )
        self._let_park(warner, "warn")
        StreamConsumer(
            self,
            "WarnOfVerdicts",
            stage=self._stage,
            name="warn",
            consumer=warner,
            stream=self.tweet_classification,
            failed_records=self._failed_records,
            alarms=self._alarms,
        )
        self._alarms.on_warner(self._stage)
        CfnOutput(self, "WarningsTopicArn", value=topic.topic_arn)

    def _let_park(self, consumer: ImageFunction, name: str) -> None:
        consumer.function.add_to_role_policy(
            iam.PolicyStatement(
                sid="Park",
                actions=["s3:PutObject"],
                resources=[self._failed_records.arn_for_objects(f"{name}/*")],
            )
        )
        if consumer.function.role is not None:
            acknowledge(
                consumer.function.role,
                "Objects below one prefix of one bucket: their keys are made of what they hold",
                wildcard_below(self._stage, "failed-records", f"{name}/*"),
            )
