"""One measurement in a fresh process: ``python -m benchmarks.child WHAT SIDE JOB`` prints one JSON object.

Fresh, because a cold start cannot be measured twice in one process, and because no side shall profit from what another
has imported.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import io  # noqa: E402 - the clock starts before anything is imported
import json  # noqa: E402
import sys  # noqa: E402
from contextlib import redirect_stdout  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks import job  # noqa: E402


def main() -> None:
    """Measure, and print the figures as JSON."""
    what, side, file = sys.argv[1:]
    measurement = import_module(f"benchmarks.measures.{what}")
    with redirect_stdout(io.StringIO()):  # metrics and logs would go where the result goes
        values: job.Values = measurement.measure(side, job.read(Path(file)), STARTED)
    print(json.dumps(values))


if __name__ == "__main__":
    main()
