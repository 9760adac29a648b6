"""Where runs, registry and users of MLflow are kept, outside the instance that serves them."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, Alarms
from stacks.constructs.network import Network
from stacks.constructs.password import Password
from stacks.constructs.reasons import acknowledge

GROWTH = 5
"""The database may grow to this many times the storage that it starts with."""

LEAST_FREE_BYTES = 2 * 1024**3


class MlflowDatabase(rds.DatabaseInstance):
    """PostgreSQL, in isolated subnets, encrypted; reached by the MLflow server alone."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, network: Network, alarms: Alarms
    ) -> None:
        """Make the database of a stage."""
        settings = stage.tracking
        family, size = settings.database_class.split(".")
        password = Password(
            scope,
            f"{construct_id}Credentials",
            stage=stage,
            thing="mlflow-database",
            username="mlflow",
            description="Address and owner of the MLflow server's database",
        )
        super().__init__(
            scope,
            construct_id,
            instance_identifier=stage.stack("mlflow"),
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_9),
            instance_type=ec2.InstanceType(f"{family}.{size}"),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=network.job_subnets.subnets),
            security_groups=[network.database],
            publicly_accessible=False,
            database_name="mlflow",
            credentials=rds.Credentials.from_secret(password),
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            allocated_storage=settings.database_storage_gb,
            max_allocated_storage=GROWTH * settings.database_storage_gb,
            multi_az=settings.database_multi_az,
            backup_retention=Duration.days(settings.database_backup_days),
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            deletion_protection=stage.keep_data,
            delete_automated_backups=not stage.keep_data,
            removal_policy=RemovalPolicy.SNAPSHOT if stage.keep_data else RemovalPolicy.DESTROY,
        )
        alarms.on(
            "mlflow",
            kinds.MLFLOW_DATABASE,
            self.metric_free_storage_space(period=FIVE_MINUTES, statistic="Minimum"),
            threshold=LEAST_FREE_BYTES,
            below=True,
            periods=3,
        )
        acknowledge(
            self, "The port is no secret: nobody but the MLflow server gets through the security group",
            "AwsSolutions-RDS11",
        )  # fmt: skip
        if not settings.database_multi_az:
            acknowledge(
                self,
                "The stage does without a standby: what is lost until a backup is restored is a record of experiments",
                "AwsSolutions-RDS3",
            )
        if not stage.keep_data:
            acknowledge(self, "The stage is there to be destroyed", "AwsSolutions-RDS10")

    @property
    def credentials_arn(self) -> str:
        """The secret with address, user name and password; complete once the database is."""
        if self.secret is None:
            raise TypeError("a database made from a secret has a secret")
        return self.secret.secret_arn
