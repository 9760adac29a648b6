"""Real tweets for the demonstration: ``python -m ingest`` reads a source into the local stage for a while.

What a source needs (a network, a token, a file, a budget) is looked at before anything is started.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from cdk_app.stages import TWEET_EVENTS
from ingest.events import SourceName
from ingest.settings import TOKEN_VARIABLE, Settings
from ingest.sources.jetstream import INSTANCES
from local import aws, paths, summary
from local.display import Bars, Display
from local.errors import LocalError
from local.processes import Child
from local.replay import set_aside
from local.stage import LocalStage
from local.verdicts import VerdictWatcher
from moderation.labels import LABELS
from moderation.messages import ClassificationEvent, Decision

NAMES: Final = tuple(name.value for name in SourceName)
PROGRAM: Final = "ingest"

_PAID: Final = (SourceName.X_STREAM.value, SourceName.X_SEARCH.value)
_X_API: Final[str] = next(one.default for one in msgspec.structs.fields(Settings) if one.name == "x_api_url")
_CONNECT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.25
_STOP_SECONDS: Final = 40.0
_PATIENCE_SECONDS: Final = 60.0
_QUIET_SECONDS: Final = 2.0
"""After so long without a verdict it is worth a look at what was set aside."""
_TOTALS: Final = re.compile(r"(\d+) tweets read, (\d+) delivered")
_PASSED_ON: Final = (TOKEN_VARIABLE, "X_API_URL", "JETSTREAM_URLS")
"""Variables of the person who starts it that the source is to see; nothing else of theirs reaches it."""


@dataclass(frozen=True)
class Source:
    """What is to be read.

    Attributes:
        name: of the source, as ``python -m ingest`` knows it.
        file: to replay.
        budget: US dollars that a paid source may cost in a UTC day.
        tweets: verdicts after which it is enough.
        seconds: time after which it is enough.
    """

    name: str
    file: Path | None = None
    budget: float = 0.0
    tweets: int = 200
    seconds: float = 30.0


@dataclass
class Read:
    """What came of it: counts of tweets and verdicts."""

    read: int = 0
    delivered: int = 0
    verdicts: set[str] = field(default_factory=set)
    decisions: Counter[Decision] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)


def check(source: Source, environment: Mapping[str, str] | None = None) -> None:
    """Say what a source lacks before anything is started.

    Raises:
        LocalError: something is missing; the message says what, and how to give it.
    """
    environment = os.environ if environment is None else environment
    asked = f"SOURCE={source.name}"
    if source.name not in NAMES:
        raise LocalError(f"there is no {asked}; there are {', '.join(NAMES)}")
    if source.name == SourceName.REPLAY.value:
        if source.file is None or not source.file.is_file():
            given = f"{source.file} is no file" if source.file else "none was named"
            raise LocalError(f"{asked} needs a CSV or JSONL file, and {given}: {asked} FILE=tweets.csv")
        return
    if source.name in _PAID:
        if not environment.get(TOKEN_VARIABLE):
            raise LocalError(f"{asked} needs the bearer token of an X app in the variable {TOKEN_VARIABLE}")
        if source.budget <= 0:
            raise LocalError(f"{asked} costs money: say how many dollars it may cost today, {asked} BUDGET=1")
    _check_network(asked, _addresses(source, environment))


def read(stage: LocalStage, display: Display, source: Source) -> Read:
    """Read a source for a while, wait for the verdicts, and show what they are.

    Raises:
        LocalError: the source failed, or its tweets got no verdict.
        StoppedError: the stage is being stopped.
    """
    limit = f"{source.tweets} tweets or {source.seconds:.0f} s"
    what = str(source.file) if source.file else f"at most {limit}"
    display.title(f"Reading tweets from {source.name}: {what}")
    found, began, before = Read(), time.time(), set_aside(stage)

    def take(event: ClassificationEvent, at: float) -> None:
        if at >= began and event.source and source.name.startswith(event.source):
            prediction = event.prediction
            if prediction.tweet_id not in found.verdicts:
                found.verdicts.add(prediction.tweet_id)
                found.decisions[prediction.decision] += 1
                found.classes[prediction.classification.value] += 1

    watcher = VerdictWatcher(stage, take)
    watcher.start()
    try:
        child = _start(stage, source)
        output = threading.Thread(target=_read_output, args=(stage, child, found), name=PROGRAM, daemon=True)
        output.start()
        with display.bars().showing() as bars:
            _wait_for_enough(stage, source, child, found, bars)
            _stop(stage, source, child)
            output.join(_STOP_SECONDS)
            _wait_for_verdicts(stage, source, found, before, bars)
    finally:
        watcher.stop()
    _show(display, found)
    return found


def _addresses(source: Source, environment: Mapping[str, str]) -> list[str]:
    if source.name in _PAID:
        return [environment.get("X_API_URL") or _X_API]
    given = environment.get("JETSTREAM_URLS", "")
    return [address.strip() for address in given.split(",") if address.strip()] or list(INSTANCES)


def _check_network(asked: str, addresses: list[str]) -> None:
    reasons = []
    for address in addresses:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme in {"ws", "http"} else 443)
        try:
            socket.create_connection((host, port), _CONNECT_SECONDS).close()
        except OSError as error:
            reasons.append(f"{host}: {error.strerror or error}")
        else:
            return
    raise LocalError(f"{asked} needs a network, and nothing answers ({'; '.join(reasons)})")


def _start(stage: LocalStage, source: Source) -> Child:
    config = stage.config
    settings = {
        "SOURCE": source.name,
        "STAGE": config.name,
        "STREAM": config.physical(TWEET_EVENTS),
        "EVENT_BUS_NAME": config.event_bus,
        "EVENT_SOURCE": config.event_source,
        "LINGER_SECONDS": "0.2",
        "METRICS_SECONDS": "1",
    }
    if source.file is not None:
        settings |= {"REPLAY_FILE": str(source.file.resolve()), "REPLAY_RATE": "0"}
    if source.name in _PAID:
        # Kept from run to run: it counts what today's reads have cost.
        settings |= {
            "DAILY_BUDGET_USD": str(source.budget),
            "CHECKPOINT_FILE": str(paths.HOME / f"{PROGRAM}-{source.name}.json"),
        }
    given = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    return stage.supervisor.start(
        PROGRAM,
        [paths.PYTHON, "-m", "ingest"],
        environment={**aws.environment(stage.endpoint), **given, **settings},
        piped=True,
    )


def _read_output(stage: LocalStage, child: Child, found: Read) -> None:
    for raw in child.stdout or ():
        line = raw.decode(errors="replace").rstrip("\n")
        stage.take_line(PROGRAM, line)
        totals = _TOTALS.search(line)
        if totals:
            found.read, found.delivered = int(totals[1]), int(totals[2])


def _wait_for_enough(stage: LocalStage, source: Source, child: Child, found: Read, bars: Bars) -> None:
    """Wait for the source's end, or for enough of one that has none."""
    endless = source.file is None
    deadline = time.monotonic() + source.seconds
    while child.poll() is None:
        if endless:
            bars.update("verdicts", min(len(found.verdicts), source.tweets), source.tweets)
            if len(found.verdicts) >= source.tweets or time.monotonic() > deadline:
                return
        stage.supervisor.pause(_POLL_SECONDS)


def _stop(stage: LocalStage, source: Source, child: Child) -> None:
    if child.poll() is None:
        child.signal(signal.SIGTERM)  # it delivers what it has read
    code = child.wait(_STOP_SECONDS)
    stage.supervisor.check()
    if code != 0:
        log = paths.LOGS / f"{PROGRAM}.log"
        reason = "did not stop" if code is None else f"ended with exit code {code}"
        raise LocalError(f"the source {source.name} {reason}; its log is {log}")


def _wait_for_verdicts(stage: LocalStage, source: Source, found: Read, before: Counter[str], bars: Bars) -> None:
    """Wait until every tweet has a verdict, or was set aside."""
    seen, deadline, look_at = -1, time.monotonic() + _PATIENCE_SECONDS, 0.0
    while True:
        bars.update("verdicts", len(found.verdicts), max(found.delivered, len(found.verdicts)))
        if len(found.verdicts) > seen:
            seen, deadline = len(found.verdicts), time.monotonic() + _PATIENCE_SECONDS
            look_at = time.monotonic() + _QUIET_SECONDS
        if len(found.verdicts) < found.delivered and time.monotonic() > look_at:
            found.set_aside = set_aside(stage) - before
            look_at = time.monotonic() + _QUIET_SECONDS
        if len(found.verdicts) + found.set_aside.total() >= found.delivered:
            return
        if time.monotonic() > deadline:
            raise LocalError(
                f"{len(found.verdicts)} of {found.delivered} tweets from {source.name} have a verdict, and no more come"
            )
        stage.supervisor.pause(_POLL_SECONDS)


def _show(display: Display, found: Read) -> None:
    classes = [f"{found.classes[label.value]} {label}" for label in LABELS if found.classes[label.value]]
    lines = [
        ("Read", f"{found.read} tweets, {found.delivered} delivered, the others filtered or repeated"),
        ("Classes", ", ".join(classes) or "none"),
        ("Decisions", summary.decisions(found.decisions)),
    ]
    if found.set_aside:
        lines.append(("Set aside", ", ".join(f"{count} {reason}" for reason, count in found.set_aside.items())))
    summary.show_lines(display.console, lines)
