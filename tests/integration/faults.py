"""A door before the emulator that refuses part of what is put into streams, as a throttled shard does."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.waiting import PATIENCE_SECONDS

PUT_RECORDS = "Kinesis_20131202.PutRecords"


class ThrottlingDoor:
    """Passes everything on, but lets only every second record of the first calls of PutRecords through.

    Args:
        endpoint: of the emulator.
        calls: how many calls are throttled.
    """

    def __init__(self, endpoint: str, calls: int) -> None:
        self.endpoint = endpoint
        self.left = calls
        self.refused = 0
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.door = self  # type: ignore[attr-defined]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def throttles(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        door: ThrottlingDoor = self.server.door  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("X-Amz-Target") == PUT_RECORDS and door.throttles():
            self._reply(self._put_every_second(door, json.loads(body)))
        else:
            self._reply(self._pass_on(door, body))

    def _put_every_second(self, door: ThrottlingDoor, request: dict[str, Any]) -> bytes:
        records = request["Records"]
        passed = json.loads(self._pass_on(door, json.dumps({**request, "Records": records[::2]}).encode()))
        written = iter(passed["Records"])
        refusal = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "made to happen"}
        answers = [next(written) if position % 2 == 0 else refusal for position in range(len(records))]
        door.refused += len(records) // 2
        return json.dumps({"FailedRecordCount": len(records) // 2, "Records": answers}).encode()

    def _pass_on(self, door: ThrottlingDoor, body: bytes) -> bytes:
        left_out = ("host", "content-length")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        connection = http.client.HTTPConnection(door.endpoint.removeprefix("http://"), timeout=PATIENCE_SECONDS)
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def _reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
