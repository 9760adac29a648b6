"""A tweet source as one Fargate task: what it runs, what it may do, and how it is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.images import INGEST
from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group
from stacks.constructs.outbound_network import OutboundNetwork
from stacks.constructs.reasons import acknowledge

NAME: Final = "ingest"
SCRATCH: Final = "/scratch"
"""The only folder that the container may write to; its image gives it to the container's user."""
HEALTH_FILE: Final = f"{SCRATCH}/health"

STOP_TIMEOUT: Final = Duration.seconds(60)
DRAIN_SECONDS: Final = 25
"""What a stopped source may take to deliver what it has read; a call to Kinesis under way may take a little longer."""


class SourceTask(Construct):
    """The service, its task and its roles.

    Attributes:
        role: what the source may do; see :meth:`allow`.
        service: keeps one task running.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        network: OutboundNetwork,
        repository: ecr.IRepository,
        environment: Mapping[str, str],
    ) -> None:
        """Make the service.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose source it is.
            network: where it runs.
            repository: of the sources' image.
            environment: the source's settings; those that follow from the container are added.
        """
        super().__init__(scope, construct_id)
        self._stage = stage
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"), description="Runs a tweet source"
        )
        definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=stage.physical(NAME),
            cpu=stage.ingest.cpu,
            memory_limit_mib=stage.ingest.memory_mb,
            task_role=self.role,
            volumes=[ecs.Volume(name="scratch")],
        )
        self._container(definition, repository, environment)
        acknowledge(
            definition,
            "A registry token knows no resources. The environment holds names and limits, and no secrets: the source "
            "reads its token from Secrets Manager itself",
            "AwsSolutions-IAM5[Resource::*]",
            "AwsSolutions-ECS2",
        )
        self.service = self._service(definition, network)

    def allow(self, sid: str, actions: list[str], resource: str) -> None:
        """Let the source do something."""
        self.role.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=[resource]))

    def _container(
        self, definition: ecs.FargateTaskDefinition, repository: ecr.IRepository, environment: Mapping[str, str]
    ) -> None:
        container = definition.add_container(
            NAME,
            container_name=NAME,
            image=ecs.ContainerImage.from_ecr_repository(repository, INGEST.tag()),
            environment={
                "STAGE": self._stage.name,
                "HEALTH_FILE": HEALTH_FILE,
                "DRAIN_SECONDS": str(DRAIN_SECONDS),
                "AWS_DEFAULT_REGION": self._stage.region,
                **environment,
            },
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=NAME,
                log_group=log_group(self, "Logs", stage=self._stage, name=f"/cyberbullying/{self._stage.name}/{NAME}"),
                # Waiting for the log must not keep the source from reading; what does not fit is dropped.
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
            ),
            health_check=ecs.HealthCheck(
                command=["CMD", "python", "-m", "ingest", "--check-health", HEALTH_FILE],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(10),
                start_period=Duration.seconds(60),
                retries=3,
            ),
            readonly_root_filesystem=True,
            user="65534",
            stop_timeout=STOP_TIMEOUT,
        )
        container.add_mount_points(ecs.MountPoint(container_path=SCRATCH, source_volume="scratch", read_only=False))

    def _service(self, definition: ecs.FargateTaskDefinition, network: OutboundNetwork) -> ecs.FargateService:
        cluster = ecs.Cluster(self, "Cluster", cluster_name=self._stage.stack(NAME), vpc=network.vpc)
        acknowledge(
            cluster,
            "The task counts what matters of itself; container insights would cost more than the task",
            "AwsSolutions-ECS4",
        )
        return ecs.FargateService(
            self,
            "Service",
            service_name=self._stage.physical(NAME),
            cluster=cluster,
            task_definition=definition,
            desired_count=1,
            # The old task ends before the new one begins: two would read everything twice, and X allows one connection.
            min_healthy_percent=0,
            max_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            assign_public_ip=True,
            security_groups=[network.group],
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
