"""X recent search, polled: for plans without the stream, and to fill the gaps of the stream.

Each rule is a query with a position of its own, the newest identifier seen (``since_id``). X returns the newest posts
first, page after page; so a rule's position moves only after its last page. Until then a restart reads the pages again,
which costs nothing extra: X charges for a post once within a UTC day.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import msgspec

from ingest.budget import Budget
from ingest.clock import Clock
from ingest.errors import BudgetExhaustedError, HttpFaultError, SettingsError
from ingest.events import SourceEvent, SourceName
from ingest.metric_names import CHECKPOINT_GAPS
from ingest.sources.reconnect import Reconnector
from ingest.sources.x_client import XClient
from ingest.sources.x_rules import RULES, Rule
from ingest.sources.x_wire import TWEET_FIELDS, Post, SearchPage, created_at, events_of, page_decoder, rfc3339
from ingest.telemetry import Meter

_LOG = logging.getLogger(__name__)

_PATH: Final = "/2/tweets/search/recent"

PAGE_MIN: Final = 10
PAGE_MAX: Final = 100
"""``max_results`` (docs.x.com, "Search recent posts")."""

REACH: Final = 7 * 24 * 3600.0
_REACH_MARGIN: Final = 600.0
"""How far back recent search goes, and how much earlier we stop, because X refuses to look one second further."""

LATEST: Final = 30.0
"""Seconds ago of the latest start: X refuses times less than 10 s ago, and returns nothing younger than 30 s."""


class RecentSearch:
    """Queries of recent search, each within the budget."""

    def __init__(self, client: XClient, budget: Budget, clock: Clock) -> None:
        self._client = client
        self._budget = budget
        self._clock = clock

    async def posts(self, query: str, since: Mapping[str, str]) -> AsyncGenerator[Post, None]:
        """All posts that match, newest first.

        Args:
            query: in the language of rules.
            since: ``since_id`` or ``start_time``.

        Raises:
            BudgetExhaustedError: before the page that the day's budget does not cover.
            IngestError: of the class that says what to do.
        """
        parameters = {"query": query, "tweet.fields": TWEET_FIELDS, **since}
        while True:
            page = await self._page(parameters)
            for post in page.data:
                yield post
            if page.meta.next_token is None:
                return
            parameters["next_token"] = page.meta.next_token

    async def _page(self, parameters: dict[str, str]) -> SearchPage:
        affordable = await self._budget.reserve(PAGE_MAX)
        if affordable < PAGE_MIN:
            raise BudgetExhaustedError("the day's budget does not cover another page of search results")
        body = await self._client.get(_PATH, {**parameters, "max_results": str(affordable)})
        try:
            page = page_decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise HttpFaultError(200, "the answer to a search cannot be read") from error
        await self._budget.take(len(page.data))
        return page

    def reachable(self, moment: float) -> float:
        """The given Unix time, or the nearest that recent search takes for a start."""
        now = self._clock.now()
        return min(max(moment, now - REACH + _REACH_MARGIN), now - LATEST)


class XSearch:
    """Polls recent search for each rule."""

    name: Final = SourceName.X_SEARCH

    def __init__(
        self,
        search: RecentSearch,
        reconnector: Reconnector,
        *,
        clock: Clock,
        meter: Meter,
        poll_seconds: float = 60.0,
        rules: tuple[Rule, ...] = RULES,
    ) -> None:
        """Make the source.

        Args:
            search: makes the queries.
            reconnector: waits between failures.
            clock: waits between polls.
            meter: counts gaps.
            poll_seconds: from one poll to the next.
            rules: what to search for.

        Raises:
            SettingsError: a rule has an operator that only the stream knows.
        """
        unknown = [rule.name for rule in rules if not rule.searchable]
        if unknown:
            raise SettingsError(f"recent search does not know an operator of these rules: {', '.join(unknown)}")
        self._search = search
        self._reconnector = reconnector
        self._clock = clock
        self._meter = meter
        self._poll_seconds = poll_seconds
        self._rules = rules
        self._positions: dict[str, str] = {}

    async def events(self, checkpoint: str | None) -> AsyncGenerator[SourceEvent, None]:
        """Search for what came after the checkpoint, or after now without one, again and again."""
        self._positions = _positions(checkpoint)
        async for event in self._reconnector.run(self._polls):
            yield event

    async def _polls(self) -> AsyncGenerator[SourceEvent, None]:
        try:
            while True:
                for rule in self._rules:
                    async for event in self._poll(rule):
                        yield event
                await self._clock.sleep(self._poll_seconds)
        except BudgetExhaustedError:
            # What is posted until the budget is renewed stays unread: to catch up would spend the next one at once.
            self._positions = {}
            self._meter.count(CHECKPOINT_GAPS)
            yield SourceEvent(checkpoint="{}")
            raise

    async def _poll(self, rule: Rule) -> AsyncGenerator[SourceEvent, None]:
        position = self._positions.setdefault(rule.name, _time_position(self._clock.now()))
        newest = 0
        async for post in self._search.posts(rule.value, self._since(position)):
            newest = max(newest, int(post.id) if post.id.isdecimal() else 0)
            for event in events_of(post, now=self._clock.now()):
                yield event
        if newest:
            self._positions[rule.name] = str(newest)
        yield SourceEvent(checkpoint=msgspec.json.encode(self._positions).decode())

    def _since(self, position: str) -> dict[str, str]:
        """The parameter that a position stands for; X refuses identifiers that recent search no longer knows."""
        if position.startswith("@"):
            moment = float(position[1:])
        else:
            moment = created_at(position) or self._clock.now()
            if self._clock.now() - moment < REACH - _REACH_MARGIN:
                return {"since_id": position}
        start = self._search.reachable(moment)
        if start > moment:
            self._meter.count(CHECKPOINT_GAPS)
            _LOG.warning("the checkpoint is older than what recent search reaches; %.0f s are lost", start - moment)
        return {"start_time": rfc3339(start)}


def _positions(checkpoint: str | None) -> dict[str, str]:
    try:
        return msgspec.json.decode(checkpoint or "{}", type=dict[str, str])
    except msgspec.MsgspecError:
        _LOG.warning("the checkpoint is not one of this source; starting from now")
        return {}


def _time_position(moment: float) -> str:
    """The position of a rule that has found nothing yet."""
    return f"@{moment:.0f}"
