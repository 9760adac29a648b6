"""A bucket as every bucket here is: encrypted, private, TLS only, with rules for what grows old."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.reasons import acknowledge

UPLOAD_LEFTOVERS = Duration.days(7)


class PrivateBucket(s3.Bucket):
    """A bucket.

    Encrypted with keys of S3 rather than of KMS: each object of a stream of small objects would otherwise cost a KMS
    request, for a boundary that bucket policy and roles draw already.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        thing: str,
        versioned: bool = False,
        rules: Sequence[s3.LifecycleRule] = (),
    ) -> None:
        """Make the bucket.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: decides what happens to the data when the stack goes.
            thing: what it holds; part of its name.
            versioned: whether overwritten and deleted objects can be had back for 30 days.
            rules: what happens to objects that grow old.
        """
        tidy = [s3.LifecycleRule(id="leftovers", abort_incomplete_multipart_upload_after=UPLOAD_LEFTOVERS)]
        if versioned:
            tidy.append(s3.LifecycleRule(id="old-versions", noncurrent_version_expiration=Duration.days(30)))
        super().__init__(
            scope,
            construct_id,
            bucket_name=stage.bucket(thing, account=Stack.of(scope).account),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            lifecycle_rules=[*tidy, *rules],
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
            auto_delete_objects=stage.empty_buckets_on_destroy,
        )
        acknowledge(
            self,
            "Access logs would cost more than they tell: nobody but this stage's roles can reach the bucket, and "
            "CloudTrail data events can be switched on when an investigation needs them",
            "AwsSolutions-S1",
        )
