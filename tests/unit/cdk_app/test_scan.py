"""Scanning images: each is built first, and one that fails hides none of the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cdk_app import scan
from cdk_app.images import IMAGES, LAMBDAS, TRAINING
from cdk_app.push import PLATFORM, PushError

Commands = list[list[str]]


class Docker:
    def __init__(self, fails: str = "") -> None:
        self.commands: Commands = []
        self.fails = fails

    def __call__(self, command: Sequence[str], text: str | None) -> None:
        assert text is None
        self.commands.append(list(command))
        if self.fails and self.fails in " ".join(command):
            raise PushError(f"`{' '.join(command[:2])}` failed with exit code 2; see above")


def test_every_image_is_built_as_it_is_pushed_and_then_scanned() -> None:
    docker = Docker()
    assert scan.scan((LAMBDAS, TRAINING), docker, lambda _: None) == []
    build, look, *_ = docker.commands
    reference = f"cyberbullying-scan/lambdas:{LAMBDAS.tag()}"
    assert build[:4] == ["docker", "build", "--platform", PLATFORM]
    assert build[build.index("--tag") + 1] == reference
    assert look[:3] == ["docker", "run", "--rm"]
    assert look[-4:] == [f"docker:{reference}", "--only-fixed", "--fail-on", "high"]
    assert len(docker.commands) == 4


@pytest.mark.parametrize("step", ["lambdas/Dockerfile", "docker:cyberbullying-scan/lambdas"])
def test_an_image_that_fails_keeps_no_other_from_being_scanned(step: str) -> None:
    docker = Docker(fails=step)
    (failed,) = scan.scan((LAMBDAS, TRAINING), docker, lambda _: None)
    assert failed.startswith("lambdas: `docker ")
    assert f"docker:cyberbullying-scan/training:{TRAINING.tag()}" in docker.commands[-1]


def test_a_failure_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    docker = Docker(fails="docker run")
    monkeypatch.setattr(scan, "run_docker", docker)
    assert scan.main([]) == 1
    assert capsys.readouterr().err.count("scan: ") == len(IMAGES)


def test_one_image_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker()
    monkeypatch.setattr(scan, "run_docker", docker)
    assert scan.main(["--image", "mlflow"]) == 0
    assert [command[1] for command in docker.commands] == ["build", "run"]
