"""One trace follows a tweet through the deployed stage, from being put to its warning."""

from __future__ import annotations

import io
import json
import time
from itertools import pairwise

import pytest
from rich.console import Console

from local import paths, traces
from local.lambda_host.xray import FILE
from local.replay import Outgoing
from local.traces import Way, read_ways
from moderation.messages import Tweet, TweetEvent, encode
from moderation.tracing import Place, TraceContext, new_trace_id, node_name
from tests.integration.conftest import FLAGGED_TEXT, Stage
from tests.waiting import wait_for

PLACES = [place.value for place in Place]
AUTHOR = "somebody of that name"
"""With blanks: AWS's own identifiers, which segments do hold, are random letters and digits."""


def ways_of(stage: Stage, tweet: str) -> list[Way]:
    return [way for way in read_ways(stage.logs / FILE) if way.tweet_id == tweet]


def test_a_tweet_put_with_a_trace_ends_as_one_trace(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    tweet, begun = f"traced-{time.time_ns()}", time.time()
    trace = TraceContext(new_trace_id(time.time(), tweet))
    event = TweetEvent(tweet, Tweet(FLAGGED_TEXT), author_id=AUTHOR, source="test", trace=trace.header())
    stage.put("tweet_events", [Outgoing(tweet, encode(event))])
    wait_for(lambda: any(len(way.segments) == len(PLACES) for way in ways_of(stage, tweet)), "four segments")
    (way,) = ways_of(stage, tweet)
    assert way.trace_id == trace.trace_id
    assert way.places() == PLACES
    segments = {segment["name"]: segment for segment in way.segments.values()}
    names = [node_name("local", place) for place in Place]
    assert "parent_id" not in segments[names[0]]
    for earlier, later in pairwise(names):
        assert segments[later]["parent_id"] == segments[earlier]["subsegments"][0]["id"]
        assert segments[later]["start_time"] >= segments[earlier]["start_time"]
    assert segments[names[-1]]["annotations"]["decision"] == "flag"
    assert 0 < way.seconds < time.time() - begun

    written = (stage.logs / FILE).read_text()
    assert FLAGGED_TEXT not in written
    assert AUTHOR not in written

    invocation = segments[names[1]]["annotations"]["invocation"]
    assert invocation.startswith("1-")
    monkeypatch.setattr(paths, "LOGS", stage.logs)
    said = io.StringIO()
    assert traces.run(Console(file=said, width=200), tweet) == 0
    assert [place for line in said.getvalue().splitlines() for place in PLACES if place in line] == PLACES
    assert trace.trace_id in said.getvalue()


def test_invocations_are_traced_as_lambda_traces_them(stage: Stage) -> None:
    stage.await_verdicts(stage.send(FLAGGED_TEXT))

    def named() -> set[str]:
        lines = (stage.logs / FILE).read_text().splitlines()
        return {json.loads(line)["name"] for line in lines}

    wait_for(
        lambda: {"## lambdas.classify.handler.handler", "## handler"} & named() != set(), "an invocation's segment"
    )


def test_a_tweet_without_a_trace_is_traced_by_share_alone(stage: Stage) -> None:
    stage.configure("classify", TRACE_SHARE="1.0")
    try:
        (tweet,) = stage.send(FLAGGED_TEXT, key="shared")
        wait_for(lambda: any(len(way.segments) == len(PLACES) for way in ways_of(stage, tweet)), "four segments")
    finally:
        stage.configure("classify", TRACE_SHARE="0")
    (other,) = stage.send(FLAGGED_TEXT, key="unshared")
    stage.await_verdicts([other])
    wait_for(stage.at_rest, "the stage to come to rest")
    assert ways_of(stage, other) == []
