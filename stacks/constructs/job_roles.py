"""What training jobs may do. Two roles: only the job that promotes may change what is served."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.reasons import acknowledge, wildcard_below

JOB_LOGS = ("TrainingJobs", "ProcessingJobs")


class JobRole(iam.Role):
    """A role for SageMaker jobs: what every job needs to run in the network, and what is allowed on top."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig, repository_arn: str) -> None:
        """Make the role.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose role it is.
            repository_arn: of the jobs' image.
        """
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
            ),
            description=f"Runs training jobs of {stage.name}: {construct_id}",
        )
        self._stage = stage
        self._run_in_network()
        self._log()
        self.allow(
            "PullImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repository_arn,
        )
        self.allow("LogIn", ["ecr:GetAuthorizationToken"], "*")
        acknowledge(
            self,
            "Actions on network interfaces of the service's own making, on metrics and on the registry's token know no "
            "resources to restrict them to",
            "AwsSolutions-IAM5[Resource::*]",
        )

    def allow(
        self, what: str, actions: list[str], *resources: str, conditions: dict[str, object] | None = None
    ) -> None:
        """Let jobs do something; ``what`` names the statement."""
        self.add_to_policy(
            iam.PolicyStatement(sid=what, actions=actions, resources=list(resources), conditions=conditions)
        )

    def allow_objects(self, what: str, actions: list[str], thing: str, keys: str, reason: str) -> None:
        """Let jobs use some objects of a bucket of the stage, and see which there are.

        Args:
            what: names the statement.
            actions: on the objects.
            thing: what the bucket holds.
            keys: a pattern such as ``runs/*``.
            reason: why it is a pattern.
        """
        stack = Stack.of(self)
        bucket = f"arn:{stack.partition}:s3:::{self._stage.bucket(thing, stack.account)}"
        self.allow(what, actions, f"{bucket}/{keys}")
        self.allow(f"{what}List", ["s3:ListBucket"], bucket, conditions={"StringLike": {"s3:prefix": [keys]}})
        acknowledge(self, reason, wildcard_below(self._stage, thing, keys))

    def _run_in_network(self) -> None:
        self.allow(
            "RunInNetwork",
            [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            "*",
        )

    def _log(self) -> None:
        stack = Stack.of(self)
        groups = [
            f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws/sagemaker/{kind}:*"
            for kind in JOB_LOGS
        ]
        actions = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
        self.allow("Log", [f"logs:{action}" for action in actions], *groups)
        self.allow(
            "Measure",
            ["cloudwatch:PutMetricData"],
            "*",
            conditions={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*"]}},
        )
        acknowledge(
            self,
            "SageMaker names the streams of its jobs itself, in groups that all jobs of the account share",
            *(
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:{stack.region}:"
                f"{self._stage.account or '<AWS::AccountId>'}:log-group:/aws/sagemaker/{kind}:*]"
                for kind in JOB_LOGS
            ),
        )
