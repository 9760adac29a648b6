"""Loopback ports: a free one, or the one that was asked for."""

from __future__ import annotations

import socket
from typing import Final

from local.errors import LocalError

LOOPBACK: Final = "127.0.0.1"


def choose(what: str, wanted: int = 0) -> int:
    """A port that nothing listens on.

    Args:
        what: is going to listen there, for the message.
        wanted: the port to use, or 0 for any free one.

    Raises:
        LocalError: the wanted port is taken, or may not be used.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise LocalError(f"port {wanted} of {LOOPBACK}, for {what}, cannot be used: {error.strerror}") from None
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0
