"""The withdraw function: what a source took back is forgotten.

A batch of events of the stage's bus, which waited in a queue, is acted upon in one call, and answered with the messages
to be delivered again.
"""

from __future__ import annotations

import os
from typing import Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.kinesis import BatchResponse
from lambdas.common.settings import read_settings
from lambdas.common.telemetry import logger, metrics, tracer
from lambdas.withdraw.events import QueueEvent
from lambdas.withdraw.settings import Settings
from lambdas.withdraw.wiring import build

service: Final = build(read_settings(Settings, os.environ))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: QueueEvent, context: LambdaContext) -> BatchResponse:
    """Act on one batch of withdrawals."""
    failed = service.run(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
