"""Cold start: import, load, first verdict, and the memory that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from benchmarks.clock import peak_megabytes
from benchmarks.job import Job, Values
from benchmarks.sides import SIDES as ALL
from benchmarks.sides import open_side

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = ALL


def measure(side: str, job: Job, started: float) -> Values:
    """Seconds since the process began and the most memory it has had, once loaded and after the first verdict."""
    opened = open_side(side, job)
    loaded = time.perf_counter()
    memory = peak_megabytes()
    opened.prepared(job.read_texts(1))()
    return {
        "loaded_s": loaded - started,
        "first_verdict_s": time.perf_counter() - started,
        "loaded_mb": memory,
        "first_verdict_mb": peak_megabytes(),
    }


def lines(results: Results) -> Iterator[str]:
    """A table of the sides."""
    yield from results.table(
        "startup",
        SIDES,
        {
            "loaded_s": "import and load (s)",
            "first_verdict_s": "import, load and first verdict (s)",
            "loaded_mb": "memory once loaded (MB)",
            "first_verdict_mb": "memory after the first verdict (MB)",
        },
    )
