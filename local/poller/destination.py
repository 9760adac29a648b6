"""Where records go that a mapping gave up on, in the format in which Lambda leaves them.

Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in Lambda".
A bucket gets the whole invocation; a queue or a topic gets what describes it only.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Protocol

from local.poller.records import Mapping, event_of
from local.poller.shard import Batch, Condition


class Destination(Protocol):
    """Keeps what was given up. Raises whatever its service raises."""

    def keep(self, mapping: Mapping, shard_id: str, batch: Batch, condition: Condition, now: float) -> None:
        """Keep one batch."""


class BucketDestination:
    """Failure records with their payload, as objects.

    Args:
        client: boto3's S3 client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def keep(self, mapping: Mapping, shard_id: str, batch: Batch, condition: Condition, now: float) -> None:
        """Write one object, under the key that Lambda documents."""
        body = failure_record(mapping, shard_id, batch, condition, now)
        body["payload"] = event_of(mapping, shard_id, batch.records).decode()
        self._client.put_object(
            Bucket=(mapping.destination or "").rsplit(":", 1)[1],
            Key=failure_key(mapping, shard_id, now),
            Body=json.dumps(body).encode(),
            ContentType="application/json",
        )


class QueueDestination:
    """Failure records without their payload, as messages.

    Args:
        client: boto3's SQS client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def keep(self, mapping: Mapping, shard_id: str, batch: Batch, condition: Condition, now: float) -> None:
        """Send one message."""
        name = (mapping.destination or "").rsplit(":", 1)[1]
        url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        body = failure_record(mapping, shard_id, batch, condition, now)
        self._client.send_message(QueueUrl=url, MessageBody=json.dumps(body))


class TopicDestination:
    """Failure records without their payload, as notifications.

    Args:
        client: boto3's SNS client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def keep(self, mapping: Mapping, shard_id: str, batch: Batch, condition: Condition, now: float) -> None:
        """Publish one notification."""
        body = failure_record(mapping, shard_id, batch, condition, now)
        self._client.publish(TopicArn=mapping.destination, Message=json.dumps(body))


def failure_record(mapping: Mapping, shard_id: str, batch: Batch, condition: Condition, now: float) -> dict[str, Any]:
    """What Lambda says of a batch that it gave up."""
    first, last = batch.records[0], batch.records[-1]
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    if batch.function_error is not None:
        response["functionError"] = batch.function_error
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": mapping.function_arn,
            "condition": condition.value,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": _timestamp(now),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _timestamp(first.arrived_at),
            "approximateArrivalOfLastRecord": _timestamp(last.arrived_at),
            "batchSize": len(batch.records),
            "streamArn": mapping.stream_arn,
        },
    }


def failure_key(mapping: Mapping, shard_id: str, now: float) -> str:
    """``aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>``."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"aws/lambda/{mapping.uuid}/{shard_id}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
