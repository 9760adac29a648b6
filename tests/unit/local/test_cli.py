"""The commands: what they refuse, and that an interrupt at any moment leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local import background, deploy, guard, paths
from local.cli import main
from local.demo import check_tools
from local.display import Display
from local.errors import LocalError
from tests.waiting import PATIENCE_SECONDS, wait_for


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of ``.local``."""
    for name, value in {"HOME": tmp_path, "LOGS": tmp_path / "logs", "STATE": tmp_path / "stage.json"}.items():
        monkeypatch.setattr(paths, name, value)
    return tmp_path


def state(pid: int, created: float) -> str:
    return json.dumps(
        {"pid": pid, "created": created, "started_at": "now", "endpoint": "e", "mlflow": "m", "logs": "l"}
    )


def run_folders(children: list[psutil.Process]) -> set[Path]:
    """The temporary folders that a run's guard is to remove; those of other runs are none of its business."""
    folders = set()
    for child in children:
        with suppress(psutil.Error):  # gone meanwhile
            if guard.__file__ in child.cmdline():
                folders.add(Path(child.cmdline()[-1]))
    return folders


@pytest.mark.parametrize(("seconds", "number"), [(0.0, signal.SIGINT), (0.7, signal.SIGTERM), (2.0, signal.SIGHUP)])
def test_an_interrupt_leaves_nothing_behind(seconds: float, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "local", "demo"],
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    said = ""
    while "Starting" not in said:
        line = demo.stdout.readline()
        assert line, f"it ended before it started anything: {said}"
        said += line
    time.sleep(seconds)
    children = psutil.Process(demo.pid).children(recursive=True)
    folders = run_folders(children)
    assert folders
    demo.send_signal(number)
    output, _ = demo.communicate()
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []
    wait_for(lambda: not [folder for folder in folders if folder.exists()], "the folders to go")


def test_a_data_file_that_is_not_there_is_said_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(deploy, "missing_tools", list)
    assert main(["demo", "--data", str(home / "nowhere.csv")]) == 1
    assert "nowhere.csv cannot be read" in capsys.readouterr().err


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "CDK", tmp_path / "cdk")
    monkeypatch.setattr(paths, "MINISTACK", tmp_path / "ministack")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"node .* is not on the PATH; .*CDK .* run `make setup`; the AWS emulator"):
        check_tools()


def test_nothing_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert background.running() is None
    assert background.status(Display()) == 3
    assert background.down(quiet=False) == 0
    assert capsys.readouterr().out.count("not running") == 2
    assert background.down(quiet=True) == 0
    assert capsys.readouterr().out == ""
    assert list(home.iterdir()) == []


def test_a_stage_that_runs_is_not_started_twice(home: Path) -> None:
    (home / "stage.json").write_text(state(os.getpid(), psutil.Process().create_time()))
    with pytest.raises(LocalError, match="running already"):
        background.refuse_if_running()


@pytest.mark.parametrize(
    "text",
    ["", "{}", state(os.getpid(), 1.0), state(2**22 + 1, 1.0)],
    ids=["empty", "another-shape", "a-process-that-came-later", "no-such-process"],
)
def test_what_a_dead_stage_left_behind_does_not_count(home: Path, text: str) -> None:
    (home / "stage.json").write_text(text)
    assert background.running() is None


def test_a_demonstration_keeps_another_out(home: Path) -> None:
    with background.only_one(), pytest.raises(LocalError, match="another run"), background.only_one():
        pass
    with (home / "stage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again


def test_down_ends_the_stage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (home / "stage.json").write_text(state(sleeper.pid, psutil.Process(sleeper.pid).create_time()))
    assert background.down(quiet=False) == 0
    assert not psutil.pid_exists(sleeper.pid)
    sleeper.wait()
    assert "is stopped" in capsys.readouterr().out


def test_the_guard_waits_for_its_parents_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    watcher = subprocess.Popen(
        [sys.executable, guard.__file__, "no-such-mark", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert watcher.stdout is not None
    assert watcher.stdout.readline() == b"ready\n"
    watcher.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert watcher.poll() is None
    assert folder.exists()
    assert watcher.stdin is not None
    watcher.stdin.close()
    assert watcher.wait(PATIENCE_SECONDS) == 0
    watcher.stdout.close()
    assert not folder.exists()
