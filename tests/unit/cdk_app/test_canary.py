"""The canary: what it follows, what kills it, and that it leaves nothing behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cdk_app import canary
from cdk_app.canary import MARK, TEXT, Canary, CanaryError, Clients, NotPassedError, Patience, make_clients
from cdk_app.stages import stage_config
from moderation.champion import ChampionPointer, write_pointer
from moderation.labels import HARMLESS, LABELS, Label
from moderation.messages import (
    ClassificationEvent,
    Decision,
    Prediction,
    TweetEvent,
    decode_tweet_event,
    encode,
    timestamp,
)
from tests.fakes.aws import client_error
from tests.fakes.time import FakeClock

STAGE = stage_config("dev")
POINTER = write_pointer(ChampionPointer(version="7", location="s3://b/models/7", sha256="0" * 64))
HALF = 2**127
LAST = 2**128 - 1

Answer = Callable[[TweetEvent], bytes]


def verdict(event: TweetEvent, decision: Decision = Decision.PASS, label: Label = HARMLESS, **changes: Any) -> bytes:
    prediction = Prediction(
        tweet_id=event.tweet_id,
        classification=label,
        confidence=0.9,
        scores=dict.fromkeys(LABELS, 1 / 6),
        decision=decision,
    )
    return encode(
        ClassificationEvent(
            schema_version=1,
            model="cyberbullying",
            version="7",
            prediction=prediction,
            classified_at=timestamp(),
            **{"source": event.source, **changes},
        )
    )


@dataclass
class FakeStage:
    """A deployed stage, as far as a canary sees it: two streams, the functions between them, metrics and a ledger.

    Attributes:
        answer: what classify writes of a tweet; None for a stage that writes nothing.
        rounds: how many reads find nothing before the verdict is there.
        counted: the functions whose metrics arrive.
        acts: whether warn writes the canary into the ledger.
        shards: of the verdicts' stream: first and last hash key, and whether it is open.
        splits: whether the shard that is read closes at once.
    """

    champion: str = POINTER
    answer: Answer | None = verdict
    rounds: int = 2
    counted: tuple[str, ...] = ("classify", "warn")
    acts: bool = False
    shards: tuple[tuple[int, int, bool], ...] = ((0, LAST, False), (0, HALF - 1, True), (HALF, LAST, True))
    splits: bool = False
    faults: dict[str, Exception] = field(default_factory=dict)
    events: list[TweetEvent] = field(default_factory=list)
    ledger: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)
    iterators: int = 0
    since: datetime | None = None
    asked: set[tuple[str, str, str]] = field(default_factory=set)

    def _called(self, name: str) -> None:
        if name in self.faults:
            raise self.faults[name]

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803
        self._called("get_parameter")
        assert Name == "/cyberbullying/dev/model/champion"
        return {"Parameter": {"Value": self.champion}}

    def put_record(self, *, StreamName: str, PartitionKey: str, Data: bytes) -> None:  # noqa: N803
        self._called("put_record")
        assert StreamName == "cyberbullying_dev_tweet_events"
        event = decode_tweet_event(Data)
        assert event.tweet_id == PartitionKey
        self.events.append(event)
        if self.acts:
            self.ledger.add(f"{event.tweet_id}#default-1")

    def get_paginator(self, operation: str) -> FakeStage:
        assert operation == "list_shards"
        return self

    def paginate(self, *, StreamName: str) -> Iterable[Any]:  # noqa: N803
        assert StreamName == "cyberbullying_dev_tweet_classification"
        for number, (first, last, is_open) in enumerate(self.shards):
            numbers = {"StartingSequenceNumber": "1"} | ({} if is_open else {"EndingSequenceNumber": "9"})
            keys = {"StartingHashKey": str(first), "EndingHashKey": str(last)}
            yield {"Shards": [{"ShardId": str(number), "HashKeyRange": keys, "SequenceNumberRange": numbers}]}

    def get_shard_iterator(self, **request: Any) -> Any:
        assert request["StreamName"] == "cyberbullying_dev_tweet_classification"
        assert request["ShardIteratorType"] == "AT_TIMESTAMP"
        self.since = request["Timestamp"]
        self.iterators += 1
        return {"ShardIterator": request["ShardId"]}

    def get_records(self, *, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        self._called("get_records")
        assert Limit <= 10_000
        self.read.append(ShardIterator)
        other = TweetEvent(tweet_id="1801", tweet=self.events[0].tweet, source="x")
        records = [{"PartitionKey": "1801", "Data": verdict(other)}] if len(self.read) == 1 else []
        if self.answer is not None and len(self.read) > self.rounds:
            records.append({"PartitionKey": self.events[0].tweet_id, "Data": self.answer(self.events[0])})
        if self.splits and len(self.read) == 1:
            return {"Records": records}
        return {"Records": records, "NextShardIterator": ShardIterator}

    def get_metric_statistics(self, **request: Any) -> Any:
        self._called("get_metric_statistics")
        dimensions = {item["Name"]: item["Value"] for item in request["Dimensions"]}
        self.asked.add((dimensions["service"], dimensions["stage"], request["MetricName"]))
        assert request["StartTime"] < request["EndTime"]
        return {"Datapoints": [{"Sum": 1.0}] if dimensions["service"] in self.counted else [{"Sum": 0.0}]}

    def delete_item(self, *, TableName: str, Key: Any, ReturnValues: str) -> Any:  # noqa: N803
        self._called("delete_item")
        assert (TableName, ReturnValues) == ("cyberbullying_dev_warnings", "ALL_OLD")
        key = Key["pk"]["S"]
        if key not in self.ledger:
            return {}
        self.ledger.remove(key)
        return {"Attributes": {"pk": {"S": key}}}


def fly(stage: FakeStage, said: list[str] | None = None) -> canary.Sighting:
    clock = FakeClock()
    patience = Patience(verdict=10.0, metrics=20.0, poll=1.0, clock=clock, sleep=clock.advance)
    everything: Any = stage
    clients = Clients(everything, everything, everything, everything)
    return Canary(STAGE, clients, patience, say=(said if said is not None else []).append).fly()


def test_a_canary_that_lives_is_marked_harmless_and_without_an_author() -> None:
    stage, said = FakeStage(), list[str]()
    sighting = fly(stage, said)
    (event,) = stage.events
    assert event.tweet_id.startswith(f"{MARK}-")
    assert (event.source, event.author_id, event.tweet.tweet_text) == (MARK, None, TEXT)
    assert sighting.tweet_id == event.tweet_id
    assert sighting.verdict.version == "7"
    assert 0 < sighting.verdict_seconds <= sighting.metrics_seconds
    assert any("pass (not_cyberbullying, 0.90) by version 7" in line for line in said)


def test_no_two_canaries_are_the_same() -> None:
    stage = FakeStage()
    fly(stage)
    other = FakeStage()
    fly(other)
    assert stage.events[0].tweet_id != other.events[0].tweet_id


def test_only_the_open_shard_of_its_hash_key_is_read() -> None:
    stage = FakeStage()
    fly(stage)
    upper = int(hashlib.md5(stage.events[0].tweet_id.encode()).hexdigest(), 16) >= HALF  # noqa: S324 - as Kinesis does
    assert set(stage.read) == {"2" if upper else "1"}


def test_reading_begins_before_the_tweet_was_put() -> None:
    stage = FakeStage()
    fly(stage)
    assert stage.since is not None
    assert timestamp(stage.since) < str(stage.events[0].created_at)


def test_a_shard_that_is_split_meanwhile_is_looked_up_again() -> None:
    stage = FakeStage(splits=True)
    fly(stage)
    assert stage.iterators == 2


def test_a_stream_without_a_shard_for_it_is_told() -> None:
    with pytest.raises(CanaryError, match="no open shard"):
        fly(FakeStage(shards=((0, LAST, False),)))


def test_both_functions_are_asked_for_their_metrics() -> None:
    stage = FakeStage()
    fly(stage)
    assert stage.asked == {("classify", "dev", "TweetsPassed"), ("warn", "dev", "RecordsReceived")}


@pytest.mark.parametrize(("value", "match"), [("none", "no model has been promoted"), ("{", "not readable")])
def test_without_a_champion_nothing_is_sent(value: str, match: str) -> None:
    stage = FakeStage(champion=value)
    with pytest.raises(CanaryError, match=match):
        fly(stage)
    assert stage.events == []


def test_a_verdict_that_does_not_come_says_where_to_look() -> None:
    with pytest.raises(CanaryError, match=r"no verdict within 10 s.*cyberbullying_dev_classify"):
        fly(FakeStage(answer=None))


def test_a_verdict_that_is_not_to_the_contract_is_told() -> None:
    with pytest.raises(CanaryError, match="not to the contract"):
        fly(FakeStage(answer=lambda _event: b'{"schema_version": 1}'))


def test_a_verdict_of_another_source_is_told() -> None:
    with pytest.raises(CanaryError, match="names another source"):
        fly(FakeStage(answer=lambda event: verdict(event, source="x")))


@pytest.mark.parametrize(("decision", "metric"), [(Decision.FLAG, "TweetsFlagged"), (Decision.REFER, "TweetsReferred")])
def test_a_harmless_tweet_that_is_not_let_pass_is_told_and_forgotten(decision: Decision, metric: str) -> None:
    stage = FakeStage(answer=lambda event: verdict(event, decision, Label.AGE), acts=True)
    with pytest.raises(NotPassedError, match=rf"{decision} \(age, 0.90\) by version 7.*--rollback"):
        fly(stage)
    assert stage.ledger == set()
    assert ("classify", "dev", metric) in stage.asked


def test_acting_on_a_tweet_that_passes_is_told_and_forgotten() -> None:
    stage = FakeStage(acts=True)
    with pytest.raises(CanaryError, match="cyberbullying_dev_warn acted on a tweet that was let pass"):
        fly(stage)
    assert stage.ledger == set()


@pytest.mark.parametrize(
    ("counted", "match"),
    [
        (("warn",), "no TweetsPassed of classify within 20 s"),
        (("classify",), "no RecordsReceived of warn within"),
        ((), "no RecordsReceived of warn and TweetsPassed of classify within"),
    ],
)
def test_metrics_that_do_not_come_are_named(counted: tuple[str, ...], match: str) -> None:
    stage = FakeStage(counted=counted, acts=True)
    with pytest.raises(CanaryError, match=match):
        fly(stage)
    assert stage.ledger == set(), "what is left of it must be cleaned up however it ends"


def test_a_failing_clean_up_does_not_hide_what_went_wrong() -> None:
    faults: dict[str, Exception] = {"delete_item": client_error("AccessDeniedException")}
    with pytest.raises(CanaryError, match="no verdict"):
        fly(FakeStage(answer=None, faults=faults))


def test_a_clean_up_that_is_refused_after_a_good_flight_is_told() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        fly(FakeStage(faults={"delete_item": client_error("AccessDeniedException")}))


def run(monkeypatch: pytest.MonkeyPatch, stage: FakeStage, *arguments: str) -> int:
    everything: Any = stage
    monkeypatch.setattr(canary, "make_clients", lambda _stage: Clients(everything, everything, everything, everything))
    return canary.main(["--stage", "dev", *arguments])


def test_the_command_line_tells_a_living_canary(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, FakeStage(rounds=0)) == 0
    assert "it had no effects" in capsys.readouterr().out


def test_the_command_line_tells_a_dead_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, FakeStage(answer=None), "--verdict-seconds", "0") == 1
    assert "canary: no verdict within 0 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (client_error("ResourceNotFoundException"), "is the streaming stack deployed?"),
        (client_error("AccessDeniedException"), "the delivery stack's deploy role may"),
        (client_error("SomethingNew"), "SomethingNew"),
        (NoCredentialsError(), "no credentials: sign in first"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), "cannot be reached"),
    ],
)
def test_what_keeps_it_from_being_sent_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception, says: str
) -> None:
    assert run(monkeypatch, FakeStage(faults={"put_record": fault})) == 2
    assert says in capsys.readouterr().err


def test_an_unknown_stage_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as stopped:
        canary.main(["--stage", "nowhere"])
    assert stopped.value.code == 2


def test_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        canary.main(["--help"])
    assert "1 the stage did something wrong" in " ".join(capsys.readouterr().out.split())


def test_the_local_stage_needs_to_be_told_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(CanaryError, match="AWS_ENDPOINT_URL"):
        make_clients(stage_config("local"))


def test_the_local_stage_never_sees_a_person_s_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-person-s")
    clients = make_clients(stage_config("local"))
    assert clients.kinesis.meta.endpoint_url == "http://127.0.0.1:1"
    signer: Any = clients.kinesis._request_signer  # type: ignore[attr-defined]
    assert signer._credentials.access_key == "local"
