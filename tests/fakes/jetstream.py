"""A Jetstream instance on the loopback interface, with its cursor: another WebSocket library than the client's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

from tests.waiting import PATIENCE_SECONDS

START_US = 1_795_424_400_000_000
"""2026-11-23 09:00 UTC."""

DID = "did:plc:eygmaihciaxprqvxpfvl6flk"


def message(number: int, text: str = "some text", *, operation: str = "create", **record: Any) -> dict[str, Any]:
    commit: dict[str, Any] = {
        "rev": f"3l3qo2vuts{number % 1000:03}",
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": f"rkey{number}",
    }
    if operation != "delete":
        commit["record"] = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "langs": ["en"],
            "createdAt": "2026-11-23T09:00:00Z",
            **record,
        }
        commit["cid"] = "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"
    return {"did": DID, "time_us": START_US + number * 1000, "kind": "commit", "commit": commit}


def account(number: int, *, active: bool, status: str | None = None) -> dict[str, Any]:
    state = {"active": active, "did": DID, "seq": number, "time": "2026-11-23T09:00:00Z"}
    return {
        "did": DID,
        "time_us": START_US + number * 1000,
        "kind": "account",
        "account": {**state, **({"status": status} if status else {})},
    }


def tweet_id(number: int) -> str:
    return f"at://{DID}/app.bsky.feed.post/rkey{number}"


@dataclass
class FakeJetstream:
    """Sends what came at or after the cursor, or everything without one, then waits; closes early where told to.

    Attributes:
        messages: the history, as objects or as raw text.
        drop_after: for each of the next connections, after how many messages it is cut; None sends all and waits.
        statuses: HTTP statuses with which the next connections are refused, instead of being opened.
    """

    messages: Sequence[dict[str, Any] | str] = ()
    drop_after: list[int | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    cursors: list[int | None] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def __aenter__(self) -> FakeJetstream:
        app = web.Application()
        app.router.add_get("/subscribe", self._subscribe)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/subscribe"

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        self.cursors.append(int(request.query["cursor"]) if "cursor" in request.query else None)
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        socket = web.WebSocketResponse(compress=True)
        await socket.prepare(request)
        await self._play(socket, self.cursors[-1] or 0, self.drop_after.pop(0) if self.drop_after else None)
        if not socket.closed:
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def _play(self, socket: web.WebSocketResponse, cursor: int, drop_after: int | None) -> None:
        since = [text for moment, text in self._history() if moment >= cursor]
        for text in since if drop_after is None else since[:drop_after]:
            await socket.send_str(text)
            self.sent += 1
        if drop_after is None:
            async for _ in socket:  # until the client goes
                pass

    def _history(self) -> Sequence[tuple[int, str]]:
        moment = 0
        history = []
        for entry in self.messages:
            moment = entry.get("time_us", moment) if isinstance(entry, dict) else moment
            history.append((moment, entry if isinstance(entry, str) else json.dumps(entry)))
        return history


async def eventually(condition: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)
