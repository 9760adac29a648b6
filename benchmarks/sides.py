"""What is measured: this project's handler, the original's, and the study's pipeline, each behind one call.

Nothing goes over the network: the streams are stand-ins that accept everything at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from benchmarks.job import Job

OURS: Final = "ours"
STUDY: Final = "study"
ORIGINAL: Final = "original"
SIDES: Final = (OURS, STUDY, ORIGINAL)
TITLES: Final = {OURS: "this project", STUDY: "the study's pipeline", ORIGINAL: "the original's handler"}

Call = Callable[[], object]

CONTEXT: Final = SimpleNamespace(
    function_name="benchmark",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:benchmark",
    aws_request_id="00000000-0000-0000-0000-000000000000",
)
_ENVIRONMENT: Final = {
    "STAGE": "benchmark",
    "CLASSIFICATION_STREAM": "verdicts",
    "CHAMPION_PARAMETER": "/champion",
    "FAILED_RECORDS_BUCKET": "failed",
    "POWERTOOLS_SERVICE_NAME": "classify",
    "POWERTOOLS_METRICS_NAMESPACE": "Cyberbullying",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


class Side(Protocol):
    """Something that classifies tweets."""

    def fresh(self) -> None:
        """Load the model anew, so that nothing of the tweets it has met is left."""

    def prepared(self, texts: Sequence[str]) -> Call:
        """What classifies a batch when it is called; what a stream does to the batch before is done by now."""


class AcceptsEverything:
    """A Kinesis client whose calls cost nothing and always succeed."""

    def put_record(self, **_: Any) -> dict[str, Any]:
        """Accept one record."""
        return {}

    def put_records(self, **_: Any) -> dict[str, Any]:
        """Accept up to five hundred."""
        return {"FailedRecordCount": 0}


class Ours:
    """This project's handler: decode, check, normalise, score, decide, give reasons, encode.

    Args:
        folder: of the artefact.
        explain: whether verdicts carry reasons.
    """

    def __init__(self, folder: Path, *, explain: bool = True) -> None:
        os.environ.update(_ENVIRONMENT, LAMBDA_TASK_ROOT=str(Path.cwd()))
        import lambdas.classify.handler as module  # noqa: PLC0415 - part of the cold start that is measured

        self._module = module
        self._folder = folder
        self._explain = explain
        self._load = module.service.champion._load  # type: ignore[attr-defined]  # noqa: SLF001 - as the function does
        self.fresh()

    def fresh(self) -> None:
        """Load the model anew."""
        from lambdas.common.streams import StreamWriter  # noqa: PLC0415 - as above
        from moderation.champion import ChampionPointer  # noqa: PLC0415
        from moderation.manifest import MANIFEST_FILE  # noqa: PLC0415

        digest = hashlib.sha256((self._folder / MANIFEST_FILE).read_bytes()).hexdigest()
        pointer = ChampionPointer("1", "s3://artefacts/models/1", digest)
        classifier = replace(self._load(self._folder, pointer), explain=self._explain)
        self._module.service = replace(  # type: ignore[misc]
            self._module.service,
            champion=SimpleNamespace(version="1", current=lambda: classifier),
            verdicts=StreamWriter(AcceptsEverything(), "verdicts"),  # type: ignore[arg-type]
        )

    def prepared(self, texts: Sequence[str]) -> Call:
        """A batch as Lambda hands it over, for the handler."""
        batch = event(texts)
        return lambda: self._module.handler(batch, CONTEXT)


class Original:
    """The original project's handler: the MLflow model in a folder, one record at a time."""

    def __init__(self, folder: Path) -> None:
        import boto3  # noqa: PLC0415 - as above

        from benchmarks.original import Handler  # noqa: PLC0415

        boto3.client("kinesis", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
        self._handler = Handler(folder, AcceptsEverything(), "verdicts")

    def fresh(self) -> None:
        """It remembers nothing of what it has met."""

    def prepared(self, texts: Sequence[str]) -> Call:
        """A batch as Lambda hands it over, for the handler."""
        batch = event(texts)
        return lambda: self._handler(batch, CONTEXT)


class Study:
    """The published study's pipeline in a folder."""

    def __init__(self, folder: Path) -> None:
        from benchmarks import study  # noqa: PLC0415

        self._pipeline = study.load(folder)

    def fresh(self) -> None:
        """It remembers nothing of what it has met."""

    def prepared(self, texts: Sequence[str]) -> Call:
        """The probabilities of a list of tweets."""
        tweets = list(texts)
        return lambda: self._pipeline.predict_proba(tweets)


def open_side(side: str, job: Job) -> Side:
    """Load what is to be measured."""
    kinds: dict[str, Callable[[Path], Side]] = {OURS: Ours, STUDY: Study, ORIGINAL: Original}
    return kinds[side](Path(job.folders[side]))


def event(texts: Sequence[str], first: int = 0) -> dict[str, Any]:
    """A batch of tweets as Lambda hands it over."""
    return {
        "Records": [
            {
                "kinesis": {
                    "partitionKey": str(number),
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(record(str(number), text)).decode(),
                    "approximateArrivalTimestamp": time.time(),
                },
                "eventID": f"shardId-000000000000:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/tweets",
            }
            for number, text in enumerate(texts, first)
        ]
    }


def record(tweet_id: str, text: str) -> bytes:
    """A tweet event as it stands in the stream."""
    return json.dumps({"tweet_id": tweet_id, "tweet": {"tweet_text": text}}, ensure_ascii=False).encode()
