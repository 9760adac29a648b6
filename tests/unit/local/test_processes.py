"""Whatever ends the stage, no process, port or temporary folder is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from local import guard, paths, ports
from local.errors import LocalError, StoppedError
from local.processes import Supervisor
from tests.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)",
]
# A grandchild in a session of its own, out of reach of its parent's group.
RUNAWAY = """
import subprocess, sys, time
p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(p.pid, flush=True)
time.sleep(600)
"""
WHOLE_STAGE = """
import sys, time
from local.processes import Supervisor
supervisor = Supervisor()
children = [supervisor.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
print(supervisor.mark, supervisor.folder, *[child.pid for child in children], flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_closing_ends_every_process_and_removes_the_folder() -> None:
    with Supervisor() as supervisor:
        children = [supervisor.start("sleeper", SLEEPER) for _ in range(3)]
        folder = supervisor.folder
        assert all(child.poll() is None for child in children)
    assert all(gone(child.pid) for child in children)
    assert not folder.exists()
    assert guard.marked(supervisor.mark) == []


def test_a_process_that_ignores_the_polite_request_is_killed() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("stubborn", STUBBORN, piped=True)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.end(grace=0.3)
        assert child.poll() == -signal.SIGKILL


def test_a_grandchild_that_left_its_group_is_found() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("parent", [sys.executable, "-c", RUNAWAY], piped=True)
        assert child.stdout is not None
        runaway = int(child.stdout.readline())
        assert not gone(runaway)
    wait_for(lambda: gone(runaway))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_guard_clears_up_after_a_stage_that_was_killed(number: signal.Signals) -> None:
    stage = subprocess.Popen([sys.executable, "-c", WHOLE_STAGE], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True)
    assert stage.stdout is not None
    mark, folder, *pids = stage.stdout.readline().split()
    # A process that has only just begun shows no environment yet.
    wait_for(lambda: len(guard.marked(mark)) == 2)
    stage.send_signal(number)
    stage.wait()
    stage.stdout.close()
    wait_for(lambda: all(gone(int(pid)) for pid in pids))
    wait_for(lambda: not Path(folder).exists())


def test_nothing_starts_once_the_stage_is_being_stopped() -> None:
    supervisor = Supervisor()
    supervisor.close()
    with pytest.raises(StoppedError):
        supervisor.start("late", SLEEPER)
    with pytest.raises(StoppedError):
        supervisor.pause(60)


def test_a_wait_ends_when_the_stage_is_stopped() -> None:
    supervisor = Supervisor()
    threading.Timer(0.3, supervisor.close).start()
    with pytest.raises(StoppedError):
        supervisor.run("sleeper", SLEEPER)  # which would sleep longer than a test may last


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    with Supervisor() as supervisor, pytest.raises(LocalError, match=r"exit code 7(.|\n)*the reason"):
        supervisor.run("x", [sys.executable, "-c", "print('the reason'); raise SystemExit(7)"], log=log)


def test_a_program_that_is_missing_is_named() -> None:
    with Supervisor() as supervisor, pytest.raises(LocalError, match="thing cannot be started"):
        supervisor.start("thing", ["/does/not/exist"])


def test_children_get_a_temporary_folder_of_the_run_and_none_of_our_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    log = tmp_path / "x.log"
    program = "import os, tempfile; print(tempfile.gettempdir()); print(os.environ.get('AWS_PROFILE'))"
    with Supervisor() as supervisor:
        supervisor.run("x", [sys.executable, "-c", program], log=log)
        folder, profile = log.read_text().splitlines()
        assert Path(folder).is_relative_to(supervisor.folder)
    assert profile == "None"


def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind((ports.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} .* for the thing, cannot be used"):
            ports.choose("the thing", port)
        assert ports.is_open(port)
    assert not ports.is_open(port)


def test_any_free_port_will_do() -> None:
    port = ports.choose("the thing")
    assert port > 0
    assert not ports.is_open(port)


def test_the_sweep_finds_what_had_only_just_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = subprocess.Popen(SLEEPER)
    looks = iter([[], [psutil.Process(begun.pid)]])
    monkeypatch.setattr(guard, "marked", lambda _mark: next(looks))
    try:
        assert guard.sweep("ours") == 1
        assert not psutil.pid_exists(begun.pid)
    finally:
        begun.kill()
        begun.wait()


def test_the_sweep_leaves_the_processes_of_others_alone() -> None:
    other = subprocess.Popen(SLEEPER, env={**os.environ, guard.MARK_VARIABLE: "somebody-else"})
    try:
        assert guard.sweep("ours") == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
