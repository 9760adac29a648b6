"""Where effects go: the notification topic and the event bus. Each sink fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lambdas.common.delivery import Delivery, Fault, Limits, Retry, deliver
from lambdas.warn.entries import Entry, encode_notice
from moderation.effects import Effect

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef

PUBLISH_LIMITS: Final = Limits(entries=10, total=256 * 1024, entry=256 * 1024)
"""Messages a call, bytes a call, bytes a message (SNS API reference, PublishBatch)."""

PUT_EVENTS_LIMITS: Final = Limits(entries=10, total=256 * 1024, entry=256 * 1024)
"""Events a call, bytes a call, bytes an event (EventBridge API reference, PutEvents)."""

FLAGGED: Final = "CyberbullyingFlagged"
REFERRED: Final = "TweetReferred"
DETAIL_TYPES: Final = {Effect.ANNOUNCE_FLAGGED: FLAGGED, Effect.ANNOUNCE_REFERRED: REFERRED}

_ATTRIBUTE_ROOM: Final = 64
"""Bytes that a message's one attribute takes at most: its name, its type and the longest class."""

_PASSING_FAULTS: Final = {"ThrottlingException", "InternalFailure", "InternalException"}


class Due(NamedTuple):
    """An effect to be applied for an entry."""

    effect: Effect
    entry: Entry


class Sink(Protocol):
    """Applies some kinds of effects."""

    name: str
    effects: frozenset[Effect]

    def send(self, due: Sequence[Due]) -> Delivery:
        """Apply effects; says which ones failed. Raises nothing for a service that is down."""


class NotificationSink:
    """Publishes warnings to an SNS FIFO topic.

    The topic drops what it has seen within five minutes, by a deduplication id made of the entry's key, so a function
    that was killed between publishing and remembering it may publish again. Messages on one author stay in order.
    """

    name = "notifications"
    effects = frozenset({Effect.NOTIFY})

    def __init__(self, client: SNSClient, topic_arn: str, retry: Retry | None = None) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._retry = retry or Retry()

    def send(self, due: Sequence[Due]) -> Delivery:
        """Publish one message for each."""
        messages = [_message(str(index), item.entry) for index, item in enumerate(due)]
        sizes = [len(message["Message"].encode()) + _ATTRIBUTE_ROOM for message in messages]
        return deliver(messages, sizes, self._send, limits=PUBLISH_LIMITS, retry=self._retry, in_order=False)

    def _send(self, messages: Sequence[PublishBatchRequestEntryTypeDef]) -> list[Fault | None]:
        answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=list(messages))
        faults = {item["Id"]: Fault(item["Code"], not item["SenderFault"]) for item in answer.get("Failed", [])}
        return [faults.get(message["Id"]) for message in messages]


class EventSink:
    """Announces flagged and referred tweets on an EventBridge bus.

    The bus knows no deduplication; whoever listens goes by the detail's ``id``.
    """

    name = "events"
    effects = frozenset(DETAIL_TYPES)

    def __init__(self, client: EventBridgeClient, bus: str, stage: str, retry: Retry | None = None) -> None:
        self._client = client
        self._bus = bus
        self._source = event_source(stage)
        self._retry = retry or Retry()

    def send(self, due: Sequence[Due]) -> Delivery:
        """Put one event for each."""
        events = [self._event(item) for item in due]
        sizes = [len(event["Detail"].encode()) + len(event["DetailType"]) + len(event["Source"]) for event in events]
        return deliver(events, sizes, self._send, limits=PUT_EVENTS_LIMITS, retry=self._retry, in_order=False)

    def _event(self, due: Due) -> PutEventsRequestEntryTypeDef:
        return {
            "Source": self._source,
            "DetailType": DETAIL_TYPES[due.effect],
            "Detail": encode_notice(due.entry),
            "EventBusName": self._bus,
        }

    def _send(self, events: Sequence[PutEventsRequestEntryTypeDef]) -> list[Fault | None]:
        answer = self._client.put_events(Entries=list(events))
        if not answer.get("FailedEntryCount"):
            return [None] * len(events)
        return [
            Fault(item["ErrorCode"], item["ErrorCode"] in _PASSING_FAULTS) if item.get("ErrorCode") else None
            for item in answer["Entries"]
        ]


def event_source(stage: str) -> str:
    """The source of a stage's events."""
    return f"cyberbullying.{stage}"


def _message(identifier: str, entry: Entry) -> PublishBatchRequestEntryTypeDef:
    """A message. Ids of the outside world may hold what SNS does not take, hence the digests."""
    return {
        "Id": identifier,
        "Message": encode_notice(entry),
        "MessageDeduplicationId": sha256(entry.key.encode()).hexdigest(),
        "MessageGroupId": sha256((entry.author_id or entry.tweet_id).encode()).hexdigest(),
        "MessageAttributes": {"classification": {"DataType": "String", "StringValue": entry.classification.value}},
    }
