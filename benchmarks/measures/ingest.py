"""The tweet source: posts from a file through the whole program into a Kinesis on this machine.

The stream is a stand-in that accepts everything, in the process that measures; the program is ``python -m ingest`` as
it is deployed, with its filter, its window against duplicates, its buffer and its checkpoints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.clock import watched
from benchmarks.job import Values
from benchmarks.sides import OURS, record

if TYPE_CHECKING:
    from benchmarks.results import Results

_ACCEPTED: Final = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
_POLL_SECONDS: Final = 0.02


class NotDeliveredError(Exception):
    """The program ended without delivering every post."""


class Stream(ThreadingHTTPServer):
    """Accepts records on the loopback interface, by AWS's JSON protocol.

    Attributes:
        records: how many were put.
        first: when the first call came, in seconds of the clock ``time.perf_counter``.
        last: when the last one came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.records = 0
        self.first = self.last = 0.0

    def put(self, number: int) -> None:
        """Count the records of a call."""
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.records += number

    @property
    def environment(self) -> dict[str, str]:
        """What leads a process here instead of to AWS."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stream

    def do_POST(self) -> None:
        number = len(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Records"])
        self.server.put(number)
        body = json.dumps({"FailedRecordCount": 0, "Records": [_ACCEPTED] * number}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it overrides
        """Say nothing."""


def write_posts(texts: Sequence[str], number: int, file: Path) -> None:
    """Write so many posts for the replay; the texts come again and again, the identifiers do not."""
    with file.open("wb") as lines:
        for place in range(number):
            lines.write(record(f"post-{place}", texts[place % len(texts)]) + b"\n")


def measure(posts: Path, number: int, environment: Mapping[str, str] = os.environ) -> Values:
    """Deliver every post of a file.

    Args:
        posts: what :func:`write_posts` wrote.
        number: how many there are.
        environment: of the program.

    Raises:
        NotDeliveredError: it failed, or something is missing.
    """
    state, log = posts.with_suffix(".state"), posts.with_suffix(".log")
    with Stream() as stream, log.open("w+") as errors:
        serving = threading.Thread(target=stream.serve_forever, kwargs={"poll_interval": _POLL_SECONDS})
        serving.start()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    *(sys.executable, "-m", "ingest", "--source", "replay", "--replay-file", str(posts)),
                    *("--replay-rate", "0", "--stream", "tweets", "--event-bus-name", "bus"),
                    *("--event-source", "benchmark", "--checkpoint-file", str(state)),
                ],
                env={**environment, **stream.environment},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            cpu, memory = watched(process)
        finally:
            stream.shutdown()
            serving.join()
        errors.seek(0)
        told = errors.read()[-1_000:]
    state.unlink(missing_ok=True)
    if process.returncode or stream.records != number:
        raise NotDeliveredError(f"{stream.records} of {number} posts were delivered:\n{told}")
    return {"posts_per_second": number / (stream.last - stream.first), "cpu_s": cpu, "memory_mb": memory}


def lines(results: Results) -> Iterator[str]:
    """A table of one column."""
    rows = {
        "posts_per_second": "posts a second, from the first delivery to the last",
        "cpu_s": "processor time of the whole program (s)",
        "memory_mb": "most memory it had (MB)",
    }
    yield from results.table("ingest", (OURS,), rows)
