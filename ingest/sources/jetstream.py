"""Bluesky's Jetstream: public posts and deletions as JSON over a WebSocket, free and without a key.

Wire format: github.com/bluesky-social/jetstream, README and docs (the ``/subscribe`` endpoint, which its second version
keeps). The cursor is a time in microseconds that every instance understands, so that another one can go on where one
failed; 36 hours can be had back. Messages are compressed by the WebSocket itself (permessage-deflate); Jetstream's own
zstd compression would need its dictionary shipped with us.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ingest.clock import Clock, moment
from ingest.errors import ConnectionLostError, HttpFaultError, RateLimitedError, SourceRefusedError
from ingest.events import SourceEvent, SourceName
from ingest.metric_names import CHECKPOINT_GAPS, MALFORMED_MESSAGES
from ingest.sources.reconnect import Reconnector
from ingest.telemetry import Meter
from moderation.messages import AuthorWithdrawn, Tweet, TweetEvent, TweetWithdrawn, Withdrawal, timestamp

_LOG = logging.getLogger(__name__)

INSTANCES: Final = (
    "wss://jetstream2.us-east.bsky.network/subscribe",
    "wss://jetstream1.us-east.bsky.network/subscribe",
    "wss://jetstream2.us-west.bsky.network/subscribe",
    "wss://jetstream1.us-west.bsky.network/subscribe",
)
"""The official public instances."""

POSTS: Final = "app.bsky.feed.post"
SOURCE: Final = "bluesky"

REWIND: Final = 5.0
"""Seconds by which a cursor is set back when reading goes on, as its README advises."""

LOOKBACK: Final = 36 * 3600.0
"""Seconds that an instance keeps; an older cursor is silently moved to the oldest message."""

SILENCE: Final = 60.0
"""Seconds without a message after which a connection counts as lost: the network has dozens of posts a second."""

MAX_MESSAGE: Final = 1024 * 1024
FRAMES_AHEAD: Final = 64
"""Messages that the library reads ahead; beyond them TCP itself holds the server back."""

MAX_IDENTIFIER: Final = 128
_RATE_LIMITED: Final = 429
_SERVER_ERRORS: Final = 500

_GONE: Final = {
    "deleted": Withdrawal.DELETED,
    "takendown": Withdrawal.TAKEN_DOWN,
    "suspended": Withdrawal.SUSPENDED,
    "deactivated": Withdrawal.DEACTIVATED,
}
"""States of an account in which its posts must not be shown. There are others (``throttled``, ``desynchronized``), in
which they may."""


class Record(msgspec.Struct, frozen=True):
    """A post as its author's repository holds it."""

    text: str = ""
    langs: tuple[str, ...] | None = None
    createdAt: str | None = None  # noqa: N815 - the wire's name


class Commit(msgspec.Struct, frozen=True):
    """A change in an author's repository."""

    operation: str
    collection: str
    rkey: str
    rev: str = ""
    record: msgspec.Raw = msgspec.Raw()


class Account(msgspec.Struct, frozen=True):
    """A change in an account's state."""

    active: bool = True
    status: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One message."""

    kind: str
    did: str = ""
    time_us: int = 0
    commit: Commit | None = None
    account: Account | None = None


_decoder: Final = msgspec.json.Decoder(Message)
_record_decoder: Final = msgspec.json.Decoder(Record)


class Jetstream:
    """Reads posts from one instance, or from the next when that fails."""

    name: Final = SourceName.BLUESKY

    def __init__(
        self,
        reconnector: Reconnector,
        *,
        clock: Clock,
        meter: Meter,
        instances: Sequence[str] = INSTANCES,
        silence: float = SILENCE,
    ) -> None:
        """Make the source.

        Args:
            reconnector: waits between connections.
            clock: tells how old a checkpoint is.
            meter: counts malformed messages and gaps.
            instances: WebSocket addresses, the preferred one first.
            silence: seconds without a message after which a connection counts as lost.
        """
        self._reconnector = reconnector
        self._clock = clock
        self._meter = meter
        self._instances = list(instances)
        self._silence = silence
        self._cursor: int | None = None

    async def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        """Read posts; the checkpoint is the time of the last message, in microseconds."""
        self._cursor = int(checkpoint) if checkpoint and checkpoint.isdecimal() else None
        self._note_gap()
        async for event in self._reconnector.run(self._connection):
            yield event

    async def _connection(self) -> AsyncGenerator[SourceEvent, None]:
        instance = self._instances[0]
        self._instances = [*self._instances[1:], instance]  # the next attempt asks the next one
        async with self._open(instance) as socket:
            self._instances = [instance, *self._instances[:-1]]  # it answers: stay with it
            while True:
                for event in self._events(await self._receive(socket)):
                    yield event

    @asynccontextmanager
    async def _open(self, instance: str) -> AsyncIterator[ClientConnection]:
        parameters = {"wantedCollections": POSTS, "maxMessageSizeBytes": str(MAX_MESSAGE)}
        if self._cursor is not None:
            parameters["cursor"] = str(max(0, self._cursor - int(REWIND * 1e6)))
        try:
            async with connect(
                f"{instance}?{urlencode(parameters)}", max_size=MAX_MESSAGE, max_queue=FRAMES_AHEAD, close_timeout=2
            ) as socket:
                yield socket
        except InvalidStatus as error:
            raise _refusal(error.response.status_code) from error
        except InvalidURI as error:
            raise SourceRefusedError("the address of Jetstream is no WebSocket address (wss://...)") from error
        except (ConnectionClosed, InvalidHandshake, TimeoutError, OSError) as error:
            raise ConnectionLostError(f"the connection to Jetstream was lost: {type(error).__name__}") from error

    async def _receive(self, socket: ClientConnection) -> bytes:
        async with asyncio.timeout(self._silence):
            return await socket.recv(decode=False)

    def _events(self, data: bytes) -> Iterator[SourceEvent]:
        try:
            message = _decoder.decode(data)
            body, languages = self._body(message)
        except msgspec.MsgspecError:
            self._meter.count(MALFORMED_MESSAGES)
            _LOG.warning("a message of %d bytes cannot be read", len(data))
            return
        if message.time_us:
            self._cursor = message.time_us
        replaced = _replaced(body, message)
        if replaced:
            yield SourceEvent(replaced)
        yield SourceEvent(
            body,
            checkpoint=str(self._cursor) if self._cursor else None,
            languages=languages,
            happened_at=message.time_us / 1e6 if message.time_us else None,
        )

    def _body(self, message: Message) -> tuple[TweetEvent | TweetWithdrawn | AuthorWithdrawn | None, tuple[str, ...]]:
        if message.kind == "account" and message.account is not None:
            return _withdrawn_author(message, message.account), ()
        commit = message.commit
        if message.kind != "commit" or commit is None or commit.collection != POSTS:
            return None, ()
        if commit.operation == "delete":
            return _withdrawn(message, identifier(message.did, commit.rkey), Withdrawal.DELETED), ()
        record = _record_decoder.decode(commit.record)
        revision = commit.rev if commit.operation == "update" else ""
        tweet = TweetEvent(
            tweet_id=identifier(message.did, commit.rkey, revision),
            tweet=Tweet(record.text),
            author_id=message.did,
            created_at=record.createdAt,
            lang=record.langs[0] if record.langs else None,
            source=SOURCE,
        )
        return tweet, record.langs or ()

    def _note_gap(self) -> None:
        if self._cursor is not None:
            lost = self._clock.now() - LOOKBACK - self._cursor / 1e6
            if lost > 0:
                self._meter.count(CHECKPOINT_GAPS)
                _LOG.warning("the checkpoint is older than what Jetstream keeps; %.0f s are lost", lost)


def identifier(did: str, rkey: str, revision: str = "") -> str:
    """What we call a post: its address in the network, and the revision if it was edited.

    An address that is longer than identifiers may be is named by its digest.
    """
    address = f"at://{did}/{POSTS}/{rkey}"
    if len(address) > MAX_IDENTIFIER - 14:  # a revision has 13 characters
        address = f"at-sha256:{hashlib.sha256(address.encode()).hexdigest()}"
    return f"{address}@{revision}"[:MAX_IDENTIFIER] if revision else address


def _withdrawn(message: Message, tweet_id: str, reason: Withdrawal, replaced_by: str | None = None) -> TweetWithdrawn:
    return TweetWithdrawn(
        tweet_id=tweet_id,
        source=SOURCE,
        reason=reason,
        withdrawn_at=_when(message),
        author_id=message.did,
        replaced_by=replaced_by,
    )


def _withdrawn_author(message: Message, account: Account) -> AuthorWithdrawn | None:
    reason = None if account.active else _GONE.get(account.status or "")
    if reason is None:
        return None
    return AuthorWithdrawn(author_id=message.did, source=SOURCE, reason=reason, withdrawn_at=_when(message))


def _replaced(body: object, message: Message) -> TweetWithdrawn | None:
    """The withdrawal of what an edited post said before."""
    if not isinstance(body, TweetEvent) or message.commit is None or message.commit.operation != "update":
        return None
    return _withdrawn(message, identifier(message.did, message.commit.rkey), Withdrawal.EDITED, body.tweet_id)


def _when(message: Message) -> str:
    return timestamp(moment(message.time_us / 1e6))


def _refusal(status: int) -> Exception:
    if status == _RATE_LIMITED:
        return RateLimitedError()
    if status >= _SERVER_ERRORS:
        return HttpFaultError(status)
    return SourceRefusedError(f"Jetstream refuses the connection (HTTP {status})")
