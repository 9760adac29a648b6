"""Suppressions of findings, each with its reason, made where the reason arises."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from cdk_app.stages import StageConfig


def acknowledge(scope: IConstruct, reason: str, *rules: str) -> None:
    """Accept findings of cdk-nag on a construct and everything below it.

    Args:
        scope: as small as possible.
        reason: why the finding does not apply; goes into the template too.
        rules: as cdk-nag prints them, the finding's own id included (``AwsSolutions-IAM5[Resource::*]``).
    """
    Validations.of(scope).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in rules))


def wildcard_below(stage: StageConfig, thing: str, keys: str) -> str:
    """The finding that a grant on some keys of a bucket raises, where the bucket was imported by its name.

    Args:
        stage: whose bucket it is.
        thing: what the bucket holds.
        keys: a pattern such as ``models/*``.
    """
    account = stage.account or "<AWS::AccountId>"
    return f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{stage.bucket(thing, account)}/{keys}]"
