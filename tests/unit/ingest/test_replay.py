"""Replaying a file: identifiers, pace, going on, and files that are no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import SourceRefusedError
from ingest.events import SourceEvent
from ingest.metric_names import MALFORMED_MESSAGES
from ingest.sources.replay import Replay
from ingest.status import Status
from ingest.telemetry import Meter
from moderation.messages import TweetEvent
from tests.fakes.ingest import FakeTime, run


def play(
    path: Path, *, rate: float = 0, checkpoint: str | None = None, time: FakeTime | None = None
) -> tuple[list[SourceEvent], Meter]:
    meter = Meter("replay", "test")
    source = Replay(path, rate=rate, clock=time or FakeTime(), meter=meter, status=Status())

    async def scenario() -> list[SourceEvent]:
        return [event async for event in source.events(checkpoint)]

    return run(scenario()), meter


def texts(events: list[SourceEvent]) -> list[str]:
    return [event.body.tweet.tweet_text for event in events if isinstance(event.body, TweetEvent)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "day.csv"
    path.write_text('\ufefftweet_text,cyberbullying_type\n"one, with\na line end",age\ntwo,gender\nthree,religion\n')
    return path


def test_rows_of_a_table_become_tweets_with_lasting_identifiers(table: Path) -> None:
    events, _ = play(table)
    assert texts(events) == ["one, with\na line end", "two", "three"]
    identifiers = [event.body.tweet_id for event in events if isinstance(event.body, TweetEvent)]
    assert identifiers == ["day-1", "day-2", "day-3"]
    assert [event.checkpoint for event in events] == ["1", "2", "3"]


def test_the_true_class_is_not_sent(table: Path) -> None:
    assert "religion" not in repr(play(table)[0])


def test_replay_goes_on_after_the_checkpoint(table: Path) -> None:
    assert texts(play(table, checkpoint="2")[0]) == ["three"]


def test_the_rate_is_kept(table: Path) -> None:
    time = FakeTime()
    play(table, rate=2, time=time)
    assert time.slept == [0.5, 0.5]


def test_lines_of_events_are_replayed_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"tweet_id":"9","tweet":{"tweet_text":"hello"},"lang":"en"}\nnot json\n{"tweet_id":"8"}\n')
    events, meter = play(path)
    assert texts(events) == ["hello"]
    assert [event.checkpoint for event in events] == ["1", "2", "3"]
    assert meter.total(MALFORMED_MESSAGES) == 2


def test_identifiers_of_the_table_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tweet_id,tweet_text,lang\n77,hello,pt\n")
    ((event,), _) = play(path)
    assert isinstance(event.body, TweetEvent)
    assert (event.body.tweet_id, event.languages) == ("77", ("pt",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,label\nx,y\n", "has no column tweet_text; it has text, label"),
        ("a.csv", b"", "has no column tweet_text"),
        ("a.csv", b"tweet_text\n\xff\xfe\n", "not readable"),
        ("a.jsonl", b"\xff\xfe\n", "not readable"),
    ],
)
def test_a_file_that_is_no_good_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceRefusedError, match=message):
        play(path)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefusedError, match="cannot be read"):
        play(tmp_path / "gone.csv")
