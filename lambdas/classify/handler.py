"""The classify function: tweets in, verdicts out.

A batch of ``tweet_events`` is decoded, classified in one call, and answered with the first record to be retried.
What happens in between is in ``service.py``; a batch without any model raises, so that the mapping retries it whole.
"""

from __future__ import annotations

import os
from typing import Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.classify.settings import Settings
from lambdas.classify.wiring import build
from lambdas.common.kinesis import BatchResponse, KinesisEvent, decode_batch, respond
from lambdas.common.settings import read_settings
from lambdas.common.telemetry import logger, metrics, tracer
from moderation.messages import decode_tweet_event

service: Final = build(read_settings(Settings, os.environ))

if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # in Lambda, where starting is cheaper than the first batch
    service.prepare()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: KinesisEvent, context: LambdaContext) -> BatchResponse:
    """Classify one batch of tweets."""
    records = event["Records"]
    batch = decode_batch(records, decode_tweet_event)
    return respond(records, service.run(batch))
