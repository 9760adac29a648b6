"""Warnings that the deployed stage held back go out when a person says so, or never."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local import aws, paths
from tests.integration.conftest import FLAGGED_TEXT, Stage
from tests.waiting import wait_for


@pytest.fixture
def frugal(stage: Stage) -> Iterator[Stage]:
    """The stage with its quota used up."""
    before = stage.local.config.daily_warning_quota
    stage.configure("warn", DAILY_WARNING_QUOTA="0")
    yield stage
    stage.configure("warn", DAILY_WARNING_QUOTA=str(before))


def release(stage: Stage, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lambdas.release", "--function", stage.local.config.physical("warn"), *arguments],
        cwd=paths.ROOT,
        env={**os.environ, **aws.environment(stage.local.endpoint)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def entry(stage: Stage, tweet: str) -> dict[str, Any]:
    (item,) = stage.entries([tweet])
    return item


def test_held_warnings_are_listed_sent_and_dropped(frugal: Stage) -> None:
    sent, dropped = frugal.send(FLAGGED_TEXT, FLAGGED_TEXT, key="held")
    wait_for(lambda: len(frugal.entries([sent, dropped])) == 2, "both entries")
    assert {item["status"]["S"] for item in frugal.entries([sent, dropped])} == {"held"}

    listed = release(frugal, "--tweet", sent, "--tweet", dropped, "--show", "2")
    assert sent in listed
    assert "Nothing was changed" in listed

    assert "1 sent" in release(frugal, "--tweet", sent, "--apply")
    assert "1 dropped" in release(frugal, "--tweet", dropped, "--drop")
    item = entry(frugal, sent)
    assert item["status"] == {"S": "issued"}
    assert {"notify", "announce_flagged"} <= set(item["done"]["SS"])
    assert entry(frugal, dropped)["status"] == {"S": "dropped"}
    assert "done" not in entry(frugal, dropped)
    assert "No warning is held back" in release(frugal, "--tweet", sent, "--tweet", dropped, "--apply")
