"""The health file is fresh as long as delivery gets on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.health import STALLED_SECONDS, HealthFile, healthy
from ingest.status import Status
from tests.fakes.ingest import FakeTime


def test_the_file_is_written_while_all_is_well(tmp_path: Path) -> None:
    path = tmp_path / "health"
    HealthFile(path, Status(), FakeTime()).beat()
    assert healthy(path, max_age=30)


def test_a_source_out_of_reach_is_no_sickness(tmp_path: Path) -> None:
    path = tmp_path / "health"
    HealthFile(path, Status(connected=False), FakeTime()).beat()
    assert healthy(path, max_age=30)


def test_a_long_stall_is(tmp_path: Path) -> None:
    path, time = tmp_path / "health", FakeTime()
    beat = HealthFile(path, Status(stalled_since=time.unix - STALLED_SECONDS), time).beat
    beat()
    assert not path.exists()


def test_a_file_that_cannot_be_written_does_not_stop_the_source(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    HealthFile(tmp_path / "gone" / "health", Status(), FakeTime()).beat()
    assert "cannot be written" in caplog.text


def test_an_old_file_is_sick(tmp_path: Path) -> None:
    path = tmp_path / "health"
    path.write_text("")
    os.utime(path, (0, 0))
    assert not healthy(path, max_age=30)
