"""Recent search, polled from a server on the loopback interface."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from ingest.budget import Budget
from ingest.checkpoint import MemoryStore
from ingest.errors import SettingsError
from ingest.events import SourceEvent
from ingest.metric_names import CHECKPOINT_GAPS
from ingest.sources.reconnect import Reconnector
from ingest.sources.x_client import XClient
from ingest.sources.x_rules import Rule
from ingest.sources.x_search import RecentSearch, XSearch
from ingest.sources.x_wire import SNOWFLAKE_EPOCH_MS
from ingest.status import Status
from ingest.telemetry import Meter
from ingest.tokens import FixedToken
from moderation.messages import TweetEvent
from tests.fakes.ingest import MORNING, run
from tests.fakes.x_api import TOKEN, FakeX, post

RULES = (Rule("one", "first query"),)


def snowflake(seconds_ago: float) -> int:
    return (int((MORNING - seconds_ago) * 1000) - SNOWFLAKE_EPOCH_MS) << 22


def ten_at(minutes_ago: int) -> range:
    return range(snowflake(minutes_ago * 60), snowflake(minutes_ago * 60) + 10)


def page(*numbers: int, next_token: str | None = None) -> dict[str, Any]:
    meta = {"result_count": len(numbers), **({"next_token": next_token} if next_token else {})}
    return {"data": [post(number) for number in numbers], "meta": meta} if numbers else {"meta": meta}


class Reading:
    def __init__(self, server: FakeX, *, dollars: float = 100.0, rules: tuple[Rule, ...] = RULES) -> None:
        self.time, self.meter = server.time, Meter("x-search", "test")
        self.budget = Budget(MemoryStore(), self.time, dollars_a_day=dollars)
        client = XClient(FixedToken(TOKEN), base_url=server.url)
        self.source = XSearch(
            RecentSearch(client, self.budget, self.time),
            Reconnector(self.time, self.meter, Status()),
            clock=self.time,
            meter=self.meter,
            poll_seconds=60,
            rules=rules,
        )
        self.events: list[SourceEvent] = []

    async def read(self, checkpoints: int, checkpoint: str | None = None) -> None:
        """Read until so many checkpoints have come."""
        async with aclosing(self.source.events(checkpoint)) as events:
            async for event in events:
                self.events.append(event)
                if sum(each.checkpoint is not None for each in self.events) == checkpoints:
                    return

    @property
    def tweets(self) -> list[str]:
        return [event.body.tweet_id for event in self.events if isinstance(event.body, TweetEvent)]


def read(server: FakeX, checkpoints: int, *, checkpoint: str | None = None, **options: Any) -> Reading:
    async def scenario() -> Reading:
        async with server:
            reading = Reading(server, **options)
            await reading.read(checkpoints, checkpoint)
            return reading

    return run(scenario())


def answers(*pages: dict[str, Any] | int) -> FakeX:
    remaining = list(pages)
    return FakeX(search=lambda parameters: remaining.pop(0) if remaining else page())


def test_polling_goes_on_from_the_newest_post() -> None:
    server = answers(page(snowflake(40)), page())
    reading = read(server, 2)
    first, second = server.asked("/2/tweets/search/recent")
    assert (first.parameters["query"], first.parameters["max_results"]) == ("first query", "100")
    assert (first.parameters["start_time"], "since_id" in first.parameters) == ("2026-11-23T08:59:30Z", False)
    assert (second.parameters["since_id"], "start_time" in second.parameters) == (str(snowflake(40)), False)
    assert reading.time.slept == [60]


def test_all_pages_are_read_before_the_position_moves() -> None:
    server = answers(page(30, 29, next_token="more"), page(28, 27, next_token="yet more"), page(26))  # noqa: S106
    reading = read(server, 1)
    assert reading.tweets == ["30", "29", "28", "27", "26"]
    assert [event.checkpoint for event in reading.events] == [None] * 5 + ['{"one":"30"}']
    assert [request.parameters.get("next_token") for request in server.asked("/2/tweets/search/recent")] == [
        None,
        "more",
        "yet more",
    ]


def test_a_failure_between_pages_begins_the_poll_again() -> None:
    server = answers(page(30, next_token="more"), 503, page(30, next_token="more"), page(29))  # noqa: S106
    reading = read(server, 1)
    assert reading.tweets == ["30", "30", "29"], "what comes twice, the window of duplicates drops"
    assert reading.time.slept == [5]


def test_each_rule_has_a_position_of_its_own() -> None:
    rules = (Rule("one", "first"), Rule("two", "second"))
    reading = read(answers(page(50), page(40)), 2, rules=rules)
    last = msgspec.json.decode(reading.events[-1].checkpoint or "", type=dict[str, str])
    assert last == {"one": "50", "two": "40"}


def test_a_restart_goes_on_where_each_rule_was() -> None:
    server = answers(page())
    newest = str(snowflake(3600))
    read(server, 1, checkpoint=f'{{"one":"{newest}"}}')
    assert server.asked("/2/tweets/search/recent")[0].parameters["since_id"] == newest


def test_a_position_that_search_no_longer_knows_becomes_the_earliest_time_that_it_does() -> None:
    server = answers(page())
    reading = read(server, 1, checkpoint=f'{{"one":"{snowflake(9 * 24 * 3600)}"}}')
    parameters = server.asked("/2/tweets/search/recent")[0].parameters
    assert (parameters["start_time"], "since_id" in parameters) == ("2026-11-16T09:10:00Z", False)
    assert reading.meter.total(CHECKPOINT_GAPS) == 1


def test_a_rate_limit_is_waited_for() -> None:
    server = answers(429, page(1))
    server.search_headers = {"x-rate-limit-reset": str(int(MORNING) + 500)}
    assert read(server, 1).time.slept == [500]


def test_an_answer_that_is_no_json_is_asked_for_again() -> None:
    server = answers({"data": "nonsense"}, page(1))
    assert read(server, 1).tweets == ["1"]


def test_pages_shrink_to_what_the_budget_covers_and_then_reading_rests() -> None:
    server = answers(*(page(*ten_at(minutes)) for minutes in (3, 2, 1)))
    reading = read(server, 4, dollars=0.15)  # 30 reads
    sizes = [request.parameters["max_results"] for request in server.asked("/2/tweets/search/recent")]
    assert sizes[:3] == ["30", "20", "10"]
    assert reading.events[-1].checkpoint == "{}", "what was posted while the budget was spent is not caught up"
    assert reading.meter.total(CHECKPOINT_GAPS) == 1


def test_the_next_day_reading_starts_from_then() -> None:
    server = answers(*(page(*ten_at(minutes)) for minutes in (3, 2, 1)))
    reading = read(server, 5, dollars=0.15)
    assert reading.time.slept[-1] == pytest.approx(15 * 3600, abs=200)
    last = server.asked("/2/tweets/search/recent")[-1].parameters
    assert last["start_time"] == "2026-11-23T23:59:31Z"


def test_rules_that_search_does_not_know_are_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="operator of these rules: sampled"):
        read(answers(), 1, rules=(*RULES, Rule("sampled", "words sample:10")))
