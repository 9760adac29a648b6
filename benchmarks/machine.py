"""What the figures were measured on."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks import harness


def describe() -> str:
    """One line: processor, cores, memory, system, Python and the packages that matter for speed."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-learn", "mlflow"))
    return (
        f"{model}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}, {_blas()}"
    )


def _blas() -> str:
    """The linear algebra that a process which is measured runs: library, version, kernel, threads."""
    script = (
        "import numpy, threadpoolctl\n"
        "for found in threadpoolctl.threadpool_info():\n"
        "    print(found['internal_api'], found['version'], 'with kernel', found.get('architecture', 'unknown'),\n"
        "          'on', found['num_threads'], 'thread')"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=harness.environment()
    )
    return done.stdout.strip().replace("\n", "; ") or "linear algebra unknown"


def load() -> str:
    """How busy the machine is with other things, for whoever reads the figures."""
    return f"load average {psutil.getloadavg()[0]:.1f} of {psutil.cpu_count()} cores before the measurements"
