"""The way of single tweets, from the segments that the functions sent: ``python -m local traces``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from local import paths
from local.errors import LocalError
from local.lambda_host.xray import FILE
from moderation.tracing import Place

SHOWN: Final = 10
"""Traces that are shown if no tweet is named: the latest."""


@dataclass
class Way:
    """One tweet's segments, by name, in the order of their beginnings."""

    trace_id: str
    tweet_id: str
    segments: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def started(self) -> float:
        """When the tweet was put, in seconds since 1970."""
        return min(float(segment["start_time"]) for segment in self.segments.values())

    @property
    def seconds(self) -> float:
        """From there to the end of its last segment."""
        return max(float(segment["end_time"]) for segment in self.segments.values()) - self.started

    def places(self) -> list[str]:
        """The places that the tweet passed, without product and stage, in the order of time."""
        ordered = sorted(self.segments.values(), key=lambda segment: (segment["start_time"], segment["end_time"]))
        return [_place(segment) for segment in ordered]


def read_ways(file: Path) -> list[Way]:
    """The ways of the tweets that were traced, oldest first; segments of invocations are left out.

    Raises:
        LocalError: nothing has been traced.
    """
    if not file.exists():
        raise LocalError(f"there are no traces in {file}; `make demo` or `make up` makes some")
    ways: dict[tuple[str, str], Way] = {}
    for segment in _segments(file.read_bytes().splitlines()):
        tweet_id = segment.get("annotations", {}).get("tweet_id")
        if tweet_id is not None:
            way = ways.setdefault((segment["trace_id"], tweet_id), Way(segment["trace_id"], tweet_id))
            way.segments[segment["id"]] = segment
    return sorted(ways.values(), key=lambda way: way.started)


def show(console: Console, ways: Iterable[Way]) -> None:
    """Print where each tweet was when, and what was decided."""
    for way in ways:
        console.print(f"\n[bold]{way.tweet_id}[/]  {_clock(way.started)}  trace {way.trace_id}", highlight=False)
        for segment in sorted(way.segments.values(), key=lambda item: (item["start_time"], item["end_time"])):
            after = segment["start_time"] - way.started
            lasted = (segment["end_time"] - segment["start_time"]) * 1000
            line = f"  {_place(segment):<15} +{after:.3f} s {lasted:>8,.0f} ms   {_said(segment)}"
            console.print(line.rstrip(), highlight=False, soft_wrap=True)


def run(console: Console, tweet: str | None) -> int:
    """Show the way of a tweet, or of the latest ones; returns the exit code.

    Raises:
        LocalError: nothing has been traced, or not that tweet.
    """
    ways = read_ways(paths.LOGS / FILE)
    ways = ways[-SHOWN:] if tweet is None else [way for way in ways if way.tweet_id == tweet]
    if not ways:
        what = "no tweet" if tweet is None else f"no tweet {tweet}"
        raise LocalError(f"{what} was traced; a tweet is if its record says so, or by the stage's `trace_share`")
    show(console, ways)
    return 0


def _segments(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the line that is being written


def _place(segment: Mapping[str, Any]) -> str:
    name = str(segment["name"])
    return next((place.value for place in Place if name.endswith(f"_{place.value}")), name)


def _said(segment: Mapping[str, Any]) -> str:
    said = segment["annotations"]
    if "decision" not in said:
        return ""
    return f"{said['decision']} ({said['classification']}) by version {said['version']}"


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"
