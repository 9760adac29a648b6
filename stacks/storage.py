"""What must outlive a redeployment: data, artefacts, reports, failed records, images, the memory of warnings.

Everything else can be thrown away and deployed again; this stack is deployed first and destroyed last.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_app.images import IMAGES
from cdk_app.stages import StageConfig
from stacks.constructs.bucket_emptier import tidy_bucket_emptier
from stacks.constructs.private_bucket import PrivateBucket

NO_CHAMPION = "none"
"""The champion parameter before the first promotion; a test holds it to ``moderation.champion``."""

IMAGES_KEPT = 20

AUTHOR_INDEX = "author"
"""The ledger's index by author, by which a suspended account's entries are found."""

WITHDRAWN_ARCHIVE = "archive/withdrawn/"
WITHDRAWN_LABELLED = "labelled/withdrawn/"
"""Where tombstones of withdrawn tweets are put; a test holds them to ``lambdas/withdraw/stores.py``."""

TOMBSTONE_DAYS = 400
"""How long labelled tweets have tombstones beside them. By then whoever keeps the files has taken the rows out."""


class StorageStack(Stack):
    """Buckets, image repositories, tables, the streams' key and the champion pointer.

    Attributes:
        data: labelled tweets to train on, prefix ``labelled/``.
        artefacts: runs of the retrain state machine, prefix ``runs/``, and promoted models, prefix ``models/``.
        reports: of monitoring.
        archive: both streams, prefix ``archive/``, and true classes that people bring, prefix ``labels/``.
        failed_records: what could not be processed, whole and with its reason.
        repositories: by image name.
        warnings: the ledger of warnings.
        key: encrypts the streams, the topics and the table.
        champion: the pointer to the model that serves.
        alarms: topic that every alarm and every failure notice goes to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig, **kwargs: object) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self._removal = RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY
        self.key = self._key()
        self.data = PrivateBucket(
            self,
            "Data",
            stage=stage,
            thing="data",
            versioned=True,
            rules=[
                s3.LifecycleRule(id="tombstones", prefix=WITHDRAWN_LABELLED, expiration=Duration.days(TOMBSTONE_DAYS))
            ],
        )
        self.artefacts = PrivateBucket(
            self,
            "Artefacts",
            stage=stage,
            thing="artefacts",
            versioned=True,
            rules=[s3.LifecycleRule(id="runs", prefix="runs/", expiration=Duration.days(90))],
        )
        self.reports = PrivateBucket(
            self,
            "Reports",
            stage=stage,
            thing="reports",
            rules=[s3.LifecycleRule(id="reports", expiration=Duration.days(stage.monitoring.report_days))],
        )
        self.archive = PrivateBucket(
            self,
            "Archive",
            stage=stage,
            thing="archive",
            rules=[
                s3.LifecycleRule(
                    id=prefix, prefix=f"{prefix}/", expiration=Duration.days(stage.monitoring.archive_days)
                )
                for prefix in ("archive", "undelivered")
            ],
        )
        self.failed_records = PrivateBucket(
            self,
            "FailedRecords",
            stage=stage,
            thing="failed-records",
            rules=[s3.LifecycleRule(id="failed-records", expiration=Duration.days(90))],
        )
        tidy_bucket_emptier(self, stage)
        self.repositories = {image.name: self._repository(image.name) for image in IMAGES}
        self.warnings = self._warnings()
        self.alarms = self._alarms()
        self.champion = ssm.StringParameter(
            self,
            "Champion",
            parameter_name=stage.champion_parameter,
            # Promotion writes the value; CloudFormation leaves it alone as long as this initial one does not change.
            string_value=NO_CHAMPION,
            description="Which model is served, and where it lies. Written by promotion, read by the classifier",
        )
        for name, bucket in (
            ("Data", self.data),
            ("Artefacts", self.artefacts),
            ("Reports", self.reports),
            ("Archive", self.archive),
            ("FailedRecords", self.failed_records),
        ):
            CfnOutput(self, f"{name}Bucket", value=bucket.bucket_name)
        CfnOutput(self, "ChampionParameter", value=self.champion.parameter_name)

    def _key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            alias=f"alias/{self._stage.stack('streams')}",
            description="Encrypts streams, topics and the ledger of warnings",
            enable_key_rotation=True,
            removal_policy=self._removal,
            pending_window=Duration.days(30 if self._stage.keep_data else 7),
        )

    def _repository(self, image: str) -> ecr.Repository:
        return ecr.Repository(
            self,
            f"Images{image.title()}",
            repository_name=self._stage.repository(image),
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            encryption=ecr.RepositoryEncryption.AES_256,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=IMAGES_KEPT, description="Keep the latest images")],
            removal_policy=self._removal,
            empty_on_delete=not self._stage.keep_data,
        )

    def _warnings(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Warnings",
            table_name=self._stage.physical("warnings"),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",
            deletion_protection=self._stage.keep_data,
            removal_policy=self._removal,
        )
        table.add_global_secondary_index(
            index_name=AUTHOR_INDEX,
            partition_key=dynamodb.Attribute(name="author_id", type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        return table

    def _alarms(self) -> sns.Topic:
        """The topic; here, so that people need not confirm their subscription again after a redeployment."""
        topic = sns.Topic(
            self, "Alarms", topic_name=self._stage.physical("alarms"), master_key=self.key, enforce_ssl=True
        )
        # Alarms have no role to use a key with: the service itself must be let in, for this account's alarms only.
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if self._stage.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._stage.alarm_email))
        return topic
