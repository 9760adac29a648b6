"""One tweet at a time: how long a batch of one takes, in a process that has just started and in one that has not."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from benchmarks.clock import milliseconds, quantile
from benchmarks.job import Job, Values
from benchmarks.measures.stream import run
from benchmarks.sides import OURS, open_side
from benchmarks.sides import SIDES as ALL

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = ALL


def measure(side: str, job: Job, started: float) -> Values:
    """The first tweets one by one, then many in batches, then others one by one. No tweet comes twice."""
    del started
    opened = open_side(side, job)
    number = job.scale.single_tweets
    between = job.scale.tweets if side == OURS else job.scale.slow_tweets
    texts = job.read_texts(between)
    opened.prepared(texts[:1])()
    first, many, others = texts[1 : number + 1], texts[number + 1 : -number], texts[-number:]
    young = [milliseconds(opened.prepared([text])) for text in first]
    run(opened, many)
    old = [milliseconds(opened.prepared([text])) for text in others]
    return {
        "first_median_ms": statistics.median(young),
        "first_p99_ms": quantile(young, 0.99),
        "median_ms": statistics.median(old),
        "p99_ms": quantile(old, 0.99),
    }


def lines(results: Results) -> Iterator[str]:
    """A table of the sides."""
    yield from results.table(
        "one_tweet",
        SIDES,
        {
            "first_median_ms": "right after the start, median (ms)",
            "first_p99_ms": "right after the start, 99th percentile (ms)",
            "median_ms": "later, median (ms)",
            "p99_ms": "later, 99th percentile (ms)",
        },
    )
