"""Sees to it that the CDK's own function that empties buckets leaves nothing behind when its stack is destroyed."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack

from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group

_PROVIDER = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


def tidy_bucket_emptier(stack: Stack, stage: StageConfig) -> None:
    """Give the function a log group of the stack's, and the right to write to that one alone.

    Left to itself it makes a group which nobody owns and which is kept for ever. Called after the buckets are made; a
    stage that keeps its data has no such function.
    """
    provider = stack.node.try_find_child(_PROVIDER)
    if provider is None:
        return
    group = log_group(stack, "BucketEmptierLogs", stage=stage, name=f"/aws/lambda/{stage.physical('bucket_emptier')}")
    function, role = provider.node.find_child("Handler"), provider.node.find_child("Role")
    if not (isinstance(function, CfnResource) and isinstance(role, CfnResource)):
        raise TypeError(f"{_PROVIDER} is built differently from what this module knows")
    function.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
    role.add_property_deletion_override("ManagedPolicyArns")
    role.add_property_override(
        "Policies",
        [
            {
                "PolicyName": "Log",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": group.log_group_arn,
                        }
                    ],
                },
            }
        ],
    )
