"""The warn function: verdicts in, effects out.

A batch of ``tweet_classification`` is decoded, acted upon in one call, and answered with the first record to be
retried. Which effects a verdict has is said by ``moderation.effects``; how they are applied by ``engine.py``.
"""

from __future__ import annotations

import os
from typing import Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.kinesis import BatchResponse, KinesisEvent, decode_batch, respond
from lambdas.common.settings import read_settings
from lambdas.common.telemetry import logger, metrics, tracer
from lambdas.warn.settings import Settings
from lambdas.warn.wiring import build
from moderation.messages import decode_classification_event

service: Final = build(read_settings(Settings, os.environ))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: KinesisEvent, context: LambdaContext) -> BatchResponse:
    """Act on one batch of verdicts."""
    records = event["Records"]
    batch = decode_batch(records, decode_classification_event)
    return respond(records, service.run(batch))
