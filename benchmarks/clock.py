"""Reading the clock and the memory of this process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path


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
