"""What every synthesis is held to: a finding of cdk-nag fails it."""

from __future__ import annotations

import cdk_nag
from aws_cdk import App, Aspects, Validations


def validate(app: App) -> None:
    """Check every stack against the AWS Solutions rules, and write accepted findings into the templates."""
    Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(verbose=True))
    Aspects.of(app).add(cdk_nag.WriteNagSuppressionsToCloudFormationAspect())
