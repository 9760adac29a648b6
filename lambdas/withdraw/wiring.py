"""Puts the withdraw function together from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lambdas.common.clients import make_client
from lambdas.common.telemetry import meter
from lambdas.withdraw.ledger import WithdrawalLedger
from lambdas.withdraw.service import WithdrawService
from lambdas.withdraw.settings import Settings
from lambdas.withdraw.stores import ARCHIVE_PREFIX, LABELLED_PREFIX, DeadLetters, Folder, Graveyard
from moderation.effects import DEFAULT_POLICY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

POLICIES: Final = (DEFAULT_POLICY.name,)
"""Policies whose entries may stand in the ledger. One that is replaced stays here until its last entry has expired."""


def build(settings: Settings) -> WithdrawService:
    """The function's service, with clients of AWS. Nothing is called yet."""
    dynamodb: DynamoDBClient = make_client("dynamodb")
    s3: S3Client = make_client("s3")
    sqs: SQSClient = make_client("sqs")
    folders = (Folder(settings.archive_bucket, ARCHIVE_PREFIX), Folder(settings.data_bucket, LABELLED_PREFIX))
    return WithdrawService(
        WithdrawalLedger(dynamodb, settings.warnings_table, settings.author_index, POLICIES),
        Graveyard(s3, folders),
        DeadLetters(sqs, settings.dead_letter_queue_url),
        meter,
    )
