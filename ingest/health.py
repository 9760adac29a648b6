"""The container's health: a file that is written as long as the event loop turns and delivery gets on.

A source that cannot be reached is no reason to replace the task, which is connecting again already; a stream that
accepts nothing for minutes, or a loop that hangs, is. No port is opened.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Final

from ingest.clock import Clock
from ingest.status import Status

_LOG = logging.getLogger(__name__)

STALLED_SECONDS: Final = 300.0
"""Seconds without any delivery after which the task counts as sick."""

_INTERVAL: Final = 5.0


class HealthFile:
    """Writes the file."""

    def __init__(self, path: Path, status: Status, clock: Clock) -> None:
        self._path = path
        self._status = status
        self._clock = clock

    async def run(self) -> None:
        """Write it for ever."""
        while True:
            self.beat()
            await asyncio.sleep(_INTERVAL)

    def beat(self) -> None:
        """Write it, if all is well."""
        stalled = self._status.stalled_for(self._clock.monotonic())
        if stalled >= STALLED_SECONDS:
            _LOG.error("nothing has been accepted for %.0f s; the task reports itself as unhealthy", stalled)
            return
        try:
            self._path.write_text(f"{self._clock.now():.0f}\n")
        except OSError as error:  # whoever looks for the file will see that it is not there
            _LOG.error("the health file cannot be written: %s", error.strerror)


def healthy(path: Path, *, max_age: float) -> bool:
    """Whether the file was written within so many seconds."""
    try:
        return time.time() - path.stat().st_mtime <= max_age
    except OSError:
        return False
