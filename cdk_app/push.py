"""Builds the container images of a stage and pushes those that its repositories do not hold yet: ``make images``.

An image's tag is a digest of its sources, so an image that is there already is the one that would be built. This is the
only part of a deployment that needs Docker.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from cdk_app.images import IMAGES, ROOT, Image
from cdk_app.stages import STAGES, StageConfig, stage_config

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

Run = Callable[[Sequence[str], str | None], None]
"""Runs a command, with text for its standard input; raises PushError if it fails."""


PLATFORM: Final = "linux/amd64"
"""Of everything that runs the images: functions, jobs, tasks and the tracking server."""


class PushError(Exception):
    """Images could not be built or pushed; the message says what to do."""


class Registry(NamedTuple):
    """Where images go, and how Docker logs in there."""

    host: str
    user: str
    password: str


@dataclass(frozen=True)
class Pusher:
    """Builds and pushes.

    Attributes:
        stage: whose repositories.
        ecr: boto3's client.
        run: runs Docker.
        say: tells a person what is going on.
    """

    stage: StageConfig
    ecr: ECRClient
    run: Run
    say: Callable[[str], None]

    def push(self, images: Sequence[Image] = IMAGES) -> list[str]:
        """Push what is missing.

        Returns:
            The names of the images that were built.

        Raises:
            PushError: a repository is missing, or Docker failed.
        """
        missing = [image for image in images if not self._is_there(image)]
        for image in images:
            if image not in missing:
                self.say(f"{image.name}:{image.tag()} is there already")
        if missing:
            registry = self._registry()
            self.run(
                ["docker", "login", "--username", registry.user, "--password-stdin", registry.host], registry.password
            )
            for image in missing:
                self._build(image, registry)
        return [image.name for image in missing]

    def _is_there(self, image: Image) -> bool:
        try:
            self.ecr.describe_images(
                repositoryName=self.stage.repository(image.name), imageIds=[{"imageTag": image.tag()}]
            )
        except self.ecr.exceptions.ImageNotFoundException:
            return False
        except self.ecr.exceptions.RepositoryNotFoundException:
            raise PushError(
                f"there is no repository {self.stage.repository(image.name)}; deploy the storage stack first: "
                f"node_modules/.bin/cdk deploy {self.stage.stack('storage')} -c stage={self.stage.name}"
            ) from None
        return True

    def _registry(self) -> Registry:
        data = self.ecr.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        return Registry(data["proxyEndpoint"].removeprefix("https://"), user, password)

    def _build(self, image: Image, registry: Registry) -> None:
        reference = f"{registry.host}/{self.stage.repository(image.name)}:{image.tag()}"
        self.say(f"building {image.name}:{image.tag()}")
        self.run(build_command(image, reference), None)
        self.run(["docker", "push", reference], None)


def build_command(image: Image, reference: str) -> list[str]:
    """What builds an image under a name."""
    # Lambda takes no manifest lists, which is what provenance attestations would make of a single image.
    return [
        "docker", "build", "--platform", PLATFORM, "--provenance=false",
        "--file", f"{image.folder}/Dockerfile", "--tag", reference, ".",
    ]  # fmt: skip


def run_docker(command: Sequence[str], text: str | None) -> None:
    """Run Docker in the checkout.

    Raises:
        PushError: it is not installed, or it failed.
    """
    if shutil.which(command[0]) is None:
        raise PushError("Docker is not installed; images need it, everything else does not")
    done = subprocess.run(command, input=text, text=True, cwd=ROOT, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise PushError(f"`{' '.join(command[:2])}` failed with exit code {done.returncode}; see above")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cdk_app.push", description=__doc__)
    parser.add_argument("--stage", required=True, choices=[name for name in STAGES if name != "local"])
    options = parser.parse_args(arguments)
    import boto3  # noqa: PLC0415 - takes a moment, and --help should not

    stage = stage_config(options.stage)
    try:
        built = Pusher(stage, boto3.client("ecr", region_name=stage.region), run_docker, print).push()
    except (PushError, ClientError, BotoCoreError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    print(f"pushed {', '.join(built)}" if built else "nothing to push")
    return 0


if __name__ == "__main__":
    sys.exit(main())
