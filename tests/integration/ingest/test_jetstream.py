"""Jetstream, read from an instance on the loopback interface."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from ingest.errors import SourceRefusedError
from ingest.events import SourceEvent
from ingest.metric_names import CHECKPOINT_GAPS, MALFORMED_MESSAGES
from ingest.sources.jetstream import Jetstream, identifier
from ingest.sources.reconnect import Reconnector
from ingest.status import Status
from ingest.telemetry import Meter
from moderation.messages import AuthorWithdrawn, TweetEvent, TweetWithdrawn, Withdrawal
from tests.fakes.ingest import MORNING, FakeTime, run
from tests.fakes.jetstream import DID, START_US, FakeJetstream, account, message, tweet_id


class Reading:
    def __init__(self, *urls: str, silence: float = 5.0) -> None:
        self.time, self.meter = FakeTime(), Meter("bluesky", "test")
        reconnector = Reconnector(self.time, self.meter, Status())
        self.source = Jetstream(reconnector, clock=self.time, meter=self.meter, instances=urls, silence=silence)
        self.events: list[SourceEvent] = []

    async def read(self, count: int, checkpoint: str | None = None) -> None:
        async with aclosing(self.source.events(checkpoint)) as events:
            async for event in events:
                self.events.append(event)
                if len(self.events) == count:
                    return

    @property
    def bodies(self) -> list[Any]:
        return [event.body for event in self.events]


def read(server: FakeJetstream, count: int, *, checkpoint: str | None = None, **options: Any) -> Reading:
    async def scenario() -> Reading:
        async with server:
            reading = Reading(server.url, **options)
            await reading.read(count, checkpoint)
            return reading

    return run(scenario())


def test_posts_become_tweets() -> None:
    reading = read(FakeJetstream([message(1, "hello \U0001f600", langs=["en-GB", "de"])]), 1)
    (event,) = reading.events
    assert event.body == TweetEvent(
        tweet_id=tweet_id(1),
        tweet=event.body.tweet,  # type: ignore[union-attr]
        author_id=DID,
        created_at="2026-11-23T09:00:00Z",
        lang="en-GB",
        source="bluesky",
    )
    assert event.body.tweet.tweet_text == "hello \U0001f600"
    assert (event.languages, event.checkpoint) == (("en-GB", "de"), str(START_US + 1000))
    assert event.happened_at == MORNING + 0.001


def test_only_posts_are_asked_for() -> None:
    server = FakeJetstream([message(1)])
    read(server, 1)
    assert server.queries[0]["wantedCollections"] == "app.bsky.feed.post"
    assert "cursor" not in server.queries[0]


def test_deletions_withdraw_the_post() -> None:
    (gone,) = read(FakeJetstream([message(1, operation="delete")]), 1).bodies
    assert gone == TweetWithdrawn(
        tweet_id=tweet_id(1),
        source="bluesky",
        reason=Withdrawal.DELETED,
        withdrawn_at="2026-11-23T09:00:00.001Z",
        author_id=DID,
    )


def test_an_edit_withdraws_the_old_text_and_brings_the_new_one_under_a_name_of_its_own() -> None:
    gone, new = read(FakeJetstream([message(1, "better", operation="update")]), 2).bodies
    assert (gone.tweet_id, gone.reason, gone.replaced_by) == (tweet_id(1), Withdrawal.EDITED, new.tweet_id)
    assert new.tweet_id == f"{tweet_id(1)}@3l3qo2vuts001"
    assert new.tweet.tweet_text == "better"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("deleted", "deleted"), ("takendown", "taken_down"), ("suspended", "suspended"), ("deactivated", "deactivated")],
)
def test_an_account_that_goes_takes_its_posts_with_it(status: str, reason: str) -> None:
    (gone,) = read(FakeJetstream([account(1, active=False, status=status)]), 1).bodies
    assert isinstance(gone, AuthorWithdrawn)
    assert (gone.author_id, gone.reason.value) == (DID, reason)


@pytest.mark.parametrize(
    "harmless",
    [
        account(1, active=True),
        account(1, active=False, status="throttled"),
        {"did": DID, "time_us": START_US, "kind": "identity", "identity": {"handle": "somebody.example"}},
        {"kind": "heartbeat", "payload": ""},
        {"did": DID, "time_us": START_US, "kind": "yet to be invented"},
        {**message(1), "commit": {**message(1)["commit"], "collection": "app.bsky.feed.like"}},
    ],
)
def test_other_messages_only_move_the_checkpoint(harmless: dict[str, Any]) -> None:
    reading = read(FakeJetstream([harmless]), 1)
    assert reading.bodies == [None]
    assert reading.meter.total(MALFORMED_MESSAGES) == 0


@pytest.mark.parametrize("bad", ["{not json", '{"kind": 7}', '{"kind":"commit","time_us":1,"commit":{}}', ""])
def test_malformed_messages_are_counted_and_passed_over(bad: str) -> None:
    reading = read(FakeJetstream([message(1), bad, message(2)]), 2)
    assert [body.tweet_id for body in reading.bodies] == [tweet_id(1), tweet_id(2)]
    assert reading.meter.total(MALFORMED_MESSAGES) == 1


def test_a_post_whose_record_is_malformed_is_passed_over() -> None:
    bad = message(2)
    bad["commit"]["record"]["text"] = 7
    reading = read(FakeJetstream([message(1), bad, message(3)]), 2)
    assert reading.meter.total(MALFORMED_MESSAGES) == 1


def test_reading_goes_on_from_five_seconds_before_the_cursor() -> None:
    server = FakeJetstream([message(number) for number in range(10)], drop_after=[3])
    reading = read(server, 13)
    assert server.cursors == [None, START_US + 2000 - 5_000_000]
    assert {body.tweet_id for body in reading.bodies} == {tweet_id(number) for number in range(10)}
    assert reading.time.slept == []


def test_a_restart_goes_on_from_the_checkpoint() -> None:
    server = FakeJetstream([message(number) for number in range(10)])
    (first,) = read(server, 1, checkpoint=str(START_US + 5_003_000)).bodies
    assert server.cursors == [START_US + 3000]
    assert first.tweet_id == tweet_id(3)


def test_a_checkpoint_older_than_the_lookback_is_a_gap() -> None:
    old = str(START_US - 37 * 3600 * 1_000_000)
    assert read(FakeJetstream([message(1)]), 1, checkpoint=old).meter.total(CHECKPOINT_GAPS) == 1


def test_silence_is_a_lost_connection() -> None:
    server = FakeJetstream([message(1)])
    reading = read(server, 2, silence=0.2)
    assert len(server.cursors) == 2
    assert [body.tweet_id for body in reading.bodies] == [tweet_id(1)] * 2


def test_another_instance_goes_on_with_the_same_cursor() -> None:
    async def scenario() -> tuple[list[int | None], list[str]]:
        async with (
            FakeJetstream([message(1), message(2)], drop_after=[1], statuses=[]) as first,
            FakeJetstream([message(1), message(2)]) as second,
        ):
            reading = Reading(first.url, second.url)
            first.statuses = []
            collected: list[str] = []
            async with aclosing(reading.source.events(None)) as events:
                async for event in events:
                    collected.append(event.body.tweet_id)  # type: ignore[union-attr]
                    first.statuses = [503]
                    if len(collected) == 3:
                        break
            return second.cursors, collected

    cursors, collected = run(scenario())
    assert cursors == [START_US + 1000 - 5_000_000]
    assert collected == [tweet_id(1), tweet_id(1), tweet_id(2)]


def test_refusals_are_waited_for_by_their_kind() -> None:
    reading = read(FakeJetstream([message(1)], statuses=[503, 429, 500]), 1)
    assert reading.time.slept == [5, 60, 5]


def test_an_address_that_is_refused_for_good_ends_the_source() -> None:
    with pytest.raises(SourceRefusedError, match="HTTP 400"):
        read(FakeJetstream(statuses=[400]), 1)


def test_an_address_that_is_no_web_socket_is_said_to_be_none() -> None:
    with pytest.raises(SourceRefusedError, match="no WebSocket address"):
        run(Reading("http//nowhere").read(1))


def test_identifiers_fit_the_contract_however_long_the_address() -> None:
    for did in ("did:plc:short", "did:web:" + "long." * 60 + "example"):
        for revision in ("", "3l3qo2vuts001"):
            assert len(identifier(did, "3l3qo2vuowo2b", revision)) <= 128
    assert identifier("did:web:" + "a" * 200, "1") != identifier("did:web:" + "a" * 200, "2")
