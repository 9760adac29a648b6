"""The classify function, from the event to the answer, without the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lambdas.classify.service import ClassifyService
from lambdas.common.kinesis import BatchResponse, KinesisEvent, decode_batch, respond
from lambdas.common.metric_names import (
    CHAMPION_MISSING,
    LATENCY,
    RECORDS_PARKED,
    RECORDS_RECEIVED,
    SCORING_TIME,
    TWEETS_CLASSIFIED,
    TWEETS_FLAGGED,
    TWEETS_PASSED,
    TWEETS_REFERRED,
    VERDICTS_FAILED,
    VERDICTS_RETRIED,
)
from lambdas.common.parking import Parking
from lambdas.common.streams import StreamWriter
from lambdas.common.tweet_traces import TweetTraces
from moderation.classifier import Classifier
from moderation.errors import NoChampionError
from moderation.labels import Label
from moderation.messages import Decision, decode_classification_event, decode_tweet_event, encode
from moderation.tracing import Place
from tests.fakes import records
from tests.fakes.artefact import DOUBTFUL, HARMLESS_TEXT, insult, keyword_model
from tests.fakes.aws import FakeKinesis, FakeS3, as_client, client_error
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import noted_retry


class FixedChampion:
    def __init__(self, classifier: Classifier | None) -> None:
        self.classifier = classifier

    @property
    def version(self) -> str | None:
        return self.classifier.version if self.classifier else None

    def current(self) -> Classifier:
        if self.classifier is None:
            raise NoChampionError("none yet")
        return self.classifier


@dataclass
class World:
    kinesis: FakeKinesis = field(default_factory=FakeKinesis)
    s3: FakeS3 = field(default_factory=FakeS3)
    meter: RecordingMeter = field(default_factory=RecordingMeter)
    champion: FixedChampion = field(default_factory=lambda: FixedChampion(Classifier(keyword_model(), version="7")))

    @property
    def service(self) -> ClassifyService:
        return ClassifyService(
            self.champion,
            StreamWriter(as_client(self.kinesis), "verdicts", noted_retry(attempts=3)),
            Parking(as_client(self.s3), "failed", "classify", self.meter),
            self.meter,
            TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY),
        )

    def handle(self, event: KinesisEvent) -> BatchResponse:
        return respond(event["Records"], self.service.run(decode_batch(event["Records"], decode_tweet_event)))


def tweets(number: int, text: Callable[[int], str] = lambda _: HARMLESS_TEXT) -> list[bytes]:
    return [encode(records.tweet(str(position), text(position))) for position in range(number)]


def failure_at(position: int) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": records.sequence(position)}]}


NO_FAILURE: BatchResponse = {"batchItemFailures": []}


def test_each_tweet_gets_its_verdict() -> None:
    world = World()
    texts = [HARMLESS_TEXT, f"you {insult(Label.AGE)}", f"perhaps {DOUBTFUL}"]
    assert world.handle(records.event(tweets(3, texts.__getitem__))) == NO_FAILURE
    verdicts = [decode_classification_event(data) for _, data in world.kinesis.records]
    assert [key for key, _ in world.kinesis.records] == ["0", "1", "2"]
    assert [verdict.prediction.tweet_id for verdict in verdicts] == ["0", "1", "2"]
    assert [verdict.prediction.decision for verdict in verdicts] == [Decision.PASS, Decision.FLAG, Decision.REFER]
    assert verdicts[1].prediction.classification is Label.AGE
    assert verdicts[1].prediction.reasons[0].text == insult(Label.AGE)
    assert {verdict.version for verdict in verdicts} == {"7"}
    for metric in (TWEETS_PASSED, TWEETS_FLAGGED, TWEETS_REFERRED):
        assert world.meter.total(metric) == 1
    assert world.meter.total(TWEETS_CLASSIFIED) == world.meter.total(RECORDS_RECEIVED) == 3
    assert len(world.meter.values[SCORING_TIME.name]) == 1, "one scoring call for the batch"
    assert len(world.meter.values[LATENCY.name]) == 3


def test_a_bad_record_is_set_aside_and_the_others_classified() -> None:
    world = World()
    good = tweets(2)
    assert world.handle(records.event([good[0], b"nope", good[1]])) == NO_FAILURE
    assert [key for key, _ in world.kinesis.records] == ["0", "1"]
    assert world.meter.total(RECORDS_PARKED) == 1
    assert len(world.s3.keys("failed")) == 1


def test_a_batch_of_nothing_but_bad_records_needs_no_champion() -> None:
    world = World(champion=FixedChampion(None))
    assert world.handle(records.event([b"nope", b"nope"])) == NO_FAILURE
    assert world.kinesis.calls == []
    assert world.meter.total(RECORDS_PARKED) == 2


def test_an_empty_batch_is_no_failure() -> None:
    assert World().handle({"Records": []}) == NO_FAILURE


def test_without_a_champion_the_whole_batch_is_retried_and_nothing_is_set_aside() -> None:
    world = World(champion=FixedChampion(None))
    with pytest.raises(NoChampionError):
        world.handle(records.event([*tweets(2), b"nope"]))
    assert world.s3.calls == []
    assert world.meter.total(CHAMPION_MISSING) == 1


def test_starting_without_a_champion_is_survived() -> None:
    World(champion=FixedChampion(None)).service.prepare()


def test_throttled_verdicts_are_put_again() -> None:
    world = World(kinesis=FakeKinesis(refuse=lambda call, position: call == 1 and position == 2))
    assert world.handle(records.event(tweets(4))) == NO_FAILURE
    assert sorted(key for key, _ in world.kinesis.records) == ["0", "1", "2", "3"]
    assert world.meter.total(VERDICTS_RETRIED) == 1
    assert world.meter.total(VERDICTS_FAILED) == 0


def test_verdicts_that_stay_throttled_are_retried_by_the_mapping_from_the_first() -> None:
    def refuse(call: int, position: int) -> bool:
        return position == 2 if call == 1 else True

    world = World(kinesis=FakeKinesis(refuse=refuse))
    good = tweets(4)
    assert world.handle(records.event([good[0], b"nope", good[1], good[2], b"nope", good[3]])) == failure_at(3)
    assert world.meter.total(TWEETS_CLASSIFIED) == 3
    assert world.meter.total(VERDICTS_FAILED) == 1
    assert world.meter.total(RECORDS_PARKED) == 1, "the bad record after it comes again"


def test_a_stream_that_refuses_everything_fails_the_batch_from_its_start() -> None:
    world = World(kinesis=FakeKinesis(faults=[client_error("ResourceNotFoundException")]))
    assert world.handle(records.event(tweets(3))) == failure_at(0)


def test_a_bad_record_that_cannot_be_kept_is_retried() -> None:
    world = World(s3=FakeS3(faults=[client_error("SlowDown")]))
    good = tweets(2)
    assert world.handle(records.event([good[0], b"nope", good[1]])) == failure_at(1)
    assert world.meter.total(TWEETS_CLASSIFIED) == 2


def test_more_tweets_than_one_call_takes() -> None:
    world = World()
    assert world.handle(records.event(tweets(1100))) == NO_FAILURE
    assert world.kinesis.sizes == [500, 500, 100]
