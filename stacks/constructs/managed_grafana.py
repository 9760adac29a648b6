"""An Amazon Managed Grafana workspace that may read CloudWatch, and nothing else."""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk import aws_grafana as grafana
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.settings import GrafanaSettings
from cdk_app.stages import StageConfig
from stacks.constructs.reasons import acknowledge


class ManagedGrafana(Construct):
    """The workspace. ``python -m monitoring.dashboards push`` puts the dashboards into it.

    Attributes:
        endpoint: its address, without the scheme.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig, settings: GrafanaSettings) -> None:
        """Make the workspace.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: part of the name.
            settings: version, and how people sign in.
        """
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "grafana.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            description="Reads CloudWatch for Grafana",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Read",
                actions=[
                    "cloudwatch:DescribeAlarmHistory",
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:DescribeAlarmsForMetric",
                    "cloudwatch:GetMetricData",
                    "cloudwatch:ListMetrics",
                    "ec2:DescribeRegions",
                    "tag:GetResources",
                ],
                resources=["*"],
            )
        )
        acknowledge(
            role,
            "These actions read metrics and alarms, and know no resources to restrict them to",
            "AwsSolutions-IAM5[Resource::*]",
        )
        workspace = grafana.CfnWorkspace(
            self,
            "Workspace",
            name=stage.stack("grafana"),
            description=f"cyberbullying {stage.name}: operations, moderation, model",
            account_access_type="CURRENT_ACCOUNT",
            permission_type="CUSTOMER_MANAGED",
            authentication_providers=[settings.authentication],
            data_sources=["CLOUDWATCH"],
            grafana_version=settings.version,
            plugin_admin_enabled=False,
            role_arn=role.role_arn,
        )
        self.endpoint = workspace.attr_endpoint


def native_dashboard(body: str, values: dict[str, str]) -> str:
    """The body of the native dashboard for one stage.

    Args:
        body: as generated, with placeholders in double braces.
        values: by placeholder; may hold CDK tokens.

    Raises:
        ValueError: a placeholder has no value.
    """
    for name, value in values.items():
        body = body.replace("{{" + name + "}}", value)
    if "{{" in body:
        raise ValueError("the native dashboard has a placeholder without a value")
    # The generated file is laid out for reading; CloudWatch and the template are not.
    return json.dumps(json.loads(body), separators=(",", ":"))
