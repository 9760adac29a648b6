"""`python -m ingest --source bluesky`: tweets from a source into a stream, until it ends or is told to stop.

Without --stream the tweets are written to standard output as JSON lines, one event each, so that
`python -m ingest --source bluesky | python -m moderation classify --model DIR` works without any cloud.
Every option is also an environment variable of the same name in capitals (--replay-rate: REPLAY_RATE).
The X token comes from Secrets Manager (--x-token-secret-arn) or from the variable X_BEARER_TOKEN.

SIGTERM and SIGINT stop reading, deliver what was read, write the checkpoint and end; a second one ends at once.

Exit codes: 0 stopped or at the end; 1 ended by an error, or not everything that was read could be delivered in time (it
will be read again); 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ingest.errors import IngestError, SettingsError
from ingest.health import healthy
from ingest.metric_names import TWEETS_DELIVERED, TWEETS_READ
from ingest.settings import Settings, load
from ingest.telemetry import configure_logging
from ingest.wiring import Service, build

_LOG = logging.getLogger("ingest")

_FAILED: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130
_HEALTH_MAX_AGE: Final = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = vars(_parser().parse_args(arguments))
    health = options.pop("check_health")
    if health is not None:
        return 0 if healthy(Path(health), max_age=_HEALTH_MAX_AGE) else _FAILED
    try:
        settings = load({name: value for name, value in options.items() if value is not None}, os.environ)
        configure_logging(settings.log_level)
        service = build(settings)
    except (SettingsError, ValueError) as error:
        print(f"python -m ingest: {error}\nTry: python -m ingest --help", file=sys.stderr)
        return _USAGE
    try:
        return asyncio.run(_run(service))
    except asyncio.CancelledError:
        return _INTERRUPTED


async def _run(service: Service) -> int:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    try:
        left = await service.run(stop)
    except BrokenPipeError:
        # The reader has seen enough. Python would complain once more when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except IngestError as error:
        _LOG.error("%s", error)
        return _FAILED
    meter = service.meter
    _LOG.info("%.0f tweets read, %.0f delivered", meter.total(TWEETS_READ), meter.total(TWEETS_DELIVERED))
    if left:
        _LOG.error("%d events could not be delivered in time; the next run reads them again", left)
        return _FAILED
    return 0


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stopping() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    meanings = _meanings()
    for field in msgspec.structs.fields(Settings):
        default = "" if field.default in (msgspec.NODEFAULT, "") else f" ({field.default})"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            metavar=field.name.split("_")[-1].upper(),
            help=(meanings[field.name] + default).replace("%", "%%"),
        )
    parser.add_argument(
        "--check-health", metavar="FILE", help="only say, by the exit code, whether the health file is fresh"
    )
    return parser


def _meanings() -> dict[str, str]:
    """What each setting is, from the one place where it is written down."""
    lines = (Settings.__doc__ or "").partition("Attributes:")[2].splitlines()
    return {name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines) if colon}


if __name__ == "__main__":
    sys.exit(main())
