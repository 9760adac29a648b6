"""The workflows: each step is a Makefile target, each right is asked for, nothing runs for ever or unpinned."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_app.stages import STAGES

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FILES = sorted(path.name for path in (GITHUB / "workflows").glob("*.yml"))
CLOUD = {name for name, stage in STAGES.items() if stage.delivery is not None}
MAKE = re.compile(r"make ([a-z-]+)((?: [A-Z_]+=(?:\"\$[A-Z_]+\"|[a-z]+))*)")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")

Json = dict[Any, Any]


def workflow(name: str) -> Json:
    loaded: Json = yaml.safe_load((GITHUB / "workflows" / name).read_text())
    return loaded


def jobs(name: str) -> dict[str, Json]:
    found: dict[str, Json] = workflow(name)["jobs"]
    return found


def steps(name: str) -> Iterator[Json]:
    for job in jobs(name).values():
        yield from job.get("steps", [])


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(name: str) -> list[str]:
    return [step["run"] for step in steps(name) if "run" in step]


def test_there_are_workflows() -> None:
    assert FILES == ["ci.yml", "deploy-stage.yml", "deploy.yml", "stack-drift.yml"]


@pytest.mark.parametrize("name", FILES)
def test_every_command_is_a_makefile_target(name: str) -> None:
    for command in commands(name):
        match = MAKE.fullmatch(command)
        assert match, command
        assert match[1] in targets()


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_to_a_commit(name: str) -> None:
    composite = yaml.safe_load((GITHUB / "actions/setup/action.yml").read_text())["runs"]["steps"]
    used = [step["uses"] for step in (*steps(name), *composite) if "uses" in step]
    used += [job["uses"] for job in jobs(name).values() if "uses" in job]
    assert used
    for action in used:
        assert PINNED.fullmatch(action) or (action.startswith("./") and (ROOT / action).exists()), action


@pytest.mark.parametrize("name", FILES)
def test_rights_are_none_until_a_job_asks_for_them(name: str) -> None:
    assert workflow(name)["permissions"] == {}
    for job in jobs(name).values():
        assert job["permissions"]["contents"] == "read"
        assert set(job["permissions"]) <= {"contents", "id-token", "pull-requests"}


@pytest.mark.parametrize("name", FILES)
def test_no_job_runs_for_ever(name: str) -> None:
    for job in jobs(name).values():
        assert "uses" in job or job["timeout-minutes"] <= 120


@pytest.mark.parametrize("name", FILES)
def test_there_is_no_long_lived_key(name: str) -> None:
    text = (GITHUB / "workflows" / name).read_text()
    assert "secrets." not in text
    assert "access-key" not in text


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_somebody_else_writes_gets_into_a_command(name: str) -> None:
    assert not [command for command in commands(name) if "${{" in command]


@pytest.mark.parametrize("name", FILES)
def test_checked_out_code_finds_no_credentials(name: str) -> None:
    for step in steps(name):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_a_pull_request_is_checked_and_tested_on_the_oldest_and_the_newest_python() -> None:
    assert workflow("ci.yml")[True] == {"pull_request": None}, "not pull_request_target, which would run it with rights"
    assert {"make check", "make test", "make demo", "make scan", "make scan-images"} <= set(commands("ci.yml"))
    assert jobs("ci.yml")["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]


def test_a_fork_gets_no_token() -> None:
    for job in jobs("ci.yml").values():
        if "id-token" in job["permissions"]:
            assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_a_stage_follows_the_canary_of_the_one_before() -> None:
    order = jobs("deploy.yml")
    assert list(order) == ["dev", "staging", "prod"]
    assert set(order) == CLOUD
    assert [job.get("needs") for job in order.values()] == [None, "dev", "staging"]
    assert [job["with"]["stage"] for job in order.values()] == list(order)
    assert commands("deploy-stage.yml") == [
        'make deploy STAGE="$STAGE" STACK=storage',
        'make images STAGE="$STAGE"',
        'make deploy STAGE="$STAGE"',
        'make canary STAGE="$STAGE"',
    ]


def test_a_delivery_is_in_the_stage_s_environment_and_alone() -> None:
    (job,) = jobs("deploy-stage.yml").values()
    assert job["environment"] == "${{ inputs.stage }}"
    assert job["concurrency"] == {"group": "stage-${{ inputs.stage }}", "cancel-in-progress": False}
    assert workflow("deploy.yml")["concurrency"] == {"group": "deploy", "cancel-in-progress": False}


@pytest.mark.parametrize(("name", "role"), [("ci.yml", "diff"), ("stack-drift.yml", "drift")])
def test_every_stage_in_the_cloud_is_looked_at_with_its_own_role(name: str, role: str) -> None:
    (job,) = [job for job in jobs(name).values() if "id-token" in job["permissions"]]
    assert {item["stage"] for item in job["strategy"]["matrix"]["include"]} == CLOUD
    assert all(
        item["account"] == f"AWS_ACCOUNT_{item['stage'].upper()}" for item in job["strategy"]["matrix"]["include"]
    )
    taken = [step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
    assert taken == [f"arn:aws:iam::${{{{ env.ACCOUNT }}}}:role/cyberbullying_${{{{ matrix.stage }}}}_{role}"]
    assert "environment" not in job, "which would change the subject of its token, and may wait for an approval"


def test_drift_is_looked_for_by_itself_and_never_while_the_stage_is_deployed() -> None:
    assert workflow("stack-drift.yml")[True]["schedule"]
    (drift,) = jobs("stack-drift.yml").values()
    assert drift["concurrency"]["group"] == "stage-${{ matrix.stage }}"


GH = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in *--paginate*) printf '%s' "$EARLIER" ;; *) cp "${7#body=@}" "$CALLS.body" 2>/dev/null || true ;; esac
"""
DIFF = """#!/bin/sh
printf 'make %s\\n' "$*" >>"$CALLS"
yes 'a line of the diff' | head -n "$LINES_OF_DIFF"
exit "$STATUS"
"""


def comment(
    folder: Path, *arguments: str, earlier: str = "", lines: int = 2, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the script with a gh and a make that only note what they are asked."""
    for name, text in (("gh", GH), ("make", DIFF)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return subprocess.run(
        [ROOT / "scripts/comment-diff.sh", *arguments],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CALLS": str(folder / "calls"),
            "EARLIER": earlier,
            "LINES_OF_DIFF": str(lines),
            "STATUS": str(status),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_a_diff_is_said_in_a_comment_of_its_stage(tmp_path: Path) -> None:
    done = comment(tmp_path, "dev", "12")
    assert done.returncode == 0, done.stderr
    made, looked, said = calls(tmp_path)
    assert made == "make --no-print-directory diff STAGE=dev NO_COLOR=1"
    assert "repos/{owner}/{repo}/issues/12/comments" in looked
    assert "--method POST repos/{owner}/{repo}/issues/12/comments --field body=@" in said
    body = (tmp_path / "calls.body").read_text()
    assert body.startswith("<!-- cdk diff of dev -->\n")
    assert "a line of the diff\na line of the diff\n" in body


def test_a_later_diff_rewrites_the_comment(tmp_path: Path) -> None:
    assert comment(tmp_path, "dev", "12", earlier="777\n").returncode == 0
    assert "--method PATCH repos/{owner}/{repo}/issues/comments/777 --field body=@" in calls(tmp_path)[-1]


def test_a_diff_that_is_too_long_for_a_comment_is_cut(tmp_path: Path) -> None:
    assert comment(tmp_path, "dev", "12", lines=20_000).returncode == 0
    body = (tmp_path / "calls.body").read_text()
    assert len(body) < 65_536
    assert "... and more: make diff STAGE=dev" in body


def test_a_diff_that_fails_is_not_said_but_shown(tmp_path: Path) -> None:
    done = comment(tmp_path, "dev", "12", status=3)
    assert done.returncode == 1
    assert "a line of the diff" in done.stderr
    assert "cdk diff of dev failed" in done.stderr
    assert len(calls(tmp_path)) == 1


@pytest.mark.parametrize("arguments", [(), ("dev",), ("dev", "12", "x")])
def test_wrong_usage_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = comment(tmp_path, *arguments)
    assert done.returncode == 1
    assert "make comment-diff STAGE=dev PULL_REQUEST=12" in done.stderr
