"""What a source takes back is forgotten by the deployed stage: over bus, queue and function, in table and buckets."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.withdraw.stores import ARCHIVE_PREFIX, LABELLED_PREFIX
from local.replay import Outgoing
from moderation.messages import AuthorWithdrawn, Tweet, TweetEvent, TweetWithdrawn, Withdrawal, encode
from moderation.withdrawn import Withdrawn
from tests.integration.conftest import FLAGGED_TEXT, Stage
from tests.waiting import wait_for

AT = "2026-11-23T12:00:00.000Z"


def announce(stage: Stage, *events: TweetWithdrawn | AuthorWithdrawn, detail: str | None = None) -> None:
    config = stage.local.config
    answer = stage.clients["events"].put_events(
        Entries=[
            {
                "EventBusName": config.event_bus,
                "Source": config.event_source,
                "DetailType": type(event).__name__,
                "Detail": detail or encode(event).decode(),
            }
            for event in events
        ]
    )
    assert answer["FailedEntryCount"] == 0


def deleted(tweet_id: str) -> TweetWithdrawn:
    return TweetWithdrawn(tweet_id=tweet_id, source="test", reason=Withdrawal.DELETED, withdrawn_at=AT)


def warned(stage: Stage, author: str, number: int) -> list[str]:
    """Tweets of an author, each with its warning."""
    ids = [f"{author}-{position}" for position in range(number)]
    tweets = [TweetEvent(tweet_id, Tweet(FLAGGED_TEXT), author_id=author) for tweet_id in ids]
    stage.put("tweet_events", [Outgoing(tweet.tweet_id, encode(tweet)) for tweet in tweets])
    wait_for(lambda: len(stage.entries(ids)) == number and stage.at_rest(), f"{number} warnings")
    return ids


def statuses(stage: Stage, ids: list[str]) -> set[str]:
    return {item["status"]["S"] for item in stage.entries(ids)}


def withdrawn(stage: Stage, thing: str, prefix: str) -> Withdrawn:
    s3, bucket = stage.clients["s3"], stage.local.bucket(thing)
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    bodies = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found]
    return Withdrawn(line for body in bodies for line in gzip.decompress(body).splitlines())


def queue(stage: Stage, name: str) -> str:
    return str(stage.clients["sqs"].get_queue_url(QueueName=stage.local.config.physical(name))["QueueUrl"])


def await_dead_letter(stage: Stage) -> dict[str, Any]:
    """Wait for the only message in the dead-letter queue, and take it."""
    url, found = queue(stage, "withdrawals_dead"), list[dict[str, Any]]()

    def arrived() -> bool:
        answer = stage.clients["sqs"].receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        found.extend(answer.get("Messages", []))
        return bool(found)

    wait_for(arrived, "a message in the dead-letter queue")
    (message,) = found
    stage.clients["sqs"].delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


@pytest.fixture
def impatient(stage: Stage) -> Iterator[Stage]:
    """The stage, with a queue that delivers again at once."""
    sqs, url = stage.clients["sqs"], queue(stage, "withdrawals")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield stage
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def test_a_deleted_tweet_is_forgotten(stage: Stage) -> None:
    mine, other = warned(stage, f"author-{time.time_ns()}", 2)
    announce(stage, deleted(mine))
    wait_for(lambda: statuses(stage, [mine]) == {"withdrawn"}, "the warning to be taken back")
    (item,) = stage.entries([mine])
    assert "author_id" not in item
    assert item["reason"] == {"S": "deleted"}
    assert statuses(stage, [other]) == {"issued"}
    for thing, prefix in (("archive", ARCHIVE_PREFIX), ("data", LABELLED_PREFIX)):
        # The table comes first, and the tombstones after it.
        wait_for(lambda at=(thing, prefix): withdrawn(stage, *at).holds(mine), f"the tombstone in {thing}")  # type: ignore[misc]
        assert not withdrawn(stage, thing, prefix).holds(other), thing


def test_a_tweet_that_is_deleted_before_its_verdict_is_warned_of_by_nobody(stage: Stage) -> None:
    tweet = f"early-{time.time_ns()}"
    announce(stage, deleted(tweet))
    wait_for(lambda: statuses(stage, [tweet]) == {"withdrawn"}, "the mark")
    stage.put("tweet_events", [Outgoing(tweet, encode(TweetEvent(tweet, Tweet(FLAGGED_TEXT))))])
    stage.await_verdicts([tweet])
    wait_for(stage.at_rest, "the stage to come to rest")
    assert statuses(stage, [tweet]) == {"withdrawn"}


def test_a_suspended_author_is_forgotten(stage: Stage) -> None:
    author = f"author-{time.time_ns()}"
    ids = warned(stage, author, 3)
    event = AuthorWithdrawn(author_id=author, source="test", reason=Withdrawal.SUSPENDED, withdrawn_at=AT)
    announce(stage, event, event)
    wait_for(lambda: statuses(stage, ids) == {"withdrawn"}, "all warnings to be taken back")
    assert author not in json.dumps([item for item in stage.entries(ids) if "author_id" in item])
    wait_for(lambda: withdrawn(stage, "archive", ARCHIVE_PREFIX).holds("any", author, AT), "the tombstone")

    late, new = f"{author}-late", f"{author}-new"
    written = {late: "2026-11-23T11:59:59Z", new: "2026-11-23T12:00:01Z"}
    tweets = [TweetEvent(tweet, Tweet(FLAGGED_TEXT), author_id=author, created_at=at) for tweet, at in written.items()]
    stage.put("tweet_events", [Outgoing(tweet.tweet_id, encode(tweet)) for tweet in tweets])
    wait_for(
        lambda: statuses(stage, [new]) == {"issued"} and stage.at_rest(), "the warning of the account that returned"
    )
    assert stage.entries([late]) == [], "nobody is warned for what was still on its way"


def test_poison_lies_in_the_dead_letter_queue_with_its_reason(stage: Stage) -> None:
    announce(stage, deleted("x"), detail='{"tweet_id": ""}')
    kept = await_dead_letter(stage)
    assert kept["MessageAttributes"]["reason"]["StringValue"] == "not_to_contract"
    assert json.loads(kept["Body"])["detail"] == {"tweet_id": ""}


def test_what_the_table_does_not_take_is_tried_again_and_then_kept(impatient: Stage) -> None:
    tweet = f"stuck-{time.time_ns()}"
    name = impatient.local.config.physical("warnings")
    impatient.configure("withdraw", WARNINGS_TABLE="no_such_table")
    try:
        announce(impatient, deleted(tweet))
        kept = await_dead_letter(impatient)
    finally:
        impatient.configure("withdraw", WARNINGS_TABLE=name)
    assert json.loads(kept["Body"])["detail"]["tweet_id"] == tweet
    assert statuses(impatient, [tweet]) == set()
    # What the runbook does: send it back.
    impatient.clients["sqs"].send_message(QueueUrl=queue(impatient, "withdrawals"), MessageBody=kept["Body"])
    wait_for(lambda: statuses(impatient, [tweet]) == {"withdrawn"}, "the mark")
