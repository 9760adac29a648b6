"""Child processes that are sure to end: each in its own group, all of them swept when the stage closes or dies.

A :class:`Supervisor` starts processes with a mark in their environment and a temporary folder of their own. When it is
closed it ends their groups; its guard (:mod:`local.guard`) ends whatever is left, also when this process is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from local import guard, paths
from local.errors import LocalError, StoppedError

GRACE_SECONDS: Final = 3.0
"""Between asking a process to end and ending it."""

_KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "USER", "SYSTEMROOT")


class Child:
    """One process with its group."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], log: Path | None, *, disposable: bool = False
    ) -> None:
        self.name = name
        self.log = log
        self.disposable = disposable
        self._process = process

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes] | None:
        """What the process writes, if it was started with ``piped``."""
        return self._process.stdout

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; the exit code, None if it still runs after ``timeout`` seconds."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens if it has ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """End the group: politely, then not."""
        if self.poll() is None:
            self.signal(signal.SIGTERM)
            self.wait(grace)
        self.signal(signal.SIGKILL)
        self.wait(grace)

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for an error's message."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Supervisor:
    """Starts processes and is sure to end them.

    Use it as a context manager, or call :meth:`close`. From then on :meth:`start` raises ``StoppedError``.

    Attributes:
        mark: what the processes carry in their environment.
        folder: temporary folder of this run, removed at the end; every process has its ``TMPDIR`` in it.
    """

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        paths.HOME.mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=paths.HOME))
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        environment = {name: value for name, value in os.environ.items() if name != guard.MARK_VARIABLE}
        self._guard = subprocess.Popen(
            [sys.executable, guard.__file__, self.mark, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )

    def __enter__(self) -> Self:
        """Nothing more to do: the guard is there already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def closing(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closing.is_set()

    def check(self) -> None:
        """Go on only while the supervisor is open.

        Raises:
            StoppedError: it is closed.
        """
        if self.closing:
            raise StoppedError("the local stage is being stopped")

    def scratch(self, name: str) -> Path:
        """A new folder that ends with this run.

        Raises:
            StoppedError: the supervisor is closed.
        """
        self.check()
        try:
            return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        except FileNotFoundError:  # closed in between
            raise StoppedError("the local stage is being stopped") from None

    def pause(self, seconds: float) -> None:
        """Sleep, unless the supervisor is closed meanwhile.

        Raises:
            StoppedError: it was.
        """
        self._closing.wait(seconds)
        self.check()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path = paths.ROOT,
        log: Path | None = None,
        piped: bool = False,
        disposable: bool = False,
    ) -> Child:
        """Start a process.

        Args:
            name: for messages.
            command: program and arguments.
            environment: added to the few variables that every child keeps (``PATH``, ``HOME``, the locale).
            cwd: its working directory.
            log: gets its output, appended.
            piped: whether its output can be read from the child's ``stdout`` instead.
            disposable: whether nothing is lost if it is killed at the end without being asked.

        Raises:
            StoppedError: the supervisor is closed.
            LocalError: the program cannot be started.
        """
        variables = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
        variables |= {**(environment or {}), guard.MARK_VARIABLE: self.mark}
        if "TMPDIR" not in variables:
            variables["TMPDIR"] = str(self.scratch(name))
        with self._lock:
            self.check()
            process = _open(name, command, variables, cwd, log, piped=piped)
            child = Child(name, process, log, disposable=disposable)
            self._children = [other for other in self._children if other.poll() is None]
            self._children.append(child)
        return child

    def run(self, name: str, command: Sequence[str | Path], **settings: Any) -> None:
        """Start a process and wait for its end.

        Raises:
            StoppedError: the supervisor was closed meanwhile.
            LocalError: it failed; the message has the end of its log.
        """
        child = self.start(name, command, **settings)
        code = child.wait()
        self.check()
        if code != 0:
            raise LocalError(f"{name} failed with exit code {code}; the end of {child.log}:\n{child.tail()}")

    def close(self) -> None:
        """End every process, last started first, and remove the temporary folder. May be called twice."""
        with self._lock:
            self._closing.set()
            children, self._children = self._children, []
        for child in reversed(children):
            child.signal(signal.SIGKILL if child.disposable else signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in children:
            child.wait(max(0.0, deadline - time.monotonic()))
            child.end(grace=1.0)
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(3 * guard.GRACE_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


def _open(
    name: str,
    command: Sequence[str | Path],
    variables: Mapping[str, str],
    cwd: Path,
    log: Path | None,
    *,
    piped: bool,
) -> subprocess.Popen[bytes]:
    output: IO[bytes] | int = subprocess.PIPE if piped else subprocess.DEVNULL
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(variables),
            start_new_session=True,
        )
    except OSError as error:
        raise LocalError(f"{name} cannot be started: {error}") from None
    finally:
        if not isinstance(output, int):
            output.close()
