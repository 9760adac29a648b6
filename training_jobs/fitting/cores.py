"""Independent fits side by side, one on each core.

In processes and not in threads: LIBLINEAR, which is behind the linear models, draws its random numbers from one global
state, so that two fits in one process would disturb each other and no run would give the same model twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar, cast

from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

WORTHWHILE: Final = 5_000
"""Fits on fewer rows than this take less time than a process takes to start: they are done one after the other."""

Result = TypeVar("Result")


def side_by_side(fits: Sequence[Callable[[], Result]], rows: int) -> Iterator[Result]:
    """The results of independent fits, in their order, each as soon as it and those before it are there.

    What comes out does not depend on how many cores there are.

    Args:
        fits: the largest first, so that no core is left waiting for it at the end. They are sent to other processes;
            large arrays in them are mapped into memory there, not copied.
        rows: how many rows the largest of them is fitted on.
    """
    cores = min(cpu_count(), len(fits)) if rows >= WORTHWHILE else 1  # joblib's count knows a container's limits
    parallel = Parallel(n_jobs=cores, return_as="generator")
    return cast("Iterator[Result]", parallel(delayed(_in_one_thread)(fit) for fit in fits))


def _in_one_thread(fit: Callable[[], Result]) -> Result:
    """One thread for each fit: sums of several threads are rounded differently, and the cores have their own work."""
    with threadpool_limits(limits=1):
        return fit()
