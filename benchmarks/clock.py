"""Reading the clock and the memory of this process."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOOK_EVERY: Final = 0.02
"""Seconds between two looks at a process."""


def milliseconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000.0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which so large a share of the values lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def peak_megabytes(process: int | str = "self") -> float:
    """The most memory that a process has had.

    From ``/proc`` where there is one: what getrusage reports begins with what the parent held when it started this one.
    """
    status = Path(f"/proc/{process}/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def watched(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Wait for a process; seconds of processor time and the most megabytes that it took."""
    import psutil  # noqa: PLC0415 - processes that measure themselves do without it

    cpu = memory = 0.0
    seen = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error, OSError, ValueError):  # it may end between two looks
            times = seen.cpu_times()
            cpu = times.user + times.system
            memory = peak_megabytes(process.pid)
        time.sleep(_LOOK_EVERY)
    return cpu, memory
