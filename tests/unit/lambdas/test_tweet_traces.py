"""One trace follows a tweet through both functions, costs what was agreed on, and says nothing that it must not."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from lambdas.classify.service import ClassifyService
from lambdas.common.kinesis import KinesisEvent, decode_batch
from lambdas.common.parking import Parking
from lambdas.common.streams import StreamWriter
from lambdas.common.telemetry import tracer
from lambdas.common.tweet_traces import MOST_TRACED, Annotations, Segment, TweetTraces
from lambdas.warn.engine import Engine
from lambdas.warn.service import WarnService
from moderation.classifier import Classifier
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.labels import Label
from moderation.messages import TweetEvent, decode_classification_event, decode_tweet_event, encode
from moderation.tracing import Place, TraceContext, new_trace_id, node_name, read_header
from tests.fakes import records
from tests.fakes.artefact import HARMLESS_TEXT, insult, keyword_model
from tests.fakes.aws import FakeKinesis, FakeS3, as_client
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import noted_retry
from tests.fakes.warning import MemoryLedger, MemorySink
from tests.unit.lambdas.test_classify import FixedChampion

TRACE = TraceContext(new_trace_id(records.ARRIVED_AT, "1"))
SECRET = f"you are {insult(Label.AGE)}"


class Way:
    """Both functions, one after the other, and the segments that they send."""

    def __init__(self, share: float = 0.0, kinesis: FakeKinesis | None = None, ledger: MemoryLedger | None = None):
        meter, self.segments, self.kinesis = RecordingMeter(), list[Segment](), kinesis or FakeKinesis()
        send = self.segments.append
        self.classify = ClassifyService(
            FixedChampion(Classifier(keyword_model(), version="7")),
            StreamWriter(as_client(self.kinesis), "verdicts", noted_retry(attempts=1)),
            Parking(as_client(FakeS3()), "failed", "classify", meter),
            meter,
            TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY, share, send),
        )
        sinks = (MemorySink("notifications", [Effect.NOTIFY]), MemorySink("events", [Effect.ANNOUNCE_FLAGGED]))
        self.warn = WarnService(
            Engine(DEFAULT_POLICY, ledger or MemoryLedger(), sinks, meter),
            Parking(as_client(FakeS3()), "failed", "warn", meter),
            meter,
            TweetTraces("dev", Place.VERDICT_PUT, Place.WARN, send=send),
        )

    def take_tweets(self, event: KinesisEvent) -> int | None:
        return self.classify.run(decode_batch(event["Records"], decode_tweet_event))

    def take_verdicts(self) -> int | None:
        event = records.event([data for _, data in self.kinesis.records], arn=records.VERDICTS_ARN)
        return self.warn.run(decode_batch(event["Records"], decode_classification_event))

    def go(self, tweets: Sequence[TweetEvent]) -> list[Segment]:
        self.take_tweets(records.tweets_event(tweets))
        self.take_verdicts()
        return self.segments


def traced(
    identifier: str, context: TraceContext | str = TRACE, source: str = "test", text: str = SECRET
) -> TweetEvent:
    header = context if isinstance(context, str) else context.header()
    return msgspec.structs.replace(records.tweet(identifier, text, author="Ada"), trace=header, source=source)


def test_a_tweet_is_one_trace_from_put_to_warning() -> None:
    segments = Way().go([records.tweet("0"), traced("1"), records.tweet("2")])
    assert [segment.name for segment in segments] == [node_name("dev", place) for place in Place]
    assert {segment.trace_id for segment in segments} == {TRACE.trace_id}
    assert segments[0].parent_id is None
    for earlier, later in pairwise(segments):
        (handing_on,) = earlier.subsegments
        assert (handing_on.id, handing_on.name) == (later.parent_id, later.name)
    assert segments[-1].subsegments == ()
    assert segments[0].start_time == pytest.approx(records.ARRIVED_AT + 0.001)
    assert all(segment.start_time <= segment.end_time for segment in segments)
    assert {segment.annotations.tweet_id for segment in segments} == {"1"}
    said = segments[-1].annotations
    assert (said.classification, said.decision, said.version) == ("age", "flag", "7")


def test_a_trace_that_a_producer_has_begun_is_gone_on_with() -> None:
    (first, *_) = Way().go([traced("1", TraceContext(TRACE.trace_id, "53995c3f42cd8ad8"))])
    assert (first.trace_id, first.parent_id) == (TRACE.trace_id, "53995c3f42cd8ad8")


@pytest.mark.parametrize("header", ["Sampled=0", "nonsense", f"Root={TRACE.trace_id};Sampled=0", "x" * 1000])
def test_a_tweet_whose_header_asks_for_no_trace_has_a_verdict_and_no_segments(header: str) -> None:
    way = Way()
    assert way.go([traced("1", header)]) == []
    (verdict,) = (decode_classification_event(data) for _, data in way.kinesis.records)
    assert verdict.trace is None


def test_a_share_of_the_other_tweets_gets_a_trace_each() -> None:
    segments = Way(share=0.05).go([records.tweet(f"t{number}") for number in range(200)])
    traces = {segment.trace_id for segment in segments}
    assert 2 <= len(traces) <= MOST_TRACED
    assert len(segments) == len(Place) * len(traces)


def test_a_batch_that_is_delivered_again_tells_the_same_trace_again() -> None:
    way = Way(share=1.0)
    event = records.tweets_event([records.tweet("1")])
    for _ in range(2):
        way.take_tweets(event)
    assert len({segment.id for segment in way.segments}) == 2
    assert len({segment.trace_id for segment in way.segments}) == 1


def test_no_more_tweets_of_a_batch_are_traced_than_agreed_and_the_canary_always_is() -> None:
    tweets = [traced(str(number)) for number in range(150)] + [traced("canary-1", source="canary")]
    way = Way()
    way.take_tweets(records.tweets_event(tweets))
    named = {segment.annotations.tweet_id for segment in way.segments}
    assert len(named) == MOST_TRACED
    assert "canary-1" in named
    verdicts = [decode_classification_event(data) for _, data in way.kinesis.records]
    assert {verdict.prediction.tweet_id for verdict in verdicts if verdict.trace} == named


def test_a_tweet_that_is_to_be_retried_is_told_of_when_it_is_done() -> None:
    way = Way(kinesis=FakeKinesis(refuse=lambda call, position: call == 1 and position >= 1))
    event = records.tweets_event([traced("1"), traced("2")])
    assert way.take_tweets(event) == 1
    assert {segment.annotations.tweet_id for segment in way.segments} == {"1"}
    way.take_tweets({"Records": event["Records"][1:]})
    assert {segment.annotations.tweet_id for segment in way.segments} == {"1", "2"}


def test_a_verdict_whose_effects_are_to_be_retried_is_not_told_of() -> None:
    ledger = MemoryLedger()
    ledger.lose = {"2#default-1"}
    segments = Way(ledger=ledger).go([traced("1"), traced("2")])
    warned = [segment.annotations.tweet_id for segment in segments if segment.name.endswith(Place.WARN)]
    assert warned == ["1"]


def test_nothing_that_was_written_and_nobodys_name_is_in_a_segment() -> None:
    documents = "".join(segment.serialize() for segment in Way(share=1.0).go([traced("1"), records.tweet("2", SECRET)]))
    assert insult(Label.AGE) not in documents
    assert "Ada" not in documents
    assert set(Annotations.__struct_fields__) == {"tweet_id", "classification", "decision", "version", "invocation"}
    assert "metadata" not in documents


def test_segments_name_the_invocation_that_did_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
    segments = Way().go([traced("1")])
    assert segments[1].annotations.invocation == "1-5759e988-bd862e3fe1be46a994272793"


def test_a_daemon_that_is_not_there_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer, "disabled", False)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:9")
    batch = decode_batch(records.tweets_event([traced("1")])["Records"], decode_tweet_event)
    traces = TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY)
    verdicts = Classifier(keyword_model(), version="7").classify(batch.messages)
    for _ in range(3):  # the refusal of a datagram is only heard with the next one
        traces.tell(batch, traces.choose(batch), verdicts, taken_up=records.ARRIVED_AT, first_failed=None)


def test_the_daemon_gets_its_own_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer, "disabled", False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(2.0)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
        batch = decode_batch(records.tweets_event([traced("1", text=HARMLESS_TEXT)])["Records"], decode_tweet_event)
        traces = TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY)
        verdicts = Classifier(keyword_model(), version="7").classify(batch.messages)
        traces.tell(batch, traces.choose(batch), verdicts, taken_up=records.ARRIVED_AT + 1, first_failed=None)
        header, _, body = daemon.recv(65_536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    document: dict[str, Any] = json.loads(body)
    assert {"name", "id", "trace_id", "start_time", "end_time"} <= document.keys()


def test_with_tracing_switched_off_nothing_is_chosen() -> None:
    assert tracer.disabled
    batch = decode_batch(records.tweets_event([traced("1")])["Records"], decode_tweet_event)
    assert TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY, 1.0).choose(batch) == {}


def test_the_header_in_a_verdict_leads_to_the_classifiers_segment() -> None:
    way = Way()
    way.take_tweets(records.tweets_event([traced("1")]))
    (verdict,) = (decode_classification_event(data) for _, data in way.kinesis.records)
    assert read_header(verdict.trace) == TraceContext(TRACE.trace_id, way.segments[-1].subsegments[0].id)
    assert encode(verdict).count(b"Root=") == 1
