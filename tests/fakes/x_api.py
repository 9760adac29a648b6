"""The X API v2 on the loopback interface: the wire protocol byte by byte, so that a test decides how it is cut.

A connection to the stream plays a script of steps; when the scripts run out, it holds the connection open and silent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingest.clock import unix
from ingest.sources.x_wire import created_at
from tests.fakes.ingest import FakeTime

TOKEN = "fake-token"  # noqa: S105 - of a server that exists for a second

Step = Callable[["Connection"], Awaitable[None]]


@dataclass
class Connection:
    writer: asyncio.StreamWriter
    started: bool = False

    async def head(self, status: int, headers: Mapping[str, str] | None = None, *, chunked: bool = False) -> None:
        self.started = True
        lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append("Transfer-Encoding: chunked" if chunked else "Connection: close")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        if not self.started:
            await self.head(200, chunked=True)
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()


def send(*chunks: bytes) -> Step:
    """Send bytes, each piece as a chunk of its own."""

    async def step(connection: Connection) -> None:
        for data in chunks:
            await connection.chunk(data)
            await asyncio.sleep(0.01)  # long enough for the pieces to arrive apart

    return step


def posts(*numbers: int, **fields: Any) -> Step:
    return send(*(post_line(number, **fields) for number in numbers))


def keep_alive() -> Step:
    return send(b"\r\n")


def refuse(status: int, headers: Mapping[str, str] | None = None) -> Step:
    async def step(connection: Connection) -> None:
        await connection.head(status, headers)

    return step


def abort() -> Step:
    """Reset the connection in the middle of whatever it is in."""

    async def step(connection: Connection) -> None:
        if not connection.started:
            await connection.head(200, chunked=True)
        connection.writer.transport.abort()

    return step


def hold() -> Step:
    async def step(connection: Connection) -> None:
        if not connection.started:
            await connection.head(200, chunked=True)
        await asyncio.Event().wait()

    return step


def later(time: FakeTime, seconds: float) -> Step:
    """Let time pass."""

    async def step(connection: Connection) -> None:
        time.unix += seconds

    return step


def post(number: int, text: str = "some text", **fields: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": text,
        "author_id": "a1",
        "created_at": "2026-11-23T09:00:00.000Z",
        "lang": "en",
        "edit_history_tweet_ids": [str(number)],
        **fields,
    }


def post_line(number: int, *, tag: str = "cyberbullying:insults", **fields: Any) -> bytes:
    document = {"data": post(number, **fields), "matching_rules": [{"id": "1", "tag": tag}]}
    return json.dumps(document).encode() + b"\r\n"


@dataclass
class Request:
    method: str
    path: str
    parameters: dict[str, str]
    document: Any = None


@dataclass
class FakeX:
    """The server. ``streams`` are the scripts of the connections to come; ``search`` answers queries at ``time``."""

    streams: list[Sequence[Step]] = field(default_factory=list)
    rules: list[dict[str, str]] = field(default_factory=list)
    search: Callable[[dict[str, str]], dict[str, Any] | int] = lambda parameters: {"meta": {"result_count": 0}}
    search_headers: dict[str, str] = field(default_factory=dict)
    rule_summary: dict[str, int] = field(default_factory=dict)
    accepts: set[str] = field(default_factory=lambda: {TOKEN})
    requests: list[Request] = field(default_factory=list)
    time: FakeTime = field(default_factory=FakeTime)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> FakeX:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, Connection(writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append(Request(method, parts.path, parameters, json.loads(body) if body else None))
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.accepts:
            await connection.head(401)
        elif parts.path == "/2/tweets/search/stream/rules":
            await self._rules(connection, self.requests[-1])
        elif parts.path == "/2/tweets/search/stream":
            await self._stream(connection)
        else:
            refused = self._is_refused(parameters)
            await self._json(connection, 400 if refused else self.search(parameters), self.search_headers)

    def _is_refused(self, parameters: dict[str, str]) -> bool:
        """Whether recent search would answer HTTP 400, as documented."""
        now = self.time.now()
        times = [unix(parameters[name]) or 0.0 for name in ("start_time", "end_time") if name in parameters]
        if "since_id" in parameters:
            times.append(created_at(parameters["since_id"]) or 0.0)
        return (
            any(not now - 7 * 24 * 3600 <= moment <= now - 10 for moment in times)
            or times != sorted(times)
            or ("since_id" in parameters and "start_time" in parameters)
            or not 10 <= int(parameters["max_results"]) <= 100
            or len(parameters["query"]) > 512
            or "sample:" in parameters["query"]
        )

    async def _stream(self, connection: Connection) -> None:
        for step in self.streams.pop(0) if self.streams else [hold()]:
            await step(connection)
        if connection.started and not connection.writer.transport.is_closing():
            connection.writer.write(b"0\r\n\r\n")
            await connection.writer.drain()

    async def _rules(self, connection: Connection, request: Request) -> None:
        if request.method == "GET":
            await self._json(connection, {"data": self.rules, "meta": {"sent": "now"}} if self.rules else {"meta": {}})
            return
        for rule_id in request.document.get("delete", {}).get("ids", []):
            self.rules = [rule for rule in self.rules if rule["id"] != rule_id]
        for number, rule in enumerate(request.document.get("add", [])):
            self.rules.append({"id": f"new-{len(self.rules)}-{number}", **rule})
        await self._json(connection, {"meta": {"summary": self.rule_summary}})

    async def _json(
        self, connection: Connection, answer: dict[str, Any] | int, headers: Mapping[str, str] | None = None
    ) -> None:
        if isinstance(answer, int):
            await connection.head(answer, headers)
            return
        await connection.head(200, headers)
        connection.writer.write(json.dumps(answer).encode())
        await connection.writer.drain()
