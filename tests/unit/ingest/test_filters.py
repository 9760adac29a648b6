"""What becomes of an event: sent, or counted and dropped, with the checkpoint kept either way."""

from __future__ import annotations

import pytest

from ingest.events import SourceEvent
from ingest.filters import MAX_RECORD_BYTES, Filter
from ingest.metric_names import DUPLICATES_DROPPED, TWEETS_FILTERED, TWEETS_READ, TWEETS_REJECTED, Metric
from ingest.telemetry import Meter
from ingest.window import Window
from moderation.messages import AuthorWithdrawn, TweetWithdrawn, Withdrawal, decode_tweet_event
from tests.fakes.ingest import tweet

WHEN = "2026-11-23T09:00:00.000Z"


def make(*languages: str, window: int = 10) -> tuple[Filter, Meter]:
    meter = Meter("replay", "test")
    return Filter(languages=languages, window=Window(window), meter=meter), meter


def test_a_tweet_is_sent_under_its_identifier_with_its_checkpoint() -> None:
    filter_, meter = make("en")
    parcel = filter_.parcel(SourceEvent(tweet("7", lang="en"), checkpoint="c", languages=("en",), happened_at=1.0))
    assert decode_tweet_event(parcel.data) == tweet("7", lang="en")
    assert (parcel.key, parcel.checkpoint, parcel.announce, parcel.happened_at) == ("7", "c", None, 1.0)
    assert meter.total(TWEETS_READ) == 1


@pytest.mark.parametrize("languages", [("en",), ("en-GB",), ("EN",), ("pt", "en"), (), ("und",), ("qme",), ("",)])
def test_tweets_in_a_wanted_or_unknown_language_pass(languages: tuple[str, ...]) -> None:
    assert make("en")[0].parcel(SourceEvent(tweet("1"), languages=languages)).data


@pytest.mark.parametrize(
    "event",
    [
        SourceEvent(tweet("1"), checkpoint="c", languages=("pt",)),
        SourceEvent(tweet("1", text=" \n"), checkpoint="c"),
        SourceEvent(tweet("1"), checkpoint="c", wanted=False),
    ],
    ids=["another language", "no text", "another's rule"],
)
def test_other_tweets_leave_only_their_checkpoint(event: SourceEvent) -> None:
    filter_, meter = make("en")
    parcel = filter_.parcel(event)
    assert (parcel.data, parcel.checkpoint) == (b"", "c")
    assert meter.total(TWEETS_FILTERED) == 1


def test_without_languages_all_pass() -> None:
    assert make()[0].parcel(SourceEvent(tweet("1"), languages=("pt",))).data


def dropped(filter_: Filter, meter: Meter, event: SourceEvent, metric: Metric) -> bool:
    before = meter.total(metric)
    return not filter_.parcel(event).data and meter.total(metric) == before + 1


def test_what_was_seen_within_the_window_is_dropped() -> None:
    filter_, meter = make(window=2)
    assert filter_.parcel(SourceEvent(tweet("1"))).data
    assert dropped(filter_, meter, SourceEvent(tweet("1")), DUPLICATES_DROPPED)
    for number in ("2", "3"):
        filter_.parcel(SourceEvent(tweet(number)))
    assert filter_.parcel(SourceEvent(tweet("1"))).data, "the window is bounded"


def test_a_tweet_that_no_stream_takes_is_rejected() -> None:
    filter_, meter = make()
    assert dropped(filter_, meter, SourceEvent(tweet("1", text="x" * MAX_RECORD_BYTES)), TWEETS_REJECTED)


def test_withdrawals_are_announced_once() -> None:
    filter_, meter = make("en")
    withdrawal = TweetWithdrawn(tweet_id="1", source="x", reason=Withdrawal.DELETED, withdrawn_at=WHEN)
    parcel = filter_.parcel(SourceEvent(withdrawal, checkpoint="c"))
    assert (parcel.key, parcel.announce, parcel.checkpoint) == ("1", "TweetWithdrawn", "c")
    assert parcel.data == b'{"tweet_id":"1","source":"x","reason":"deleted","withdrawn_at":"' + WHEN.encode() + b'"}'
    assert dropped(filter_, meter, SourceEvent(withdrawal), DUPLICATES_DROPPED)


def test_a_withdrawal_is_no_duplicate_of_its_tweet() -> None:
    filter_, _ = make()
    filter_.parcel(SourceEvent(tweet("1")))
    withdrawal = TweetWithdrawn(tweet_id="1", source="x", reason=Withdrawal.DELETED, withdrawn_at=WHEN)
    assert filter_.parcel(SourceEvent(withdrawal)).data


def test_an_author_is_withdrawn_by_an_event_of_its_own_kind() -> None:
    gone = AuthorWithdrawn(author_id="a1", source="bluesky", reason=Withdrawal.SUSPENDED, withdrawn_at=WHEN)
    parcel = make("en")[0].parcel(SourceEvent(gone))
    assert (parcel.key, parcel.announce) == ("a1", "AuthorWithdrawn")


def test_an_event_without_a_body_is_a_checkpoint() -> None:
    parcel = make()[0].parcel(SourceEvent(checkpoint="c"))
    assert (parcel.data, parcel.checkpoint) == (b"", "c")
