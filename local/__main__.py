"""``python -m local``: run the whole project on this machine."""

from __future__ import annotations

import signal
import sys


def start() -> int:
    """Run a command; returns the exit code."""
    # Until the command takes over, an interrupt just ends this process: nothing has been started yet.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from local.cli import main  # noqa: PLC0415 - takes a moment, in which somebody may press Ctrl-C

    return main()


if __name__ == "__main__":
    sys.exit(start())
