"""Puts the classify function together from its settings."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from lambdas.classify.service import ClassifyService
from lambdas.classify.settings import Settings
from lambdas.common.champion import ChampionCache, ParameterPointer, S3Artefacts
from lambdas.common.clients import make_client
from lambdas.common.parking import Parking
from lambdas.common.streams import StreamWriter
from lambdas.common.telemetry import meter
from moderation import model
from moderation.champion import ChampionPointer
from moderation.classifier import Classifier

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


def build(settings: Settings) -> ClassifyService:
    """The function's service, with clients of AWS. Nothing is called yet."""
    s3: S3Client = make_client("s3")
    ssm: SSMClient = make_client("ssm")
    kinesis: KinesisClient = make_client("kinesis")

    champion = ChampionCache(
        ParameterPointer(ssm, settings.champion_parameter),
        S3Artefacts(s3),
        partial(load_champion, explain=settings.explain),
        folder=Path(settings.artefact_cache) if settings.artefact_cache else Path(gettempdir()) / "artefacts",
        refresh_seconds=settings.champion_refresh_seconds,
        meter=meter,
    )
    parking = Parking(s3, settings.failed_records_bucket, "classify", meter)
    return ClassifyService(champion, StreamWriter(kinesis, settings.classification_stream), parking, meter)


def load_champion(folder: Path, pointer: ChampionPointer, *, explain: bool) -> Classifier:
    """The classifier of an artefact.

    What is in memory by now stays there for as long as the model serves, so the collector of cycles need not walk
    through it again and again: that would be a pause in the middle of a batch. A model that is replaced is freed all
    the same, since nothing in it refers back to it.

    Args:
        folder: of the artefact.
        pointer: what is known of it.
        explain: whether verdicts carry reasons.

    Raises:
        BadArtefactError: it is not what the pointer says, or cannot be read.
    """
    classifier = Classifier(model.load(folder, sha256=pointer.sha256), version=pointer.version, explain=explain)
    gc.freeze()
    return classifier
