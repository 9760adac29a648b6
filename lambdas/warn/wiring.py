"""Puts the warn function together from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdas.common.clients import make_client
from lambdas.common.parking import Parking
from lambdas.common.telemetry import meter
from lambdas.common.tweet_traces import TweetTraces
from lambdas.warn.engine import Engine
from lambdas.warn.ledger import DynamoLedger
from lambdas.warn.service import WarnService
from lambdas.warn.settings import Settings
from lambdas.warn.sinks import EventSink, NotificationSink
from moderation.effects import DEFAULT_POLICY
from moderation.tracing import Place

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient


def build(settings: Settings) -> WarnService:
    """The function's service, with clients of AWS. Nothing is called yet."""
    dynamodb: DynamoDBClient = make_client("dynamodb")
    sns: SNSClient = make_client("sns")
    events: EventBridgeClient = make_client("events")
    s3: S3Client = make_client("s3")
    engine = Engine(
        policy=DEFAULT_POLICY,
        ledger=DynamoLedger(dynamodb, settings.warnings_table, settings.daily_warning_quota),
        sinks=(
            NotificationSink(sns, settings.notification_topic_arn),
            EventSink(events, settings.event_bus_name, settings.stage),
        ),
        meter=meter,
    )
    parking = Parking(s3, settings.failed_records_bucket, "warn", meter)
    return WarnService(engine, parking, meter, TweetTraces(settings.stage, Place.VERDICT_PUT, Place.WARN))
