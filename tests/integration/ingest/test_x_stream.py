"""The filtered stream, read from a server that speaks its wire protocol on the loopback interface."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from ingest.budget import Budget
from ingest.checkpoint import MemoryStore
from ingest.errors import SourceRefusedError
from ingest.events import SourceEvent
from ingest.metric_names import CHECKPOINT_GAPS, MALFORMED_MESSAGES, RECONNECTS
from ingest.sources.reconnect import Reconnector
from ingest.sources.x_client import XClient
from ingest.sources.x_rules import RULES, Rule
from ingest.sources.x_search import RecentSearch
from ingest.sources.x_stream import FROM_NOW, XStream
from ingest.status import Status
from ingest.telemetry import Meter
from ingest.tokens import FixedToken
from moderation.messages import TweetEvent, TweetWithdrawn, Withdrawal
from tests.fakes.ingest import MORNING, run
from tests.fakes.x_api import TOKEN, FakeX, abort, hold, keep_alive, later, post, post_line, posts, refuse, send

RULE = (Rule("insults", "some words"),)


class Reading:
    """A source that reads a fake server."""

    def __init__(self, server: FakeX, *, dollars: float = 100.0, silence: float = 5.0, **options: Any) -> None:
        self.time, self.meter, self.status = server.time, Meter("x-stream", "test"), Status()
        self.client = XClient(FixedToken(TOKEN), base_url=server.url, silence=silence)
        self.budget = Budget(MemoryStore(), self.time, dollars_a_day=dollars)
        self.source = XStream(
            self.client,
            RecentSearch(self.client, self.budget, self.time),
            self.budget,
            Reconnector(self.time, self.meter, self.status),
            clock=self.time,
            meter=self.meter,
            **{"rules": RULE, **options},
        )
        self.events: list[SourceEvent] = []

    async def read(self, count: int, checkpoint: str | None = None) -> list[str]:
        """Read until so many tweets have come; returns their identifiers."""
        async with aclosing(self.source.events(checkpoint)) as events:
            async for event in events:
                self.events.append(event)
                if len(self.tweets) >= count:
                    break
        return self.tweets

    @property
    def tweets(self) -> list[str]:
        return [event.body.tweet_id for event in self.events if isinstance(event.body, TweetEvent)]

    @property
    def checkpoints(self) -> list[str]:
        return [event.checkpoint for event in self.events if event.checkpoint]


def read(server: FakeX, count: int, *, checkpoint: str | None = None, **options: Any) -> Reading:
    async def scenario() -> Reading:
        async with server:
            reading = Reading(server, **options)
            await reading.read(count, checkpoint)
            return reading

    return run(scenario())


def test_posts_arrive_however_their_bytes_are_cut() -> None:
    lines = post_line(1, text="caf\u00e9 \U0001f600") + b"\r\n" + post_line(2) + post_line(3)
    pieces = [lines[start : start + 7] for start in range(0, len(lines), 7)]
    reading = read(FakeX(streams=[[send(*pieces), hold()]]), 3)
    assert reading.tweets == ["1", "2", "3"]
    first = next(event.body for event in reading.events if isinstance(event.body, TweetEvent))
    assert first.tweet.tweet_text == "caf\u00e9 \U0001f600"
    assert (first.author_id, first.created_at, first.lang, first.source) == (
        "a1",
        "2026-11-23T09:00:00.000Z",
        "en",
        "x",
    )


def test_the_request_names_the_fields_and_no_backfill_unless_the_plan_has_it() -> None:
    server = FakeX(streams=[[posts(1), hold()]])
    read(server, 1)
    (request,) = server.asked("/2/tweets/search/stream")
    assert request.parameters == {"tweet.fields": "author_id,created_at,edit_history_tweet_ids,lang,note_tweet"}


def test_long_posts_arrive_whole() -> None:
    line = post_line(1, text="cut...", note_tweet={"text": "the whole of it"})
    reading = read(FakeX(streams=[[send(line), hold()]]), 1)
    body = reading.events[-1].body
    assert isinstance(body, TweetEvent)
    assert body.tweet.tweet_text == "the whole of it"


def test_keep_alives_are_no_messages_and_keep_the_connection() -> None:
    reading = read(FakeX(streams=[[keep_alive(), posts(1), keep_alive(), keep_alive(), posts(2), hold()]]), 2)
    assert reading.tweets == ["1", "2"]
    assert (reading.meter.total(MALFORMED_MESSAGES), reading.meter.total(RECONNECTS)) == (0, 0)


def test_silence_beyond_the_keep_alive_is_a_lost_connection() -> None:
    reading = read(FakeX(streams=[[posts(1), hold()], [posts(2), hold()]]), 2, silence=0.2)
    assert reading.tweets == ["1", "2"]
    assert reading.time.slept == []


def test_a_clean_end_is_followed_by_the_next_connection_at_once() -> None:
    reading = read(FakeX(streams=[[posts(1)], [posts(2), hold()]]), 2)
    assert reading.time.slept == []
    assert reading.meter.total(RECONNECTS) == 1


def test_an_abrupt_close_in_the_middle_of_a_post_loses_only_that_piece() -> None:
    half = post_line(2)[:40]
    reading = read(FakeX(streams=[[posts(1), send(half), abort()], [posts(2), hold()]]), 2)
    assert reading.tweets == ["1", "2"]
    assert reading.meter.total(MALFORMED_MESSAGES) == 0


def test_a_message_of_operational_disconnection_ends_the_connection() -> None:
    goodbye = {
        "errors": [
            {
                "title": "operational-disconnect",
                "disconnect_type": "UpstreamOperationalDisconnect",
                "detail": "This stream has been disconnected upstream for operational reasons.",
                "type": "https://api.x.com/2/problems/operational-disconnect",
            }
        ]
    }
    line = json.dumps(goodbye).encode() + b"\r\n"
    reading = read(FakeX(streams=[[posts(1), send(line), hold()], [posts(2), hold()]]), 2)
    assert reading.tweets == ["1", "2"]


def test_a_rate_limit_is_waited_for_until_the_time_in_its_header() -> None:
    reset = {"x-rate-limit-reset": str(int(MORNING) + 840)}
    reading = read(FakeX(streams=[[refuse(429, reset)], [refuse(429)], [posts(1), hold()]]), 1)
    assert reading.time.slept == [840, 120]


def test_server_errors_back_off_exponentially() -> None:
    reading = read(FakeX(streams=[[refuse(503)], [refuse(503)], [refuse(502)], [posts(1), hold()]]), 1)
    assert reading.time.slept == [5, 10, 20]


def test_credits_that_ran_out_may_come_back() -> None:
    assert read(FakeX(streams=[[refuse(402)], [posts(1), hold()]]), 1).time.slept == [5]


def test_a_server_that_is_not_there_backs_off_linearly() -> None:
    async def scenario() -> list[float]:
        server = FakeX()
        async with server:
            reading = Reading(server)
        server._server = None

        class GiveUpError(Exception):
            pass

        async def sleep(seconds: float) -> None:
            reading.time.slept.append(seconds)
            if len(reading.time.slept) == 3:
                raise GiveUpError

        reading.time.sleep = sleep  # type: ignore[method-assign]
        with pytest.raises(GiveUpError):
            await reading.read(1)
        return reading.time.slept

    assert run(scenario()) == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("line", [b"{not json}\r\n", b'{"data": {"id": 7}}\r\n', b"[]\r\n", b"\xff\xfe\r\n"])
def test_malformed_messages_are_counted_and_passed_over(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    reading = read(FakeX(streams=[[posts(1), send(line), posts(2), hold()]]), 2)
    assert reading.tweets == ["1", "2"]
    assert reading.meter.total(MALFORMED_MESSAGES) == 1


def test_a_line_that_never_ends_is_given_up() -> None:
    endless = [b"x" * 300_000] * 5
    reading = read(FakeX(streams=[[posts(1), send(*endless, b"\r\n"), posts(2), hold()]]), 2)
    assert reading.tweets == ["1", "2"]
    assert reading.meter.total(MALFORMED_MESSAGES) == 1


def test_kinds_of_messages_that_are_yet_to_be_invented_are_passed_over() -> None:
    reading = read(FakeX(streams=[[send(b'{"news": {"from": "X"}}\r\n'), posts(1), hold()]]), 1)
    assert reading.meter.total(MALFORMED_MESSAGES) == 0


def test_an_edit_withdraws_what_it_replaces() -> None:
    reading = read(FakeX(streams=[[posts(30, edit_history_tweet_ids=["10", "20", "30"]), hold()]]), 1)
    gone = [event.body for event in reading.events if isinstance(event.body, TweetWithdrawn)]
    assert [(each.tweet_id, each.replaced_by, each.reason) for each in gone] == [
        ("10", "30", Withdrawal.EDITED),
        ("20", "30", Withdrawal.EDITED),
    ]


def test_posts_of_the_rules_of_others_are_not_wanted() -> None:
    reading = read(FakeX(streams=[[send(post_line(1, tag="theirs")), posts(2), hold()]]), 2)
    assert [event.wanted for event in reading.events if event.body] == [False, True]


def test_a_token_that_was_just_replaced_is_asked_for_again() -> None:
    async def scenario() -> int:
        async with FakeX(streams=[[posts(1), hold()]]) as server:
            server.accepts = {"new"}
            reading = Reading(server)
            tokens = iter(["old", "new", "new", "new", "new"])

            class Replaced(FixedToken):
                async def token(self) -> str:
                    return next(tokens)

            reading.client._tokens = Replaced("")
            await reading.read(1)
            return len(reading.time.slept)

    assert run(scenario()) == 1


def test_a_wrong_token_ends_the_source_without_being_told() -> None:
    with pytest.raises(SourceRefusedError, match="does not accept the token") as refusal:
        read(FakeX(accepts={"another"}), 1)
    assert TOKEN not in str(refusal.value)


def test_a_request_that_x_will_never_accept_ends_the_source() -> None:
    with pytest.raises(SourceRefusedError, match="HTTP 403"):
        read(FakeX(streams=[[refuse(403)]]), 1)


class TestRules:
    def test_rules_in_code_are_brought_into_force(self) -> None:
        server = FakeX(streams=[[posts(1), hold()]])
        read(server, 1, rules=RULES)
        assert [(rule["tag"], rule["value"]) for rule in server.rules] == [(rule.tag, rule.value) for rule in RULES]

    def test_what_is_there_already_is_left_alone(self) -> None:
        server = FakeX(streams=[[posts(1), hold()]])
        server.rules = [
            {"id": str(position), "tag": rule.tag, "value": rule.value} for position, rule in enumerate(RULES)
        ]
        read(server, 1, rules=RULES)
        assert [request.method for request in server.asked("/2/tweets/search/stream/rules")] == ["GET"]

    def test_changed_rules_replace_ours_and_no_others(self) -> None:
        server = FakeX(streams=[[posts(1), hold()]])
        theirs = {"id": "8", "tag": "theirs", "value": "cats"}
        server.rules = [{"id": "7", "tag": RULE[0].tag, "value": "older words"}, theirs]
        read(server, 1)
        assert theirs in server.rules
        assert [rule["value"] for rule in server.rules if rule != theirs] == ["some words"]

    def test_rules_that_x_does_not_take_end_the_source(self) -> None:
        with pytest.raises(SourceRefusedError, match=r"does not accept the rules.*invalid"):
            read(FakeX(rule_summary={"created": 0, "invalid": 1}), 1)

    def test_rules_are_set_once_and_not_at_every_connection(self) -> None:
        server = FakeX(streams=[[posts(1)], [posts(2), hold()]])
        read(server, 2)
        assert len(server.asked("/2/tweets/search/stream/rules")) == 2


class TestGaps:
    """What happens to posts that were written while nobody was listening."""

    def test_a_short_pause_is_backfilled_where_the_plan_has_it(self) -> None:
        server = FakeX(streams=[[posts(1), hold()]])
        read(server, 1, checkpoint=f"{MORNING - 90:.3f}", backfill=True)
        assert server.asked("/2/tweets/search/stream")[0].parameters["backfill_minutes"] == "2"
        assert server.asked("/2/tweets/search/recent") == []

    def gap(self, server: FakeX, seconds: float = 41.0) -> FakeX:
        """A stream on which time passes, after which search finds two posts."""
        server.streams = [[posts(9), later(server.time, seconds), keep_alive(), hold()]]
        server.search = lambda parameters: {"data": [post(5), post(4)], "meta": {"result_count": 2, "newest_id": "5"}}
        return server

    def test_a_longer_one_is_searched_for_as_soon_as_search_can_find_all_of_it(self) -> None:
        server = self.gap(FakeX())
        reading = read(server, 3, checkpoint=f"{MORNING - 600:.3f}", backfill=True)
        assert set(reading.tweets) == {"5", "4", "9"}
        assert server.asked("/2/tweets/search/stream")[0].parameters["backfill_minutes"] == "5"
        (request,) = server.asked("/2/tweets/search/recent")
        assert request.parameters["query"] == "some words"
        assert request.parameters["start_time"] == "2026-11-23T08:49:30Z"
        assert request.parameters["end_time"] == "2026-11-23T09:00:05Z"

    def test_the_checkpoint_stays_behind_until_the_gap_is_filled(self) -> None:
        server = FakeX()
        server.streams = [
            [posts(9), later(server.time, 41), keep_alive(), posts(10, created_at="2026-11-23T09:00:41.000Z"), hold()]
        ]
        server.search = lambda parameters: {"data": [post(5)], "meta": {"result_count": 1}}
        reading = read(server, 3, checkpoint=f"{MORNING - 600:.3f}")
        order = [
            event.body.tweet_id if isinstance(event.body, TweetEvent) else event.checkpoint for event in reading.events
        ]
        assert order.index("5") < order.index(reading.checkpoints[0])
        assert float(reading.checkpoints[0]) >= MORNING

    def test_a_connection_that_is_lost_before_leaves_the_gap_to_the_next(self) -> None:
        server = FakeX()
        server.streams = [[posts(1)], [posts(9), later(server.time, 41), keep_alive(), hold()]]
        server.search = lambda parameters: {"data": [post(5)], "meta": {"result_count": 1}}
        reading = read(server, 3, checkpoint=f"{MORNING - 600:.3f}")
        assert set(reading.tweets) == {"1", "5", "9"}
        (request,) = server.asked("/2/tweets/search/recent")
        assert request.parameters["start_time"] == "2026-11-23T08:49:30Z"

    def test_rules_that_search_does_not_know_are_left_out(self) -> None:
        server = self.gap(FakeX())
        rules = (Rule("insults", "some words"), Rule("sampled", "other words sample:10"))
        read(server, 3, checkpoint=f"{MORNING - 600:.3f}", rules=rules)
        assert [request.parameters["query"] for request in server.asked("/2/tweets/search/recent")] == ["some words"]

    def test_a_loss_beyond_the_reach_of_search_is_counted(self) -> None:
        reading = read(self.gap(FakeX()), 3, checkpoint=f"{MORNING - 8 * 24 * 3600:.3f}")
        assert reading.meter.total(CHECKPOINT_GAPS) == 1

    def test_posts_read_late_do_not_move_the_checkpoint_beyond_what_may_still_be_unread(self) -> None:
        server = FakeX()
        jam = later(server.time, 600)
        server.streams = [[posts(1), jam, posts(2, created_at="2026-11-23T09:00:10.000Z"), hold()]]
        assert float(read(server, 2).checkpoints[-1]) == MORNING + 10

    def test_a_checkpoint_of_something_else_starts_from_now(self) -> None:
        server = FakeX(streams=[[posts(1), hold()]])
        read(server, 1, checkpoint="at://elsewhere")
        assert server.asked("/2/tweets/search/recent") == []


class TestBudget:
    def test_reading_stops_before_the_budget_is_exceeded_and_goes_on_the_next_day(self) -> None:
        server = FakeX(streams=[[posts(*range(1, 100)), hold()], [posts(500), hold()]])
        reading = read(server, 19, dollars=0.1)  # 20 reads, of which a tenth is kept for what is under way
        assert reading.tweets == [*(str(number) for number in range(1, 19)), "500"]
        assert reading.time.slept == [pytest.approx(15 * 3600 + 1)]
        assert FROM_NOW in reading.checkpoints
        assert server.asked("/2/tweets/search/recent") == [], "catching up would spend the next budget at once"

    def test_an_exhausted_budget_does_not_even_connect(self) -> None:
        async def scenario() -> int:
            async with FakeX(streams=[[posts(1), hold()]]) as server:
                reading = Reading(server, dollars=0.1)
                reading.budget._store.reserve_reads("2026-11-23", 20, 20)
                await reading.read(1)
                assert reading.time.slept == [pytest.approx(15 * 3600 + 1)]
                return len(server.asked("/2/tweets/search/stream"))

        assert run(scenario()) == 1
