"""Suppressions of findings, each with its reason, made where the reason arises."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(scope: IConstruct, reason: str, *rules: str) -> None:
    """Accept findings of cdk-nag on a construct and everything below it.

    Args:
        scope: as small as possible.
        reason: why the finding does not apply; goes into the template too.
        rules: as cdk-nag prints them, the finding's own id included (``AwsSolutions-IAM5[Resource::*]``).
    """
    Validations.of(scope).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in rules))
