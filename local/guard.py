"""Outlives the process that started it just long enough to clear up after it.

``python local/guard.py MARK FOLDER`` waits until its standard input closes, which it does however its parent ends, and
then ends every process that carries ``CYBERBULLYING_LOCAL_RUN=MARK`` in its environment and removes the folder.
Children pass their environment on, so grandchildren that left their process group are found as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import Final

import psutil

MARK_VARIABLE: Final = "CYBERBULLYING_LOCAL_RUN"
GRACE_SECONDS: Final = 3.0
_LOOKS: Final = 2
"""What has only just begun shows no environment yet: a second look finds it."""


def marked(mark: str) -> list[psutil.Process]:
    """The processes of this user that carry a mark, this one excepted."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK_VARIABLE) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or somebody else's
    return found


def sweep(mark: str, grace: float = GRACE_SECONDS) -> int:
    """End the processes that carry a mark, politely first; returns how many there were."""
    ended = 0
    for _ in range(_LOOKS):
        processes = marked(mark)
        for process in processes:
            _signal(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=grace)
        for process in alive:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=grace)
        ended += len(processes)
    return ended


def main(mark: str, folder: str) -> None:
    """Wait for the parent's end, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    while sys.stdin.buffer.read(4096):
        pass
    sweep(mark)
    shutil.rmtree(folder, ignore_errors=True)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except (psutil.Error, OSError):
        return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
