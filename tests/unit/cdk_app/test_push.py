"""Building and pushing images: only what is missing, and clear words when something is not there."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cdk_app.images import LAMBDAS, TRAINING
from cdk_app.push import Pusher, PushError, run_docker
from cdk_app.stages import stage_config


class ImageNotFoundError(Exception):
    pass


class RepositoryNotFoundError(Exception):
    pass


class FakeEcr:
    exceptions = SimpleNamespace(
        ImageNotFoundException=ImageNotFoundError, RepositoryNotFoundException=RepositoryNotFoundError
    )

    def __init__(self, held: dict[str, set[str]]) -> None:
        self.held = held

    def describe_images(self, *, repositoryName: str, imageIds: list[dict[str, str]]) -> None:  # noqa: N803
        if repositoryName not in self.held:
            raise RepositoryNotFoundError
        if imageIds[0]["imageTag"] not in self.held[repositoryName]:
            raise ImageNotFoundError

    def get_authorization_token(self) -> dict[str, Any]:
        token = base64.b64encode(b"AWS:secret").decode()
        return {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": "https://registry.example.com"}]}


class Docker:
    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.inputs: list[str | None] = []

    def __call__(self, command: Sequence[str], text: str | None) -> None:
        self.commands.append(list(command))
        self.inputs.append(text)


def pusher(ecr: FakeEcr, docker: Docker) -> Pusher:
    return Pusher(stage_config("dev"), ecr, docker, lambda _: None)  # type: ignore[arg-type]


def test_only_what_is_missing_is_built_and_pushed() -> None:
    docker = Docker()
    ecr = FakeEcr({"cyberbullying/dev/lambdas": {LAMBDAS.tag()}, "cyberbullying/dev/training": {"older"}})
    assert pusher(ecr, docker).push([LAMBDAS, TRAINING]) == ["training"]
    login, build, push = docker.commands
    reference = f"registry.example.com/cyberbullying/dev/training:{TRAINING.tag()}"
    assert login[-1] == "registry.example.com"
    assert reference in build
    assert "training_jobs/Dockerfile" in build
    assert push == ["docker", "push", reference]


def test_the_password_goes_through_standard_input_only() -> None:
    docker = Docker()
    pusher(FakeEcr({"cyberbullying/dev/lambdas": set()}), docker).push([LAMBDAS])
    assert docker.inputs[0] == "secret"
    assert not any("secret" in word for command in docker.commands for word in command)


def test_images_are_built_for_the_processor_they_run_on() -> None:
    docker = Docker()
    pusher(FakeEcr({"cyberbullying/dev/lambdas": set()}), docker).push([LAMBDAS])
    (build,) = [command for command in docker.commands if "build" in command]
    assert build[build.index("--platform") + 1] == "linux/amd64"


def test_when_nothing_is_missing_docker_is_not_needed() -> None:
    docker = Docker()
    assert pusher(FakeEcr({"cyberbullying/dev/lambdas": {LAMBDAS.tag()}}), docker).push([LAMBDAS]) == []
    assert docker.commands == []


def test_a_missing_repository_says_what_to_deploy_first() -> None:
    with pytest.raises(PushError, match="cyberbullying-dev-storage"):
        pusher(FakeEcr({}), Docker()).push([LAMBDAS])


def test_without_docker_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PushError, match="not installed"):
        run_docker(["docker", "push", "x"], None)


def test_a_failing_command_is_an_error() -> None:
    with pytest.raises(PushError, match="exit code 1"):
        run_docker(["false"], None)
