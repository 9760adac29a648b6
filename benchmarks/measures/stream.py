"""Distinct tweets in batches of two hundred, one after the other, as a stream delivers them; and the memory then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from benchmarks.clock import milliseconds, peak_megabytes
from benchmarks.job import Job, Values
from benchmarks.sides import OURS, Side, open_side
from benchmarks.sides import SIDES as ALL

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = ALL
BATCH: Final = 200


def measure(side: str, job: Job, started: float) -> Values:
    """From a process that has just started on; the words that it meets for the first time become fewer and fewer."""
    del started
    opened = open_side(side, job)
    texts = job.read_texts(job.scale.tweets if side == OURS else job.scale.slow_tweets)
    opened.prepared(texts[:1])()
    milliseconds_taken = run(opened, texts)
    return {
        "tweets_per_second": len(texts) / milliseconds_taken * 1000.0,
        "tweets": float(len(texts)),
        "memory_mb": peak_megabytes(),
    }


def run(side: Side, texts: Sequence[str]) -> float:
    """Classify tweets in batches; returns the milliseconds that it took."""
    calls = [side.prepared(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH)]
    return sum(milliseconds(call) for call in calls)


def lines(results: Results) -> Iterator[str]:
    """A table of the sides."""
    yield from results.table(
        "stream",
        SIDES,
        {
            "tweets_per_second": f"batches of {BATCH} (tweets/s)",
            "tweets": "tweets",
            "memory_mb": "most memory by then (MB)",
        },
    )
