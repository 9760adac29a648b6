"""The instance that runs the MLflow server, and the group that replaces it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.images import MLFLOW, ROOT
from cdk_app.stages import StageConfig
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, Alarms
from stacks.constructs.log_group import log_group
from stacks.constructs.network import MLFLOW_PORT, Network
from stacks.constructs.reasons import acknowledge, wildcard_below
from stacks.storage import StorageStack

HOST_FILES: Final = ROOT / "tracking" / "host"
UNITS: Final = ("mlflow.service", "mlflow-check.service", "mlflow-check.timer")
SCRIPTS: Final = ("fetch", "check")
ARTEFACT_KEYS: Final = "mlflow/*"
MACHINE_IMAGE: Final = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
DISK_GB: Final = 16


class MlflowServer(Construct):
    """One instance, in a group of exactly one: an instance that fails is replaced by one that starts the same image.

    Nothing on it needs saving. It takes the latest Amazon Linux whenever it is replaced. There is no way in but from
    the training jobs, and Session Manager for people.

    Attributes:
        group: the auto-scaling group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        network: Network,
        storage: StorageStack,
        credentials_arn: str,
        database_secret_arn: str,
        alarms: Alarms,
    ) -> None:
        """Make the server.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose server it is.
            network: that it runs in.
            storage: has its image, and the bucket of its artefacts.
            credentials_arn: secret of MLflow's administrator.
            database_secret_arn: secret with address and password of the database.
            alarms: of the stack.
        """
        super().__init__(scope, construct_id)
        self._stage, self._storage = stage, storage
        self._secrets = {"MLFLOW_SECRET_ARN": credentials_arn, "DATABASE_SECRET_ARN": database_secret_arn}
        self._logs = log_group(self, "Logs", stage=stage, name=f"/cyberbullying/{stage.name}/mlflow")
        template = self._launch_template(network)
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            auto_scaling_group_name=stage.stack("mlflow"),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=network.server_subnets.subnets),
            launch_template=template,
            min_capacity=1,
            max_capacity=1,
            health_checks=autoscaling.HealthChecks.ec2(grace_period=Duration.minutes(5)),
            # A new image, or new settings, replace the instance; the old one goes first, for there can only be one.
            update_policy=autoscaling.UpdatePolicy.rolling_update(max_batch_size=1, min_instances_in_service=0),
            group_metrics=[autoscaling.GroupMetrics(autoscaling.GroupMetric.IN_SERVICE_INSTANCES)],
        )
        acknowledge(
            self.group, "An alarm tells when there is no server; single launches and ends tell nothing more",
            "AwsSolutions-AS3",
        )  # fmt: skip
        self._watch(alarms)

    def _launch_template(self, network: Network) -> ec2.LaunchTemplate:
        return ec2.LaunchTemplate(
            self,
            "Template",
            launch_template_name=self._stage.stack("mlflow"),
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(MACHINE_IMAGE),
            instance_type=ec2.InstanceType(self._stage.tracking.instance_type),
            role=self._role(),
            security_group=network.server,
            associate_public_ip_address=not self._stage.tracking.private,
            require_imdsv2=True,
            # One hop: the container shares the host's network, and nothing further away needs the role.
            http_put_response_hop_limit=1,
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
            detailed_monitoring=True,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GB, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
                    ),
                )
            ],
            user_data=ec2.UserData.custom(self._cloud_config()),
        )

    def _cloud_config(self) -> str:
        """What cloud-init does on the first start. JSON is YAML, and CloudFormation may fill in values anywhere."""
        files = [
            *(_file(HOST_FILES / unit, f"/etc/systemd/system/{unit}", "0644") for unit in UNITS),
            *(_file(HOST_FILES / script, f"/opt/mlflow/{script}", "0755") for script in SCRIPTS),
            {"path": "/etc/mlflow/host.env", "permissions": "0644", "content": self._host_environment()},
        ]
        commands = [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "docker.service"],
            # Started without waiting: what keeps the server from starting must not keep cloud-init from ending.
            ["systemctl", "enable", "mlflow.service"],
            ["systemctl", "start", "--no-block", "mlflow.service"],
            ["systemctl", "enable", "--now", "mlflow-check.timer"],
        ]
        config = {"packages": ["docker"], "write_files": files, "runcmd": commands}
        return f"#cloud-config\n{json.dumps(config)}\n"

    def _host_environment(self) -> str:
        stage, stack = self._stage, Stack.of(self)
        image = self._storage.repositories[MLFLOW.name].repository_uri_for_tag(MLFLOW.tag())
        prefix = ARTEFACT_KEYS.removesuffix("/*")
        hosts = (stage.mlflow_host, "localhost", "127.0.0.1")
        values = {
            "AWS_REGION": stack.region,
            "AWS_DEFAULT_REGION": stack.region,
            "IMAGE": image,
            "LOG_GROUP": self._logs.log_group_name,
            "ARTEFACTS": f"s3://{stage.bucket('artefacts', stack.account)}/{prefix}",
            "ALLOWED_HOSTS": ",".join(f"{host}:{MLFLOW_PORT}" for host in hosts),
            **self._secrets,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _role(self) -> iam.Role:
        stack = Stack.of(self)
        bucket = f"arn:{stack.partition}:s3:::{self._stage.bucket('artefacts', stack.account)}"
        repository = self._storage.repositories[MLFLOW.name].repository_arn
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"The MLflow server of {self._stage.name}",
        )
        statements: tuple[tuple[str, list[str], list[str]], ...] = (
            ("PullImage", ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
             [repository]),
            ("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
            ("ReadSecrets", ["secretsmanager:GetSecretValue"], list(self._secrets.values())),
            ("KeepArtefacts", ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
             [f"{bucket}/{ARTEFACT_KEYS}"]),
            ("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [self._logs.log_group_arn]),
            # What Session Manager needs of an instance; the managed policy of AWS allows a good deal more.
            ("SessionManager", ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel",
             "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"], ["*"]),
        )  # fmt: skip
        for sid, actions, resources in statements:
            role.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=resources))
        role.add_to_policy(
            iam.PolicyStatement(
                sid="ListArtefacts",
                actions=["s3:ListBucket"],
                resources=[bucket],
                conditions={"StringLike": {"s3:prefix": [ARTEFACT_KEYS]}},
            )
        )
        acknowledge(
            role,
            "MLflow names the artefacts of a run itself, below this prefix; Session Manager and the registry's token "
            "know no resources to restrict them to; streams of a log group have names of their own",
            wildcard_below(self._stage, "artefacts", ARTEFACT_KEYS),
            "AwsSolutions-IAM5[Resource::*]",
        )
        return role

    def _watch(self, alarms: Alarms) -> None:
        in_service = cloudwatch.Metric(
            namespace="AWS/AutoScaling",
            metric_name="GroupInServiceInstances",
            dimensions_map={"AutoScalingGroupName": self.group.auto_scaling_group_name},
            statistic="Minimum",
            period=FIVE_MINUTES,
        )
        alarms.on("mlflow", kinds.MLFLOW_UNREACHABLE, in_service, below=True, periods=3, silence_is_a_fault=True)


def _file(source: Path, path: str, permissions: str) -> dict[str, str]:
    content = base64.b64encode(source.read_bytes()).decode()
    return {"path": path, "permissions": permissions, "encoding": "b64", "content": content}
