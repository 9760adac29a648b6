"""The traces of single tweets, from being put to being acted upon.

A function's own trace is that of an invocation, which has a batch of tweets with as many traces. So the way of a tweet
is told in a trace of its own, by segments which the functions write for a few tweets of each batch and hand to the
X-Ray daemon beside them, as the X-Ray SDK does: one datagram each, without waiting and without an answer. What they can
hold is :class:`Annotations`: identifiers, classes, versions; nothing that anybody wrote, and nobody's name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from lambdas.common.kinesis import Batch
from lambdas.common.telemetry import tracer
from moderation.messages import ClassificationEvent, TweetEvent
from moderation.tracing import (
    Place,
    TraceContext,
    handing_on_id,
    is_chosen,
    new_trace_id,
    node_name,
    read_header,
    segment_id,
)

MOST_TRACED: Final = 20
"""Tweets of a batch that are traced, whatever their records ask for: it bounds the cost, and the time it takes."""

CANARY: Final = "canary"
"""The source whose tweets are traced before all others."""

_INVOCATION: Final = "_X_AMZN_TRACE_ID"
"""The variable in which Lambda keeps the tracing header of the invocation."""


class Annotations(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a segment may say, and can be found by.

    Attributes:
        tweet_id: which tweet.
        classification: its class.
        decision: what is to happen with it.
        version: of the model.
        invocation: id of the trace of the invocation that did it.
    """

    tweet_id: str
    classification: str = ""
    decision: str = ""
    version: str = ""
    invocation: str = ""


class HandingOn(msgspec.Struct, frozen=True, kw_only=True):
    """A subsegment that says to which node of the service map a tweet went from here, and when."""

    id: str
    name: str
    start_time: float
    end_time: float
    namespace: str


class Segment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A segment document (AWS X-Ray Developer Guide, "X-Ray segment documents"). Times are seconds since 1970."""

    name: str
    id: str
    trace_id: str
    start_time: float
    end_time: float
    annotations: Annotations
    parent_id: str | None = None
    subsegments: tuple[HandingOn, ...] = ()

    def serialize(self) -> str:
        """The document: JSON."""
        return msgspec.json.encode(self).decode()


class TweetTraces:
    """The traces of one function.

    Args:
        stage: part of the nodes' names.
        waiting: the place where its records wait.
        working: the place that it is itself.
        share: of the tweets without a trace of their own that get one; 0 for none.
        send: hands a segment on. None leaves it to the X-Ray SDK, unless tracing is switched off.
    """

    def __init__(
        self,
        stage: str,
        waiting: Place,
        working: Place,
        share: float = 0.0,
        send: Callable[[Segment], None] | None = None,
    ) -> None:
        self._stage = stage
        self._waiting = waiting
        self._working = working
        self._share = share
        self._send = send or _daemon()

    def choose(self, batch: Batch[TweetEvent] | Batch[ClassificationEvent]) -> dict[int, TraceContext]:
        """The contexts of those messages whose way is told, by position among the messages.

        They are :data:`MOST_TRACED` at most, the canary's first.
        """
        if self._send is None:
            return {}
        found: dict[int, TraceContext] = {}
        messages: Sequence[TweetEvent | ClassificationEvent] = batch.messages
        for position, message in enumerate(messages):
            context = read_header(message.trace)
            if context is None and is_chosen(identifier(message), self._share):
                arrived_at = _arrival(batch, position)
                context = TraceContext(new_trace_id(arrived_at, identifier(message)))
            if context is not None and context.sampled:
                found[position] = context
        first = sorted(found, key=lambda position: messages[position].source != CANARY)
        return {position: found[position] for position in first[:MOST_TRACED]}

    def handed_on(self, context: TraceContext, tweet_id: str) -> str:
        """The header for the record that this function writes on a tweet."""
        return TraceContext(context.trace_id, handing_on_id(context.trace_id, tweet_id, self._working)).header()

    def tell(
        self,
        batch: Batch[TweetEvent] | Batch[ClassificationEvent],
        chosen: Mapping[int, TraceContext],
        verdicts: Sequence[ClassificationEvent],
        *,
        taken_up: float,
        first_failed: int | None,
    ) -> None:
        """Tell of the chosen messages that are done with: two segments each, for the time in the stream and that here.

        Args:
            batch: which they are of.
            chosen: their contexts.
            verdicts: on all messages of the batch.
            taken_up: when the batch was, in seconds since 1970.
            first_failed: position of the first record that is to be retried, if any; those from there on are told of
                when they are done.
        """
        if self._send is None or not chosen:
            return
        done = time.time()
        invocation = read_header(os.environ.get(_INVOCATION))
        for position, context in chosen.items():
            if first_failed is None or batch.positions[position] < first_failed:
                # The streams' clocks are not ours: a segment must not end before it starts.
                times = (min(_arrival(batch, position), taken_up), taken_up, done)
                for segment in self._segments(verdicts[position], context, times, invocation):
                    self._send(segment)

    def _segments(
        self,
        verdict: ClassificationEvent,
        context: TraceContext,
        times: tuple[float, float, float],
        invocation: TraceContext | None,
    ) -> tuple[Segment, Segment]:
        said = verdict.prediction
        arrived, taken_up, done = times
        only_id = Annotations(tweet_id=said.tweet_id)
        waiting = self._segment(self._waiting, context, only_id, start=arrived, end=taken_up)
        annotations = Annotations(
            tweet_id=said.tweet_id,
            classification=said.classification.value,
            decision=said.decision.value,
            version=verdict.version,
            invocation=invocation.trace_id if invocation else "",
        )
        handed_on = TraceContext(context.trace_id, waiting.subsegments[0].id)
        return waiting, self._segment(self._working, handed_on, annotations, start=taken_up, end=done)

    def _segment(
        self, place: Place, context: TraceContext, annotations: Annotations, *, start: float, end: float
    ) -> Segment:
        tweet_id = annotations.tweet_id
        following = place.following
        return Segment(
            name=node_name(self._stage, place),
            id=segment_id(context.trace_id, tweet_id, place),
            trace_id=context.trace_id,
            parent_id=context.parent,
            start_time=start,
            end_time=end,
            annotations=annotations,
            subsegments=(
                HandingOn(
                    id=handing_on_id(context.trace_id, tweet_id, place),
                    name=node_name(self._stage, following),
                    start_time=end,
                    end_time=end,
                    namespace="remote",
                ),
            )
            if following
            else (),
        )


def identifier(message: TweetEvent | ClassificationEvent) -> str:
    """The id of the tweet that a message is about."""
    return message.tweet_id if isinstance(message, TweetEvent) else message.prediction.tweet_id


def _arrival(batch: Batch[TweetEvent] | Batch[ClassificationEvent], position: int) -> float:
    """When the record of a message arrived in its stream, in seconds since 1970."""
    return batch.records[batch.positions[position]]["kinesis"]["approximateArrivalTimestamp"]


def _daemon() -> Callable[[Segment], None] | None:
    """Sends segments to the X-Ray daemon, if tracing is on."""
    if tracer.disabled:
        return None
    from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter  # noqa: PLC0415 - takes a moment to import

    send: Callable[[Segment], None] = UDPEmitter().send_entity
    return send
