"""The filtered stream of X: one long HTTP answer with a line for each post that matches a rule.

The stream has no cursor. After a pause X gives back up to five minutes (``backfill_minutes``) on plans which have that;
otherwise, and after longer pauses, the gap is filled by recent search with the same rules, as X advises ("Recovery and
redundancy"), as soon as search can find all of it; until then the checkpoint stays before the gap. What is given back
twice, the window of duplicates drops.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import msgspec

from ingest.budget import Budget
from ingest.clock import Clock, unix
from ingest.errors import BudgetExhaustedError, ConnectionLostError
from ingest.events import SourceEvent, SourceName
from ingest.metric_names import CHECKPOINT_GAPS, MALFORMED_MESSAGES
from ingest.sources.reconnect import Reconnector
from ingest.sources.x_client import XClient
from ingest.sources.x_rules import RULES, TAG_PREFIX, Rule, reconcile
from ingest.sources.x_search import RecentSearch
from ingest.sources.x_wire import TWEET_FIELDS, StreamMessage, events_of, rfc3339, stream_decoder
from ingest.telemetry import Meter

_LOG = logging.getLogger(__name__)

_PATH: Final = "/2/tweets/search/stream"

BACKFILL_MAX: Final = 5
"""Minutes (docs.x.com, "Recovery and redundancy")."""

OVERLAP: Final = 30.0
"""Seconds before the last sign of life from which a gap is filled: posts reach the stream some seconds late, and not in
the order of their creation."""

SEARCHABLE_AFTER: Final = 40.0
"""Seconds after which a post is found: recent search leaves out the last 30 s, unless told otherwise, and refuses times
less than 10 s ago (docs.x.com, "Search recent posts")."""

_SEAM: Final = 5.0
"""Seconds for which stream and search overlap at the end of a gap."""

IN_TRANSIT: Final = 100
"""Posts that X may have sent, and charged, beyond the last one that is read. A tenth of a small budget at most."""

FROM_NOW: Final = "now"
"""The checkpoint that forgets what was missed."""

_DRAINED: Final = 1.0


@dataclass(slots=True)
class _Gap:
    """A pause that is still to be filled.

    Attributes:
        since: Unix time of the last sign of life before it.
        opened: when the connection after it was opened.
        reached: up to when the stream has brought everything since.
    """

    since: float
    opened: float
    reached: float


class XStream:
    """Reads the filtered stream."""

    name: Final = SourceName.X_STREAM

    def __init__(
        self,
        client: XClient,
        search: RecentSearch,
        budget: Budget,
        reconnector: Reconnector,
        *,
        clock: Clock,
        meter: Meter,
        backfill: bool = False,
        rules: tuple[Rule, ...] = RULES,
    ) -> None:
        """Make the source.

        Args:
            client: makes the requests.
            search: fills gaps.
            budget: pays for posts.
            reconnector: waits between connections.
            clock: tells how long a gap is.
            meter: counts malformed messages and gaps.
            backfill: whether the plan has ``backfill_minutes`` (Enterprise).
            rules: what to ask for.
        """
        self._client = client
        self._search = search
        self._budget = budget
        self._reconnector = reconnector
        self._clock = clock
        self._meter = meter
        self._backfill = backfill
        self._rules = rules
        self._seen: float | None = None
        self._gap: _Gap | None = None
        self._reconciled = False

    async def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        """Read the stream; the checkpoint is the Unix time up to which everything has been delivered."""
        self._seen = _moment(checkpoint)
        async for event in self._reconnector.run(self._connection):
            yield event

    async def _connection(self) -> AsyncGenerator[SourceEvent, None]:
        try:
            await self._afford()
            if not self._reconciled:
                await reconcile(self._client, self._rules)
                self._reconciled = True
            minutes = self._backfill_minutes()
            parameters = {"tweet.fields": TWEET_FIELDS, **({"backfill_minutes": str(minutes)} if minutes else {})}
            async with self._client.stream(_PATH, parameters) as lines, aclosing(lines):
                self._gap = self._gap_before(self._clock.now(), minutes)
                yield SourceEvent(checkpoint=self._reached(self._clock.now()))
                async for event in self._messages(lines):
                    yield event
        except BudgetExhaustedError:
            # What is posted until the budget is renewed stays unread: to catch up would spend the next one at once.
            self._seen = self._gap = None
            self._meter.count(CHECKPOINT_GAPS)
            yield SourceEvent(checkpoint=FROM_NOW)
            raise

    async def _messages(self, lines: AsyncGenerator[bytes, None]) -> AsyncGenerator[SourceEvent, None]:
        idle_since = self._clock.now()
        async for line in lines:
            message = self._decoded(line) if line else None
            if message is not None:
                for event in self._events(message):
                    yield event
                if message.data is not None:
                    await self._budget.take(1)
                    await self._afford()
            elif self._clock.now() - idle_since >= _DRAINED:
                # We had to wait for this line, so nothing sent before was still on its way to us.
                yield SourceEvent(checkpoint=self._reached(idle_since))
            async for event in self._fill_gap():
                yield event
            idle_since = self._clock.now()

    def _events(self, message: StreamMessage) -> Iterator[SourceEvent]:
        post = message.data
        if post is not None:
            # Not "now": after a jam, posts are read long after they were sent, with others still behind them.
            posted = unix(post.created_at) if post.created_at else None
            wanted = any(rule.tag.startswith(TAG_PREFIX) for rule in message.matching_rules)
            yield from events_of(post, now=self._clock.now(), checkpoint=self._reached(posted), wanted=wanted)
        elif message.errors:
            problem = message.errors[0]
            raise ConnectionLostError(f"X ends the stream: {problem.disconnect_type or problem.title or problem.type}")

    async def _afford(self) -> None:
        """Go on only if the next post is paid for, and those that may be under way when the connection is closed."""
        ahead = 1 + min(IN_TRANSIT, self._budget.limit // 10)
        if await self._budget.reserve(ahead) < ahead:
            raise BudgetExhaustedError("the day's budget is spent but for what may be under way")

    def _decoded(self, line: bytes) -> StreamMessage | None:
        try:
            return stream_decoder.decode(line)
        except msgspec.MsgspecError:
            self._meter.count(MALFORMED_MESSAGES)
            _LOG.warning("a message of %d bytes cannot be read", len(line))
            return None

    def _reached(self, moment: float | None) -> str | None:
        """Everything up to this Unix time has arrived; returns the checkpoint for it, None while there is a gap."""
        moment = min(moment or 0.0, self._clock.now())
        if self._gap is not None:
            self._gap.reached = max(self._gap.reached, moment)
            return None
        self._seen = max(self._seen or 0.0, moment)
        return f"{self._seen:.3f}" if self._seen else None

    def _backfill_minutes(self) -> int:
        if self._seen is None or not self._backfill:
            return 0
        return max(1, min(BACKFILL_MAX, math.ceil((self._clock.now() - self._seen) / 60)))

    def _gap_before(self, opened: float, minutes: int) -> _Gap | None:
        """What lies between the last sign of life and the new connection, where backfill does not reach so far."""
        if self._seen is None or opened - self._seen <= minutes * 60:
            return None
        return _Gap(since=self._seen, opened=opened, reached=opened)

    async def _fill_gap(self) -> AsyncGenerator[SourceEvent, None]:
        """Search for what was posted during the gap, once all of it can be found."""
        gap = self._gap
        if gap is None or self._clock.now() < gap.opened + SEARCHABLE_AFTER:
            return
        start = self._search.reachable(gap.since - OVERLAP)
        if start > gap.since:
            self._meter.count(CHECKPOINT_GAPS)
            _LOG.warning("the pause was longer than recent search reaches back; %.0f s are lost", start - gap.since)
        window = {"start_time": rfc3339(start), "end_time": rfc3339(gap.opened + _SEAM)}
        for rule in self._rules:
            if rule.searchable:
                async for post in self._search.posts(rule.value, window):
                    for event in events_of(post, now=self._clock.now()):
                        yield event
        self._gap = None
        yield SourceEvent(checkpoint=self._reached(gap.reached))


def _moment(checkpoint: str | None) -> float | None:
    if checkpoint is None or checkpoint == FROM_NOW:
        return None
    try:
        return float(checkpoint)
    except ValueError:
        _LOG.warning("the checkpoint is not one of this source; starting from now")
        return None
