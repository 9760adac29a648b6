"""Requests to the X API v2: authorisation, errors by their meaning, and lines out of a stream of chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from ingest.errors import ConnectionLostError, HttpFaultError, RateLimitedError, SourceRefusedError
from ingest.tokens import TokenProvider

API: Final = "https://api.x.com"
USER_AGENT: Final = "cyberbullying-ingest"

KEEP_ALIVE: Final = 20.0
"""Seconds after which the stream sends a line end when it has nothing else (docs.x.com, "Handling disconnections")."""
SILENCE: Final = 1.5 * KEEP_ALIVE
"""Seconds without a byte after which a connection counts as lost: a keep-alive, and half of one for the network."""
CONNECT_TIMEOUT: Final = 10.0

MAX_LINE: Final = 1024 * 1024
_UNAUTHORISED: Final = 401
_PAYMENT_REQUIRED: Final = 402
_CONFLICT: Final = 409
_RATE_LIMITED: Final = 429
_CLIENT_ERRORS: Final = range(400, 500)
_PASSING: Final = {408, _PAYMENT_REQUIRED, _CONFLICT, 425}
"""Client errors that may pass: no credits left, and no rules set yet, beside timeouts."""


class XClient:
    """Makes requests, and raises what their failure means for the caller."""

    def __init__(self, tokens: TokenProvider, *, base_url: str = API, silence: float = SILENCE) -> None:
        """Prepare; connections are opened by the requests.

        Args:
            tokens: knows the bearer token of the app.
            base_url: of the API.
            silence: seconds without a byte after which a connection counts as lost.
        """
        self._tokens = tokens
        self._base = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        self._unauthorised = 0

    @asynccontextmanager
    async def stream(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Open a stream of lines; an empty line is a keep-alive.

        Raises:
            IngestError: of the class that says what to do.
        """
        async with self._session() as session, self._request(session, "GET", path, parameters) as response:
            yield _lines(response)

    async def get(self, path: str, parameters: Mapping[str, str]) -> bytes:
        """The body of an answer."""
        async with self._session() as session, self._request(session, "GET", path, parameters) as response:
            return await _body(response)

    async def post(self, path: str, document: object) -> bytes:
        """The body of the answer to a JSON document."""
        async with self._session() as session, self._request(session, "POST", path, {}, document) as response:
            return await _body(response)

    def _session(self) -> aiohttp.ClientSession:
        # A session for each request: they are minutes apart, and X tells connections apart, not requests.
        return aiohttp.ClientSession(timeout=self._timeout, headers={"User-Agent": USER_AGENT}, trust_env=True)

    @asynccontextmanager
    async def _request(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        document: object = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {await self._tokens.token()}"}
        try:
            async with session.request(
                method, self._base + path, params=dict(parameters), json=document, headers=headers
            ) as response:
                self._check(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            # aiohttp's own messages may quote addresses with their parameters: the class says enough.
            raise ConnectionLostError(f"the connection to X was lost: {type(error).__name__}") from error

    def _check(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status != _UNAUTHORISED:
            self._unauthorised = 0
        if status < min(_CLIENT_ERRORS):
            return
        if status == _RATE_LIMITED:
            raise RateLimitedError(_reset_at(response.headers))
        if status == _UNAUTHORISED:
            self._tokens.forget()
            self._unauthorised += 1
            if self._unauthorised == 1:  # the token may have been replaced a moment ago
                raise HttpFaultError(status, "X does not accept the token")
            raise SourceRefusedError("X does not accept the token (HTTP 401)")
        if status in _CLIENT_ERRORS and status not in _PASSING:
            raise SourceRefusedError(
                f"X refuses the request (HTTP {status}): see the plan, the rules and the app's rights"
            )
        raise HttpFaultError(status, "no credits are left" if status == _PAYMENT_REQUIRED else "")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    return await response.read()


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Lines without their ends, however the chunks are cut. One that never ends is given up: it yields ``b"?"``."""
    rest = b""
    skipping = False
    async for chunk in response.content.iter_any():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if skipping:
                skipping = False
                continue
            yield line.removesuffix(b"\r")
        if len(rest) > MAX_LINE:
            if not skipping:
                yield b"?"
            rest, skipping = b"", True


def _reset_at(headers: Mapping[str, str]) -> float | None:
    value = headers.get("x-rate-limit-reset", "")
    return float(value) if value.isdecimal() else None
