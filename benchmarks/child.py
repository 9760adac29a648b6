"""One measurement in a fresh process: ``python -m benchmarks.child WHICH WHAT FOLDER`` prints one JSON object.

Fresh, because a cold start cannot be measured twice in one process, and because neither handler shall profit from what
the other has imported. Nothing goes over the network: the streams are stand-ins that accept everything at once.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import base64  # noqa: E402 - the clock starts before anything is imported
import io  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from contextlib import redirect_stdout  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any, Final  # noqa: E402

Handler = Callable[[dict[str, Any], Any], Any]

CONTEXT: Final = SimpleNamespace(
    function_name="benchmark",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:benchmark",
    aws_request_id="00000000-0000-0000-0000-000000000000",
)
ONE_TWEET_ROUNDS: Final = 200
BATCH: Final = 200


class AcceptsEverything:
    """A Kinesis client whose calls cost nothing and always succeed."""

    def put_record(self, **_: Any) -> dict[str, Any]:
        """Accept one record."""
        return {}

    def put_records(self, **_: Any) -> dict[str, Any]:
        """Accept up to five hundred."""
        return {"FailedRecordCount": 0}


def ours(folder: Path) -> Handler:
    """This project's handler, serving the artefact in a folder."""
    os.environ.update(
        STAGE="benchmark",
        CLASSIFICATION_STREAM="verdicts",
        CHAMPION_PARAMETER="/champion",
        FAILED_RECORDS_BUCKET="failed",
        POWERTOOLS_SERVICE_NAME="classify",
        POWERTOOLS_METRICS_NAMESPACE="Cyberbullying",
        POWERTOOLS_TRACE_DISABLED="true",
        LAMBDA_TASK_ROOT=str(Path.cwd()),
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",  # noqa: S106 - no secret, and nothing is called
    )
    import lambdas.classify.handler as module  # noqa: PLC0415 - part of what is measured
    from lambdas.common.streams import StreamWriter  # noqa: PLC0415
    from moderation import model  # noqa: PLC0415
    from moderation.classifier import Classifier  # noqa: PLC0415

    classifier = Classifier(model.load(folder), version="1")
    champion = SimpleNamespace(version="1", current=lambda: classifier)
    writer = StreamWriter(AcceptsEverything(), "verdicts")  # type: ignore[arg-type]
    wired = module.service
    module.service = type(wired)(champion, writer, wired.parking, wired.meter, wired.traces)  # type: ignore[misc]
    handler: Handler = module.handler
    return handler


def original(folder: Path) -> Handler:
    """The original project's handler, serving the MLflow model in a folder."""
    import boto3  # noqa: PLC0415 - part of what is measured

    from benchmarks.original import Handler as Original  # noqa: PLC0415

    boto3.client("kinesis", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
    return Original(folder, AcceptsEverything(), "verdicts")


def event(texts: Sequence[str], first: int = 0) -> dict[str, Any]:
    """A batch as Lambda hands it over."""
    return {
        "Records": [
            {
                "kinesis": {
                    "partitionKey": str(number),
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(
                        json.dumps({"tweet_id": str(number), "tweet": {"tweet_text": text}}).encode()
                    ).decode(),
                    "approximateArrivalTimestamp": time.time(),
                },
                "eventID": f"shardId-000000000000:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/tweets",
            }
            for number, text in enumerate(texts, first)
        ]
    }


def batches(texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All texts, in full batches."""
    for first in range(0, len(texts), BATCH):
        yield event(texts[first : first + BATCH], first)


def measure(handler: Handler, what: str, texts: Sequence[str]) -> dict[str, float]:
    """Take one measurement; see the names of the results for what and in which unit."""
    if what == "cold_start":
        handler(event(texts[:1]), CONTEXT)
        return {"seconds": time.perf_counter() - STARTED, "megabytes": _peak_megabytes()}
    if what == "one_tweet":
        handler(event(texts[:1]), CONTEXT)
        events = [event([text]) for text in texts[1 : ONE_TWEET_ROUNDS + 1]]
        times = sorted(_seconds(handler, one) * 1000 for one in events)
        return {"median_ms": statistics.median(times), "p99_ms": times[int(len(times) * 0.99)]}
    handler(event(texts[:1]), CONTEXT)
    prepared = list(batches(texts))
    seconds = sum(_seconds(handler, one) for one in prepared)
    return {"tweets_per_second": len(texts) / seconds, "megabytes": _peak_megabytes()}


def _seconds(handler: Handler, one: dict[str, Any]) -> float:
    started = time.perf_counter()
    handler(one, CONTEXT)
    return time.perf_counter() - started


def _peak_megabytes() -> float:
    """Of this process alone: what getrusage reports begins with what the parent held when it started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print the result as JSON."""
    which, what, folder, texts_file = sys.argv[1:5]
    texts: list[str] = json.loads(Path(texts_file).read_text())
    with redirect_stdout(io.StringIO()):  # metrics and logs would go where the result goes
        handler = {"ours": ours, "original": original}[which](Path(folder))
        result = measure(handler, what, texts)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
