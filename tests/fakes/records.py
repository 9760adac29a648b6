"""Kinesis events as Lambda hands them over, made to order."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from lambdas.common.kinesis import KinesisEvent, KinesisRecord
from moderation.labels import HARMLESS, LABELS, Label
from moderation.messages import (
    ClassificationEvent,
    Decision,
    Prediction,
    Tweet,
    TweetEvent,
    encode,
)

ACCOUNT = "111122223333"
TWEETS_ARN = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/cyberbullying_dev_tweet_events"
VERDICTS_ARN = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/cyberbullying_dev_tweet_classification"
SHARD = "shardId-000000000000"
ARRIVED_AT = 1795392000.5
"""2026-11-23T00:00:00.500Z"""
FIRST_SEQUENCE = 49600000000000000000000000000000000000000000000000000000


def sequence(position: int) -> str:
    return str(FIRST_SEQUENCE + position)


def record(data: bytes | str, position: int = 0, *, key: str = "k", arn: str = TWEETS_ARN) -> KinesisRecord:
    """A record; ``data`` as text is taken to be in base64 already."""
    return {
        "kinesis": {
            "partitionKey": key,
            "sequenceNumber": sequence(position),
            "data": data if isinstance(data, str) else base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": ARRIVED_AT + position / 1000,
        },
        "eventID": f"{SHARD}:{sequence(position)}",
        "eventSourceARN": arn,
    }


def event(payloads: Sequence[bytes | str], *, arn: str = TWEETS_ARN) -> KinesisEvent:
    return {"Records": [record(data, position, arn=arn) for position, data in enumerate(payloads)]}


def tweet(identifier: str = "1", text: str = "What a fine day", author: str | None = None) -> TweetEvent:
    return TweetEvent(tweet_id=identifier, tweet=Tweet(tweet_text=text), author_id=author, source="test")


def verdict(
    identifier: str = "1",
    decision: Decision = Decision.FLAG,
    *,
    label: Label = Label.RELIGION,
    author: str | None = "author",
    version: str = "7",
) -> ClassificationEvent:
    label = HARMLESS if decision is Decision.PASS else label
    return ClassificationEvent(
        schema_version=1,
        model="cyberbullying",
        version=version,
        prediction=Prediction(
            tweet_id=identifier,
            classification=label,
            confidence=0.95,
            scores={each: 0.95 if each is label else 0.01 for each in LABELS},
            decision=decision,
        ),
        classified_at="2026-11-23T00:00:01.000Z",
        author_id=author,
        source="test",
    )


def tweets_event(tweets: Sequence[TweetEvent]) -> KinesisEvent:
    return event([encode(each) for each in tweets])


def verdicts_event(verdicts: Sequence[ClassificationEvent]) -> KinesisEvent:
    return event([encode(each) for each in verdicts], arn=VERDICTS_ARN)
