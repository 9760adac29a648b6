"""Act on a batch of verdicts: apply their effects, set bad records aside, and say what is to be retried."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lambdas.common.kinesis import Batch, sample_latencies
from lambdas.common.metric_names import LATENCY, RECORDS_RECEIVED
from lambdas.common.parking import Parking
from lambdas.common.telemetry import Meter, tracer
from lambdas.common.tweet_traces import TweetTraces
from lambdas.warn.engine import Engine
from moderation.messages import ClassificationEvent


@dataclass(frozen=True, slots=True)
class WarnService:
    """What the function does with a batch."""

    engine: Engine
    parking: Parking
    meter: Meter
    traces: TweetTraces

    @tracer.capture_method(capture_response=False)
    def run(self, batch: Batch[ClassificationEvent]) -> int | None:
        """Act on a batch.

        Returns:
            The position of the first record that is to be retried, or None.

        Raises:
            LedgerUnavailableError: nothing was done; the whole batch is to be retried.
            RequestFaults: likewise.
        """
        taken_up = time.time()
        self.meter.count(RECORDS_RECEIVED, len(batch.records))
        failed = self.engine.apply(batch.messages)
        first_failed = self.parking.park(batch, None if failed is None else batch.positions[failed])
        chosen = self.traces.choose(batch)
        self.traces.tell(batch, chosen, batch.messages, taken_up=taken_up, first_failed=first_failed)
        for latency in sample_latencies(batch.records[:first_failed], time.time()):
            self.meter.count(LATENCY, latency)
        return first_failed
