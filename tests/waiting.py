"""Waiting for what another thread, process or service does.

A wait ends as soon as its condition holds, so patience costs nothing but where a test fails anyway: it is meant for a
machine many times slower than yours, with others at work on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 180.0

_POLL_SECONDS: Final = 0.02


def wait_for(condition: Callable[[], object], what: str = "it to come true", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(_POLL_SECONDS)
