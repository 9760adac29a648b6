"""A Lambda function from the functions' image, with an alias, a role and a log group of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_app.images import LAMBDAS
from cdk_app.settings import FunctionSettings
from cdk_app.stages import ALIAS, StageConfig
from lambdas.common.metric_names import NAMESPACE
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge


class ImageFunction(Construct):
    """One function.

    Attributes:
        function: the function itself, to grant things to.
        alias: what triggers invoke; moves to a new version with every deployment that changes something.
        log_group: of the function.
        name: of the folder below ``lambdas``.
        role: what the function may do; see :meth:`allow`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        name: str,
        repository: ecr.IRepository,
        settings: FunctionSettings,
        environment: Mapping[str, str],
    ) -> None:
        """Make the function.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose function it is.
            name: of the folder below ``lambdas``, and of the Powertools service.
            repository: of the functions' image.
            settings: memory, timeout, concurrency.
            environment: the function's settings; those that every function has are added.
        """
        super().__init__(scope, construct_id)
        self.name = name
        self.log_group = log_group(self, "Logs", stage=stage, name=f"/aws/lambda/{stage.physical(name)}")
        self.role = self._role()
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            function_name=stage.physical(name),
            description=f"cyberbullying {stage.name}: {name}",
            code=lambda_.DockerImageCode.from_ecr(
                repository, tag_or_digest=LAMBDAS.tag(), cmd=[f"lambdas.{name}.handler.handler"]
            ),
            architecture=lambda_.Architecture.X86_64,
            memory_size=settings.memory_mb,
            timeout=Duration.seconds(settings.timeout_seconds),
            reserved_concurrent_executions=settings.concurrency,
            tracing=lambda_.Tracing.ACTIVE,
            role=self.role,
            log_group=self.log_group,
            environment={
                "STAGE": stage.name,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
        )
        self.alias = lambda_.Alias(self, "Alias", alias_name=ALIAS, version=self.function.current_version)

    def allow(self, what: str, actions: Sequence[str], resource: str) -> None:
        """Let the function do something: ``what`` names the statement, and no action has a wildcard."""
        self.role.add_to_policy(iam.PolicyStatement(sid=what, actions=list(actions), resources=[resource]))

    def _role(self) -> iam.Role:
        """A role that may write its own log and its traces, and nothing else until something is granted."""
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Runs {self.node.path}",
        )
        self.log_group.grant_write(role)
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Traces", actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
            )
        )
        acknowledge(role, "X-Ray knows no resources to restrict these two actions to", "AwsSolutions-IAM5[Resource::*]")
        return role
