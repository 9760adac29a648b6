"""``up``, ``status`` and ``down``: a stage that outlives the command that started it.

``up`` starts ``python -m local serve`` in a session of its own, which draws on the same terminal until all is ready.
Then it leaves a file that says where everything is, and says so over a pipe. Signals that reach ``up`` before that are
passed on, and the stage stops.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import psutil

from local import paths
from local.display import Display
from local.errors import LocalError
from local.stage import LocalStage

_STOP_SECONDS: Final = 30.0
_INTERRUPTED: Final = 130


def up(arguments: Sequence[str]) -> int:
    """Start a stage in the background and wait until it is ready; returns the exit code.

    Raises:
        LocalError: one is running already.
    """
    refuse_if_running()
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "local", "serve", *arguments, "--ready", str(write)],
        cwd=paths.ROOT,
        stdin=subprocess.DEVNULL,
        pass_fds=[write],
        start_new_session=True,
    ) as child:
        os.close(write)

        def pass_on(_number: int, _frame: FrameType | None) -> None:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        ready = os.read(read, 1)
        os.close(read)
        if not ready:
            code = child.wait()
            return _INTERRUPTED if code < 0 else code or 1
        print("It keeps running. `make status` says what is there, `make down` stops it.")
        # The stage goes on by itself; nobody waits for it here.
        child.returncode = 0
    return 0


def serve(stage: LocalStage, ready: int) -> None:
    """Say that the stage is ready, and go on until it is stopped.

    Args:
        stage: that runs.
        ready: file descriptor of the pipe to ``up``; negative without one.
    """
    state = {
        "pid": os.getpid(),
        "created": psutil.Process().create_time(),
        "mark": stage.supervisor.mark,
        "started_at": time.strftime("%Y-%m-%d %H:%M:%S"),
        "endpoint": stage.endpoint,
        "mlflow": stage.mlflow,
        "logs": str(paths.LOGS),
    }
    paths.STATE.write_text(json.dumps(state, indent=2))
    try:
        sys.stdout.flush()
        if ready >= 0:
            _let_go(paths.LOGS / "stage.log")
            os.write(ready, b"1")
            os.close(ready)
        while True:
            stage.supervisor.pause(3600)
    finally:
        paths.STATE.unlink(missing_ok=True)


def status(display: Display) -> int:
    """Say what is running; returns 0 if something is, 3 if nothing is."""
    state = running()
    if state is None:
        display.say("The local stage is not running.")
        return 3
    display.say(f"The local stage runs since {state['started_at']} (process {state['pid']}).")
    for name in ("endpoint", "mlflow", "logs"):
        display.say(f"  {name:<10} {state[name]}")
    for process in _family(state["pid"]):
        with suppress(psutil.Error):
            memory = process.memory_info().rss >> 20
            display.say(f"  {process.pid:>8}  {memory:>5} MB  {_name(process)}")
    return 0


def down(*, quiet: bool) -> int:
    """Stop what ``up`` started, and wait until it is gone.

    Raises:
        LocalError: it does not stop.
    """
    state = running()
    if state is None:
        if not quiet:
            print("The local stage is not running.")
        return 0
    process = psutil.Process(state["pid"])
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()  # its guard ends the rest
        process.wait(_STOP_SECONDS)
    if not quiet:
        print("The local stage is stopped.")
    return 0


def refuse_if_running() -> None:
    """Two stages would overwrite each other's logs and models.

    Raises:
        LocalError: one is running.
    """
    state = running()
    if state is not None:
        raise LocalError(f"the local stage is running already (process {state['pid']}); `make down` stops it")


@contextmanager
def only_one() -> Iterator[None]:
    """Keep other stages out while the block lasts, for as long as this process lives.

    Raises:
        LocalError: there is one.
    """
    refuse_if_running()
    paths.HOME.mkdir(exist_ok=True)
    with (paths.HOME / "stage.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalError(f"another run of the local stage is under way in {paths.ROOT}") from None
        yield


def running() -> dict[str, Any] | None:
    """What the state file says, if its process still lives."""
    try:
        state: dict[str, Any] = json.loads(paths.STATE.read_text())
        process = psutil.Process(state["pid"])
        if process.is_running() and abs(process.create_time() - state["created"]) < 1.0:
            return state
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return None


def _let_go(log: Path) -> None:
    """Leave the terminal: from here on, what is written goes to a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _name(process: psutil.Process) -> str:
    words = [word for word in process.cmdline()[1:] if not word.startswith("-")]
    return " ".join(words[:3])[:60] or process.name()
