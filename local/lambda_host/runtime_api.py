"""The Lambda Runtime API, for one execution environment.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes" (version 2018-06-01).
"""

from __future__ import annotations

import json
import queue
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from local.ports import LOOPBACK

MAX_RESPONSE_BYTES: Final = 6_291_556
"""The largest answer of a function (Lambda quotas, "Invocation payload")."""

_VERSION: Final = "/2018-06-01"
_INVOCATION: Final = re.compile(rf"^{_VERSION}/runtime/invocation/(?P<id>[^/]+)/(?P<kind>response|error)$")


@dataclass
class Invocation:
    """One event on its way through a function.

    Attributes:
        request_id: of the invocation.
        payload: the event, JSON.
        function_arn: as it was invoked.
        deadline_ms: when the function times out, milliseconds since the epoch.
        trace_id: the X-Ray header.
        answer: the function's answer or its error, JSON, once :attr:`done` is set.
        error: Lambda's ``FunctionError`` if it failed.
    """

    request_id: str
    payload: bytes
    function_arn: str
    deadline_ms: int
    trace_id: str
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""
    error: str | None = None

    def succeed(self, answer: bytes) -> None:
        """Take the function's answer, unless there is an end already."""
        if len(answer) > MAX_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            self.fail("Function.ResponseSizeTooLarge", message)
        elif not self.done.is_set():
            self.answer = answer
            self.done.set()

    def fail(self, kind: str, message: str, body: bytes | None = None) -> None:
        """Take an error, unless there is an end already; ``body`` is the runtime's own account of it."""
        if not self.done.is_set():
            self.answer = body or json.dumps({"errorType": kind, "errorMessage": message}).encode()
            self.error = "Unhandled"
            self.done.set()


class RuntimeApi:
    """Serves one runtime client.

    Attributes:
        address: host and port, the value of ``AWS_LAMBDA_RUNTIME_API``.
        ready: set when the client asks for its first event, that is when the function is initialised.
        init_error: the client's account of a failed initialisation.
    """

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.init_error: bytes | None = None
        self._pending: queue.Queue[Invocation | None] = queue.Queue()
        self._current: Invocation | None = None
        self._server = _Server(self)
        self.address = f"{LOOPBACK}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="runtime-api", daemon=True).start()

    def submit(self, invocation: Invocation) -> None:
        """Hand an event to the client."""
        self._pending.put(invocation)

    def close(self) -> None:
        """Stop serving. The client must have ended, or it waits for ever."""
        self._pending.put(None)
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Invocation | None:
        """Wait for the next event; None when the API is being closed."""
        self.ready.set()
        self._current = self._pending.get()
        return self._current

    def finish(self, request_id: str, kind: str, body: bytes) -> bool:
        """Take the end of an invocation; False if it is not the one under way."""
        invocation = self._current
        if invocation is None or invocation.request_id != request_id:
            return False
        if kind == "response":
            invocation.succeed(body)
        else:
            invocation.fail("Unhandled", "", body)
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves a broken connection; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{_VERSION}/runtime/invocation/next":
            self._reply(404)
            return
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
            "Content-Type": "application/json",
        }
        self._reply(200, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        if self.path == f"{_VERSION}/runtime/init/error":
            self.server.api.init_error = body
            self._reply(202)
            return
        match = _INVOCATION.match(self.path)
        known = match is not None and self.server.api.finish(match["id"], match["kind"], body)
        self._reply(202 if known else 400)

    def log_message(self, *_: Any) -> None:
        """The access log of a private API helps nobody."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
