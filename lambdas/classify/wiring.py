"""Puts the classify function together from its settings."""

from __future__ import annotations

import gc
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
from lambdas.common.tweet_traces import TweetTraces
from moderation import model
from moderation.champion import ChampionPointer
from moderation.classifier import Classifier
from moderation.tracing import Place

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


def build(settings: Settings) -> ClassifyService:
    """The function's service, with clients of AWS. Nothing is called yet."""
    s3: S3Client = make_client("s3")
    ssm: SSMClient = make_client("ssm")
    kinesis: KinesisClient = make_client("kinesis")

    def load(folder: Path, pointer: ChampionPointer) -> Classifier:
        loaded = model.load(folder, sha256=pointer.sha256)
        # What is in memory by now stays for as long as the model serves. Python's collector of cycles need not walk
        # through it again and again: that would be a pause in the middle of a batch. A model that is replaced is freed
        # all the same, since nothing in it refers back to it.
        gc.freeze()
        return Classifier(loaded, version=pointer.version, explain=settings.explain)

    champion = ChampionCache(
        ParameterPointer(ssm, settings.champion_parameter),
        S3Artefacts(s3),
        load,
        folder=Path(settings.artefact_cache) if settings.artefact_cache else Path(gettempdir()) / "artefacts",
        refresh_seconds=settings.champion_refresh_seconds,
        meter=meter,
    )
    parking = Parking(s3, settings.failed_records_bucket, "classify", meter)
    verdicts = StreamWriter(kinesis, settings.classification_stream)
    traces = TweetTraces(settings.stage, Place.TWEET_PUT, Place.CLASSIFY, settings.trace_share)
    return ClassifyService(champion, verdicts, parking, meter, traces)
