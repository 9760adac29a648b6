"""Stands in for the X-Ray daemon beside each function: takes segments and keeps them, one JSON document a line.

The daemon takes UDP datagrams, each a header of its own format, a line end, and a segment document (AWS X-Ray Developer
Guide, "Sending segment documents to the X-Ray daemon"). Where it would send them on, they go to a file.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Final

from local.ports import LOOPBACK

_log = logging.getLogger(__name__)

FILE: Final = "traces.jsonl"

_LARGEST_DATAGRAM: Final = 65_535
_RECEIVE_BUFFER: Final = 4 << 20
"""Bytes that may wait while this process is busy; what comes beyond is lost, as it would be before the real daemon."""


class TraceDaemon:
    """Takes segments.

    Args:
        file: gets the documents; what an earlier run left is overwritten.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("wb")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.bind((LOOPBACK, 0))
        self._thread = threading.Thread(target=self._run, name="xray", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port, the value of ``AWS_XRAY_DAEMON_ADDRESS``."""
        return f"{LOOPBACK}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Keep what has arrived, and stop."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(2.0)
        self._socket.close()
        self._file.close()

    def _run(self) -> None:
        while datagram := self._socket.recv(_LARGEST_DATAGRAM):
            document = segment_document(datagram)
            if document is None:
                _log.info("a datagram of %d bytes is no segment", len(datagram))
            else:
                self._file.write(document + b"\n")
                self._file.flush()


def segment_document(datagram: bytes) -> bytes | None:
    """The document in a datagram, on one line; None if it is not to the daemon's protocol."""
    header, _, body = datagram.partition(b"\n")
    try:
        if json.loads(header) != {"format": "json", "version": 1}:
            return None
        document = json.loads(body)
    except ValueError:
        return None
    return json.dumps(document).encode() if isinstance(document, dict) else None


class Sampler:
    """Chooses the invocations that are traced: the first of each second.

    Lambda takes one in twenty of the others besides (AWS Lambda Developer Guide, "Visualize Lambda function invocations
    using AWS X-Ray"); here the first ones are enough to look at.
    """

    def __init__(self) -> None:
        self._second = 0

    def trace_header(self) -> str:
        """The tracing header of the next invocation, in the format of the X-Ray Developer Guide."""
        now = int(time.time())
        sampled, self._second = now != self._second, now
        return f"Root=1-{now:08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled={int(sampled)}"
