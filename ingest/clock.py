"""Time, so that tests can have their own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the package knows of time."""

    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def moment(unix: float) -> datetime:
    """A Unix time as a datetime in UTC."""
    return datetime.fromtimestamp(unix, UTC)


def day(unix: float) -> str:
    """The UTC day of a Unix time, ``YYYY-MM-DD``."""
    return moment(unix).date().isoformat()


def seconds_to_midnight(unix: float) -> float:
    """How long the UTC day of a Unix time still lasts."""
    now = moment(unix)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()


def unix(text: str) -> float | None:
    """The Unix time of an ISO 8601 moment, or None when it is none. Without an offset it counts as UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
