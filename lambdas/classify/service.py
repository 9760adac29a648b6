"""Classify a batch: one scoring call, verdicts out, bad records aside, and the first record to be retried."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from lambdas.common.champion import Classifier
from lambdas.common.delivery import Delivery
from lambdas.common.kinesis import Batch, sample_latencies
from lambdas.common.metric_names import (
    CHAMPION_MISSING,
    LATENCY,
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
from lambdas.common.streams import Outgoing
from lambdas.common.telemetry import Meter, logger, tracer
from lambdas.common.tweet_traces import TweetTraces
from moderation.errors import NoChampionError
from moderation.messages import ClassificationEvent, Decision, TweetEvent, encode

_DECISION_METRICS = {
    Decision.FLAG: TWEETS_FLAGGED,
    Decision.REFER: TWEETS_REFERRED,
    Decision.PASS: TWEETS_PASSED,
}


class Champion(Protocol):
    """Knows the model that serves."""

    @property
    def version(self) -> str | None:
        """Its version."""

    def current(self) -> Classifier:
        """The champion. Raises NoChampionError."""


class VerdictStream(Protocol):
    """Takes verdicts."""

    def put(self, records: Sequence[Outgoing]) -> Delivery:
        """Write records in order; nothing follows one that could not be written."""


@dataclass(frozen=True, slots=True)
class ClassifyService:
    """What the function does with a batch."""

    champion: Champion
    verdicts: VerdictStream
    parking: Parking
    meter: Meter
    traces: TweetTraces

    def prepare(self) -> None:
        """Load the champion before the first batch, if there is one."""
        try:
            self.champion.current()
        except NoChampionError as error:
            logger.warning("started without a model", detail=str(error))

    @tracer.capture_method(capture_response=False)
    def run(self, batch: Batch[TweetEvent]) -> int | None:
        """Classify a batch.

        Returns:
            The position of the first record that is to be retried, or None.

        Raises:
            NoChampionError: there is no model; the whole batch is to be retried.
        """
        taken_up = time.time()
        self.meter.count(RECORDS_RECEIVED, len(batch.records))
        chosen = self.traces.choose(batch)
        verdicts = self._classify(batch.messages) if batch.messages else []
        for position, context in chosen.items():
            verdict = verdicts[position]
            header = self.traces.handed_on(context, verdict.prediction.tweet_id)
            verdicts[position] = msgspec.structs.replace(verdict, trace=header)
        first_failed = self._write(batch, verdicts) if verdicts else None
        first_failed = self.parking.park(batch, first_failed)
        self.traces.tell(batch, chosen, verdicts, taken_up=taken_up, first_failed=first_failed)
        for latency in sample_latencies(batch.records[:first_failed], time.time()):
            self.meter.count(LATENCY, latency)
        return first_failed

    def _classify(self, tweets: Sequence[TweetEvent]) -> list[ClassificationEvent]:
        try:
            classifier = self.champion.current()
        except NoChampionError:
            self.meter.count(CHAMPION_MISSING)
            raise
        tracer.put_annotation("champion", self.champion.version or "")
        started = time.perf_counter()
        verdicts = classifier.classify(tweets)
        self.meter.count(SCORING_TIME, (time.perf_counter() - started) * 1000.0)
        return verdicts

    def _write(self, batch: Batch[TweetEvent], verdicts: list[ClassificationEvent]) -> int | None:
        """Write the verdicts; returns the position of the first record whose verdict was not written."""
        delivery = self.verdicts.put([Outgoing(verdict.prediction.tweet_id, encode(verdict)) for verdict in verdicts])
        written = [verdict for index, verdict in enumerate(verdicts) if index not in delivery.failed]
        self.meter.count(TWEETS_CLASSIFIED, len(written))
        for decision, number in Counter(verdict.prediction.decision for verdict in written).items():
            self.meter.count(_DECISION_METRICS[decision], number)
        if delivery.retried:
            self.meter.count(VERDICTS_RETRIED, delivery.retried)
        if delivery.first_failed is None:
            return None
        self.meter.count(VERDICTS_FAILED, len(delivery.failed))
        logger.error(
            "verdicts were not written", failed=len(delivery.failed), faults=dict(Counter(delivery.failed.values()))
        )
        return batch.positions[delivery.first_failed]
