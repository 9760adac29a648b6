"""A tweet source into the local stage: the emulator's Kinesis, EventBridge and DynamoDB, and the real functions."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.budget import Budget
from ingest.checkpoint import DynamoDbStore
from ingest.errors import BudgetExhaustedError
from local import aws
from tests.fakes.artefact import HARMLESS_TEXT
from tests.fakes.ingest import FakeTime, run
from tests.fakes.jetstream import FakeJetstream, message
from tests.integration.conftest import FLAGGED_TEXT, Stage
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]


@pytest.fixture
def table(running: Stage) -> Iterator[str]:
    """A table as the stack makes it."""
    dynamodb, name = running.clients["dynamodb"], running.local.config.physical("ingest")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def withdrawals(running: Stage) -> Iterator[str]:
    """A queue that gets what is withdrawn, as somebody's who keeps tweets would."""
    sqs, events, config = running.clients["sqs"], running.clients["events"], running.local.config
    queue = sqs.create_queue(QueueName="withdrawals-test")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": [config.event_source], "detail-type": ["TweetWithdrawn"]}
    rule = {"Name": "withdrawals-test", "EventBusName": config.event_bus}
    events.put_rule(**rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule["Name"], EventBusName=config.event_bus, Targets=[{"Id": "1", "Arn": arn}])
    yield queue
    events.remove_targets(Rule=rule["Name"], EventBusName=config.event_bus, Ids=["1"])
    events.delete_rule(**rule)
    sqs.delete_queue(QueueUrl=queue)


async def start(stage: Stage, jetstream: FakeJetstream, table: str) -> asyncio.subprocess.Process:
    config = stage.local.config
    settings = {
        "SOURCE": "bluesky",
        "STAGE": config.name,
        "STREAM": config.physical("tweet_events"),
        "EVENT_BUS_NAME": config.event_bus,
        "EVENT_SOURCE": config.event_source,
        "CHECKPOINT_TABLE": table,
        "JETSTREAM_URLS": jetstream.url,
        "LINGER_SECONDS": "0.1",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        cwd=ROOT,
        env={**os.environ, **aws.environment(stage.local.endpoint), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def _announced(stage: Stage, queue: str) -> Any:
    """Wait for what the bus brings to a queue."""
    bodies: list[Any] = []

    def arrived() -> bool:
        answer = stage.clients["sqs"].receive_message(QueueUrl=queue, WaitTimeSeconds=1)
        bodies.extend(json.loads(message["Body"]) for message in answer.get("Messages", ()))
        return bool(bodies)

    wait_for(arrived, "a withdrawal on the bus")
    return bodies[0]


def test_posts_get_verdicts_deletions_are_announced_and_the_checkpoint_is_kept(
    stage: Stage, table: str, withdrawals: str
) -> None:
    marks = int(time.time())  # other runs of this test left verdicts behind
    posts = [message(marks, FLAGGED_TEXT), message(marks + 1, HARMLESS_TEXT), message(marks, operation="delete")]
    ids = [f"at://{post['did']}/app.bsky.feed.post/{post['commit']['rkey']}" for post in posts[:2]]

    async def scenario() -> None:
        async with FakeJetstream(posts) as jetstream:
            process = await start(stage, jetstream, table)
            try:
                verdicts = await asyncio.to_thread(stage.await_verdicts, ids)
                assert (await asyncio.to_thread(_announced, stage, withdrawals))["detail"]["tweet_id"] == ids[0]
                process.send_signal(signal.SIGTERM)
                _, err = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
            assert process.returncode == 0, err.decode()
            assert [verdict.prediction.decision.value for verdict in verdicts] == ["flag", "pass"]
            assert all(verdict.source == "bluesky" for verdict in verdicts)

    run(scenario())
    store = DynamoDbStore(stage.clients["dynamodb"], table, "bluesky")
    assert store.load() == str(posts[-1]["time_us"])


def test_the_budget_is_kept_in_the_table(running: Stage, table: str) -> None:
    client: Any = running.clients["dynamodb"]
    store = DynamoDbStore(client, table, "x-stream")

    async def scenario() -> None:
        first, second = (Budget(store, FakeTime(), dollars_a_day=5.0) for _ in range(2))
        await first.take(600)
        await second.take(390)
        with pytest.raises(BudgetExhaustedError):
            await second.take(50)

    run(scenario())
    assert store.reserve_reads("2026-11-23", 1, 1000) == (0, 1000)
    assert store.reserve_reads("2026-11-24", 1, 1000) == (1, 1)
