"""A log group with the stage's retention. None is left to AWS to create, for such a group is kept for ever."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_app.stages import StageConfig

RETENTION: Final = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
"""The CDK's names for numbers of days."""


def log_group(scope: Construct, construct_id: str, *, stage: StageConfig, name: str) -> logs.LogGroup:
    """Make a log group; it outlives its stack where the stage keeps its data."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=RETENTION[stage.log_retention_days],
        removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
    )
