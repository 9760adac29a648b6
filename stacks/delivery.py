"""Who may deliver this stage from GitHub: an identity provider and three roles, and no key that anybody could lose.

Each role trusts one kind of workflow run, by the subject of its token: ``deploy`` those of the stage's GitHub
environment, which may have to be approved; ``drift`` those of the branch; ``diff`` those of pull requests, whose code
nobody has reviewed yet, and which may therefore read the templates and nothing else.

The stack knows the other stacks' resources by their names only, so that it can be deployed before all of them.
"""

from __future__ import annotations

from aws_cdk import Annotations, CfnOutput, DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.images import IMAGES
from cdk_app.settings import DeliverySettings
from cdk_app.stages import TWEET_CLASSIFICATION, TWEET_EVENTS, StageConfig
from stacks.constructs.reasons import acknowledge

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
CANARY_KEYS = "canary-*"
"""Of the ledger's items that a canary may take out; a test holds it to the canary's mark."""

_QUALIFIER = DefaultStackSynthesizer.DEFAULT_QUALIFIER
_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


class DeliveryStack(Stack):
    """GitHub's identity provider and the roles of its workflows."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        settings: DeliverySettings,
        **kwargs: object,
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self._settings = settings
        self._say_whom_it_lets_in()
        self._provider_arn = self._provider()
        self._deploy_role()
        self._drift_role()
        self._diff_role()

    def _say_whom_it_lets_in(self) -> None:
        CfnOutput(self, "Repository", value=self._settings.repository)
        if self._settings.lets_nobody_in:
            Annotations.of(self).add_warning_v2(
                "cyberbullying:repository",
                "No repository is named, so no workflow can deliver this stage. Set REPOSITORY in cdk_app/settings.py; "
                "docs/setup/delivery.md says how it is written",
            )

    def _provider(self) -> str:
        if not self._settings.makes_provider:
            return self.format_arn(service="iam", region="", resource="oidc-provider", resource_name=ISSUER)
        provider = iam.OidcProviderNative(
            self,
            "GitHub",
            url=f"https://{ISSUER}",
            client_ids=[AUDIENCE],
        )
        return provider.oidc_provider_arn

    def _role(self, name: str, *, subject: str, what: str, hours: int = 1) -> iam.Role:
        """A role that runs with exactly this subject may take."""
        claims = {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": f"repo:{self._settings.repository}:{subject}"}
        role = iam.Role(
            self,
            name.title(),
            role_name=self._stage.physical(name),
            description=f"GitHub workflows that {what} {self._stage.name}",
            assumed_by=iam.WebIdentityPrincipal(self._provider_arn, {"StringEquals": claims}),
            max_session_duration=Duration.hours(hours),
        )
        CfnOutput(self, f"{name.title()}RoleArn", value=role.role_arn)
        return role

    def _deploy_role(self) -> None:
        role = self._role("deploy", subject=f"environment:{self._stage.name}", what="deploy", hours=2)
        for statement in (
            self._assume("deploy", "file-publishing", "lookup"),
            *self._push_images(),
            *self._send_canary(),
        ):
            role.add_to_policy(statement)
        acknowledge(
            role,
            "Logging in and reading metrics know no narrower resource; the key is narrowed to the stage's by its alias",
            "AwsSolutions-IAM5[Resource::*]",
            self._wildcard("kms", "key/*"),
        )

    def _drift_role(self) -> None:
        role = self._role("drift", subject=f"ref:refs/heads/{self._settings.branch}", what="look for drift in")
        role.add_to_policy(self._assume("lookup"))

    def _diff_role(self) -> None:
        """A role for code that nobody has reviewed: the CDK's lookup role would let it read every tweet."""
        role = self._role("diff", subject="pull_request", what="compare templates with those deployed to")
        role.add_to_policy(
            iam.PolicyStatement(
                sid="ReadTemplates",
                actions=["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
                resources=[
                    self.format_arn(service="cloudformation", resource="stack", resource_name=self._stage.stack("*/*"))
                ],
            )
        )
        acknowledge(
            role,
            "The stacks of this stage; the last part of their ARNs is chosen by CloudFormation",
            self._wildcard("cloudformation", f"stack/{self._stage.stack('*/*')}"),
        )

    def _assume(self, *roles: str) -> iam.PolicyStatement:
        """To take roles that the CDK's bootstrap made. CloudFormation's own role, which can do much, is not among them.

        Args:
            roles: as the bootstrap template names them.
        """
        return iam.PolicyStatement(
            sid="TakeBootstrapRoles",
            actions=["sts:AssumeRole"],
            resources=[
                self.format_arn(
                    service="iam",
                    region="",
                    resource="role",
                    resource_name=f"cdk-{_QUALIFIER}-{role}-role-{self.account}-{self.region}",
                )
                for role in roles
            ],
        )

    def _push_images(self) -> list[iam.PolicyStatement]:
        repositories = [
            self.format_arn(service="ecr", resource="repository", resource_name=self._stage.repository(image.name))
            for image in IMAGES
        ]
        return [
            iam.PolicyStatement(sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            iam.PolicyStatement(sid="PushImages", actions=list(_PUSH), resources=repositories),
        ]

    def _send_canary(self) -> list[iam.PolicyStatement]:
        """To do what ``cdk_app/canary.py`` does."""
        return [
            iam.PolicyStatement(sid="PutCanary", actions=["kinesis:PutRecord"], resources=[self._stream(TWEET_EVENTS)]),
            iam.PolicyStatement(
                sid="ReadVerdict",
                actions=["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
                resources=[self._stream(TWEET_CLASSIFICATION)],
            ),
            iam.PolicyStatement(
                sid="UseStageKey",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self.format_arn(service="kms", resource="key", resource_name="*")],
                conditions={
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{self._stage.stack('streams')}"},
                    "StringEquals": {
                        "kms:ViaService": [
                            f"{service}.{self.region}.amazonaws.com" for service in ("kinesis", "dynamodb")
                        ]
                    },
                },
            ),
            iam.PolicyStatement(
                sid="ForgetCanary",
                actions=["dynamodb:DeleteItem"],
                resources=[
                    self.format_arn(
                        service="dynamodb", resource="table", resource_name=self._stage.physical("warnings")
                    )
                ],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [CANARY_KEYS]}},
            ),
            iam.PolicyStatement(
                sid="ReadChampion",
                actions=["ssm:GetParameter"],
                resources=[
                    self.format_arn(
                        service="ssm", resource="parameter", resource_name=self._stage.champion_parameter.lstrip("/")
                    )
                ],
            ),
            iam.PolicyStatement(sid="ReadMetrics", actions=["cloudwatch:GetMetricStatistics"], resources=["*"]),
        ]

    def _wildcard(self, service: str, resource: str) -> str:
        """The finding that a resource with a wildcard raises."""
        account = self._stage.account or "<AWS::AccountId>"
        return f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:{service}:{self.region}:{account}:{resource}]"

    def _stream(self, name: str) -> str:
        return self.format_arn(service="kinesis", resource="stream", resource_name=self._stage.physical(name))
