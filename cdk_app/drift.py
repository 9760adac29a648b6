"""Looks whether anybody has changed a stage's resources by hand: ``make stack-drift STAGE=dev``.

CloudFormation compares, this tells what it found, but for what is meant to change behind its back: the champion
pointer, which promotion moves. It looks through the role that the CDK's bootstrap made for looking, as `cdk diff` does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_app.stages import EMULATOR_ACCOUNT, PRODUCT, STAGES, StageConfig, stage_config

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackResourceDriftTypeDef

_QUALIFIER: Final = "hnb659fds"
"""Of the CDK's bootstrap, unless it was told another; a test holds it to the CDK's own."""

_POLL_SECONDS: Final = 3.0
_CHANGED: Final = "MODIFIED"
_GONE: Final = "DELETED"


class DriftError(Exception):
    """Drift could not be looked for; the message says why."""


@dataclass(frozen=True)
class DriftFinder:
    """Compares the stacks of a stage with their resources.

    Attributes:
        stage: whose stacks.
        cloudformation: boto3's client.
        timeout: how long the comparison of one stack may take, in seconds.
        clock: tells the time.
        sleep: passes it.
    """

    stage: StageConfig
    cloudformation: CloudFormationClient
    timeout: float = 600.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def stacks(self) -> list[str]:
        """The stage's stacks that are deployed.

        Raises:
            DriftError: none is.
        """
        pages = self.cloudformation.get_paginator("describe_stacks").paginate()
        prefix = f"{PRODUCT}-{self.stage.name}-"
        found = sorted(
            stack["StackName"] for page in pages for stack in page["Stacks"] if stack["StackName"].startswith(prefix)
        )
        if not found:
            raise DriftError(f"no stack of {self.stage.name} is deployed in this account and region")
        return found

    def drift(self, stack: str) -> list[str]:
        """What was changed in a stack, one line for each resource that is gone and each property that is different.

        Raises:
            DriftError: CloudFormation could not compare.
        """
        self._compare(stack)
        lines: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.cloudformation.describe_stack_resource_drifts(
                StackName=stack,
                StackResourceDriftStatusFilters=[_CHANGED, _GONE],
                **token,  # type: ignore[arg-type]  # its only key is NextToken
            )
            lines.extend(line for drift in page["StackResourceDrifts"] for line in self._lines(drift))
            if not page.get("NextToken"):
                return lines
            token = {"NextToken": page["NextToken"]}

    def _compare(self, stack: str) -> None:
        detection = self.cloudformation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
        deadline = self.clock() + self.timeout
        while self.clock() < deadline:
            status = self.cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if status["DetectionStatus"] == "DETECTION_COMPLETE":
                return
            if status["DetectionStatus"] == "DETECTION_FAILED":
                raise DriftError(f"{stack}: {status.get('DetectionStatusReason', 'CloudFormation does not say why')}")
            self.sleep(_POLL_SECONDS)
        raise DriftError(f"{stack}: CloudFormation did not finish within {self.timeout:.0f} s")

    def _lines(self, drift: StackResourceDriftTypeDef) -> Iterator[str]:
        name = f"{drift['LogicalResourceId']} ({drift['ResourceType']})"
        if drift["StackResourceDriftStatus"] == _GONE:
            yield f"{name} is gone"
            return
        for change in drift.get("PropertyDifferences", []):
            if not self._is_meant(drift, change["PropertyPath"]):
                # Not the values: a log is no place for what may be a secret.
                yield f"{name}: {change['PropertyPath']} {change['DifferenceType'].lower()}"

    def _is_meant(self, drift: StackResourceDriftTypeDef, path: str) -> bool:
        return (
            drift["ResourceType"] == "AWS::SSM::Parameter"
            and drift.get("PhysicalResourceId") == self.stage.champion_parameter
            and path == "/Value"
        )


def look(finder: DriftFinder, say: Callable[[str], None]) -> int:
    """Look at every stack and tell; returns how many have drifted.

    Raises:
        DriftError: CloudFormation could not compare.
    """
    drifted = 0
    for stack in finder.stacks():
        lines = finder.drift(stack)
        drifted += bool(lines)
        say(f"{stack}: {'drifted' if lines else 'as deployed'}")
        for line in lines:
            say(f"  {line}")
    return drifted


def make_client(session: boto3.Session, stage: StageConfig) -> CloudFormationClient:
    """A client with the rights of the bootstrap's lookup role; in the emulator, which has no rights, without."""
    if stage.account == EMULATOR_ACCOUNT:
        return session.client("cloudformation")
    sts = session.client("sts")
    account = sts.get_caller_identity()["Account"]
    taken = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/cdk-{_QUALIFIER}-lookup-role-{account}-{stage.region}",
        RoleSessionName="stack-drift",
    )["Credentials"]
    return session.client(
        "cloudformation",
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status: 0 all is as deployed, 1 something drifted, 2 it cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m cdk_app.drift", description=__doc__)
    parser.add_argument("--stage", required=True, choices=list(STAGES))
    options = parser.parse_args(arguments)
    import boto3  # noqa: PLC0415 - takes a moment, and --help should not

    stage = stage_config(options.stage)
    try:
        client = make_client(boto3.Session(region_name=stage.region), stage)
        drifted = look(DriftFinder(stage, client), print)
    except (DriftError, ClientError, BotoCoreError) as error:
        print(f"drift: {error}", file=sys.stderr)
        return 2
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
