"""The way of a tweet through the deployed stage: what goes well, and everything that can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from typing import Any

import pytest

from benchmarks.measures import end_to_end
from local import aws, paths
from local.poller.checkpoints import Checkpoints
from local.poller.destination import BucketDestination
from local.poller.records import Record, event_of
from local.poller.runner import MappingPoller
from local.replay import Outgoing
from moderation.labels import Label
from moderation.messages import Decision
from tests.fakes.artefact import DOUBTFUL, HARMLESS_TEXT, insult
from tests.integration.conftest import FLAGGED_TEXT, Stage
from tests.integration.faults import ThrottlingDoor
from tests.waiting import wait_for


def test_a_tweet_gets_its_verdict_and_its_author_a_warning(stage: Stage) -> None:
    flagged, referred, passed = stage.send(FLAGGED_TEXT, DOUBTFUL, HARMLESS_TEXT)
    verdicts = {verdict.prediction.tweet_id: verdict for verdict in stage.await_verdicts([flagged, referred, passed])}
    assert verdicts[flagged].prediction.classification is Label.RELIGION
    assert verdicts[flagged].prediction.decision is Decision.FLAG
    assert verdicts[flagged].version == "1"
    assert verdicts[referred].prediction.decision is Decision.REFER
    assert verdicts[passed].prediction.decision is Decision.PASS
    wait_for(lambda: len(stage.entries([flagged, referred])) == 2, "the entries of both")
    status = {item["tweet_id"]["S"]: item["status"]["S"] for item in stage.entries([flagged, referred, passed])}
    assert status == {flagged: "issued", referred: "referred"}


def test_poison_is_set_aside_with_its_reason_and_its_neighbours_are_classified(stage: Stage) -> None:
    before = Counter(item["reason"] for item in stage.set_aside("classify/"))
    stage.put(
        "tweet_events", [Outgoing("p", b"not JSON"), Outgoing("p", b'{"tweet_id":"e","tweet":{"tweet_text":" "}}')]
    )
    neighbours = stage.send(FLAGGED_TEXT, HARMLESS_TEXT)
    stage.put("tweet_events", [Outgoing("p", b'{"tweet_id": "x"}')])
    stage.await_verdicts(neighbours)
    wanted = Counter({"not_json": 1, "empty_text": 1, "not_to_contract": 1})
    wait_for(
        lambda: Counter(item["reason"] for item in stage.set_aside("classify/")) - before == wanted,
        "three records with their reasons",
    )
    assert any(item["data"] == "bm90IEpTT04=" for item in stage.set_aside("classify/"))


def test_tweets_that_no_model_could_classify_are_given_up_whole_and_can_be_put_back(stage: Stage) -> None:
    """The whole batch fails: retried, split, retried, and then kept in Lambda's format; redrive returns them."""
    stage.point_to()
    stage.local.host.forget()  # no environment remembers the model of another test
    ids = stage.send(*[FLAGGED_TEXT] * 3, key="later")

    def given_up() -> list[dict[str, Any]]:
        return [item for item in stage.set_aside("aws/lambda/") if "later-" in item["payload"]]

    wait_for(lambda: len(given_up()) == 3, "three records to be given up")
    assert {item["requestContext"]["condition"] for item in given_up()} == {"RetryAttemptsExhausted"}
    assert not stage.verdicts().keys() & set(ids)

    stage.promote("1")
    command = [sys.executable, "-m", "lambdas.redrive", "--bucket", stage.local.bucket("failed-records")]
    command += ["--prefix", "aws/lambda/", "--stream", stage.local.config.physical("tweet_events")]
    environment = {**os.environ, **aws.environment(stage.local.endpoint)}
    subprocess.run(command, cwd=paths.ROOT, env=environment, check=True, capture_output=True)
    assert {verdict.version for verdict in stage.await_verdicts(ids)} == {"1"}
    assert given_up() == []


def test_a_verdict_that_is_delivered_twice_warns_once(stage: Stage) -> None:
    (tweet,) = stage.send(FLAGGED_TEXT)
    (verdict,) = stage.await_verdicts([tweet])
    wait_for(stage.at_rest, "the entry")
    assert len(stage.entries([tweet])) == 1
    quota = _issued(stage)
    event = json.dumps({"Records": [_delivered_again(stage, tweet)]})
    name = stage.local.config.physical("warn")
    for _ in range(3):
        answer = stage.clients["lambda"].invoke(FunctionName=name, Qualifier="live", Payload=event)
        assert "FunctionError" not in answer
        assert json.load(answer["Payload"]) == {"batchItemFailures": []}
    assert len(stage.entries([tweet])) == 1
    assert _issued(stage) == quota
    assert verdict.prediction.decision is Decision.FLAG


def test_a_poller_that_starts_again_goes_on_from_its_checkpoint(stage: Stage) -> None:
    first = stage.local.poller("classify")
    first.stop()
    ids = stage.send(*[HARMLESS_TEXT] * 20, key="restart")
    checkpoints = Checkpoints(stage.local.supervisor.folder / "checkpoints.json")
    again = MappingPoller(
        first.mapping,
        kinesis=stage.clients["kinesis"],
        invoker=stage.local.host,
        destination=BucketDestination(stage.clients["s3"]),
        checkpoints=checkpoints,
    )
    again.start()
    stage.local.pollers[stage.local.pollers.index(first)] = again
    stage.await_verdicts(ids)
    wait_for(stage.at_rest, "the stage to come to rest")
    assert again.counts.records == 20
    assert _deliveries(stage, ids) == {1}


def test_a_throttled_stream_loses_nothing_and_gets_nothing_twice(stage: Stage) -> None:
    with ThrottlingDoor(stage.local.endpoint, calls=3) as door:
        stage.configure("classify", AWS_ENDPOINT_URL_KINESIS=door.address)
        try:
            ids = stage.send(*[HARMLESS_TEXT] * 300, key="throttled")
            stage.await_verdicts(ids)
            # A function that is replaced while it works answers no more, and its batch comes again.
            wait_for(stage.at_rest, "the last batch to be answered")
        finally:
            stage.configure("classify", AWS_ENDPOINT_URL_KINESIS=stage.local.endpoint)
    assert door.refused > 0
    assert _deliveries(stage, ids) == {1}


def test_a_champion_is_swapped_under_load(stage: Stage) -> None:
    """No tweet is lost, none gets two verdicts, and after the swap all are the new champion's."""
    ids: list[str] = []
    stopping = threading.Event()

    def load() -> None:
        while not stopping.wait(0.1):
            ids.extend(stage.send(*[HARMLESS_TEXT] * 20, key="load"))

    sender = threading.Thread(target=load)
    sender.start()
    try:
        wait_for(lambda: bool(_versions(stage, ids)), "the first verdicts")
        stage.promote("2")
        wait_for(lambda: "2" in _versions(stage, ids), "verdicts of the new champion")
    finally:
        stopping.set()
        sender.join()
    stage.await_verdicts(ids)
    wait_for(stage.at_rest, "the stage to come to rest")
    assert _versions(stage, ids) == {"1", "2"}
    assert _deliveries(stage, ids) == {1}
    stage.outlast_refresh()
    last = stage.send(*[HARMLESS_TEXT] * 50)
    stage.await_verdicts(last)
    assert _versions(stage, last) == {"2"}


def test_a_corrupted_artefact_leaves_the_old_champion_serving(stage: Stage) -> None:
    stage.await_verdicts(stage.send(*[HARMLESS_TEXT] * 50))
    rejected = stage.metric("ChampionRejected")
    stage.promote("corrupted", spoil=lambda data: data[: len(data) // 2])
    stage.outlast_refresh()
    verdicts = stage.await_verdicts(stage.send(*[FLAGGED_TEXT] * 50))
    assert "corrupted" not in {verdict.version for verdict in verdicts}
    wait_for(lambda: stage.metric("ChampionRejected") > rejected, "the metric that an alarm watches")


def test_a_warner_that_is_killed_half_way_warns_everybody_once(stage: Stage) -> None:
    ids = [f"killed-{number}" for number in range(400)]
    quota, killed = _issued(stage), []
    watching = threading.Event()

    def kill_at_the_first_entry() -> None:
        while not watching.is_set():
            if stage.entries(ids):
                for environment in stage.local.host.environments(stage.arn("warn")):
                    os.kill(environment.pid, signal.SIGKILL)
                    killed.append(environment.pid)
                return

    killer = threading.Thread(target=kill_at_the_first_entry)
    killer.start()
    texts = [insult(Label.GENDER)] * len(ids)
    tweets = [Outgoing(tweet, _tweet(tweet, text)) for tweet, text in zip(ids, texts, strict=True)]
    stage.put("tweet_events", tweets)
    try:
        wait_for(lambda: len(stage.entries(ids)) == len(ids), "an entry for everybody")
        wait_for(lambda: all(_done(item) for item in stage.entries(ids)), "every sink to be done with")
    finally:
        watching.set()
        killer.join()
    assert killed
    wait_for(stage.at_rest, "the stage to come to rest")
    assert {item["status"]["S"] for item in stage.entries(ids)} == {"issued"}
    assert _issued(stage) - quota == len(ids)


def test_metrics_and_logs_of_functions_reach_cloudwatch(stage: Stage) -> None:
    before = stage.metric("TweetsClassified")
    stage.await_verdicts(stage.send(*[HARMLESS_TEXT] * 7))
    wait_for(lambda: stage.metric("TweetsClassified") >= before + 7, "the metric")
    group = f"/aws/lambda/{stage.local.config.physical('classify')}"
    streams = stage.clients["logs"].describe_log_streams(logGroupName=group)["logStreams"]
    assert streams
    log = stage.logs / f"{stage.local.config.physical('classify')}.log"
    wait_for(lambda: "REPORT RequestId" in log.read_text(), "the end of an invocation")
    assert HARMLESS_TEXT not in log.read_text()


def _tweet(tweet_id: str, text: str) -> bytes:
    return json.dumps({"tweet_id": tweet_id, "tweet": {"tweet_text": text}, "author_id": f"a-{tweet_id}"}).encode()


def _versions(stage: Stage, ids: list[str]) -> set[str]:
    verdicts = stage.verdicts()
    return {verdict.version for tweet in list(ids) for verdict in verdicts.get(tweet, [])}


def _deliveries(stage: Stage, ids: list[str]) -> set[int]:
    verdicts = stage.verdicts()
    return {len(verdicts[tweet]) for tweet in ids}


def test_the_benchmark_waits_for_every_verdict(stage: Stage) -> None:
    texts = [f"{HARMLESS_TEXT} number {number}" for number in range(50)]
    measured = end_to_end.put_and_wait(stage.local, texts, f"bench-{uuid.uuid4().hex[:8]}")
    assert measured["tweets_per_second"] > 0
    assert 0 <= measured["p99_seconds"] < end_to_end.PATIENCE_SECONDS
    stage.point_to()
    stage.local.host.forget()
    with pytest.raises(end_to_end.NoVerdictError, match="1 verdicts did not arrive"):
        end_to_end.put_and_wait(stage.local, texts[:1], f"bench-{uuid.uuid4().hex[:8]}", patience=1.0)


def _issued(stage: Stage) -> int:
    counts = [item for key, item in stage.ledger().items() if key.startswith("quota#")]
    return sum(int(item["issued"]["N"]) for item in counts)


def _done(item: dict[str, Any]) -> bool:
    return {"notify", "announce_flagged"} <= set(item.get("done", {}).get("SS", []))


def _delivered_again(stage: Stage, tweet: str) -> dict[str, Any]:
    """The record of a verdict, as the mapping delivers it."""
    kinesis, stream = stage.clients["kinesis"], stage.local.config.physical("tweet_classification")
    mapping = stage.local.poller("warn").mapping
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]:
            if record["PartitionKey"] == tweet:
                again = Record(
                    record["SequenceNumber"],
                    tweet,
                    record["Data"],
                    record["ApproximateArrivalTimestamp"].timestamp(),
                )
                event: dict[str, Any] = json.loads(event_of(mapping, shard["ShardId"], [again]))
                return dict(event["Records"][0])
    raise AssertionError("the verdict is not in its stream")
