"""The handlers as Lambda loads them: in a process of their own, with their environment and nothing else."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.lambdas.test_settings import CLASSIFY, WARN, WITHDRAW

ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "tests" / "events"
LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "made",
    "AWS_SECRET_ACCESS_KEY": "up",
    "LAMBDA_TASK_ROOT": str(ROOT),
    "POWERTOOLS_TRACE_DISABLED": "true",
    "PYTHONPATH": str(ROOT),
    "PATH": "/usr/bin:/bin",
}

CLASSIFY_SCRIPT = """
import json, sys
from types import SimpleNamespace
import lambdas.classify.handler as module
from lambdas.classify.service import ClassifyService
from lambdas.common.parking import Parking
from lambdas.common.streams import StreamWriter
from lambdas.common.telemetry import meter
from lambdas.common.tweet_traces import TweetTraces
from moderation.classifier import Classifier
from moderation.tracing import Place
from tests.fakes.artefact import keyword_model
from tests.fakes.aws import FakeKinesis, FakeS3

class Champion:
    version = "7"
    def current(self):
        return Classifier(keyword_model(), version="7")

kinesis = FakeKinesis()
parking = Parking(FakeS3(), "b", "classify", meter)
module.service = ClassifyService(
    Champion(), StreamWriter(kinesis, "s"), parking, meter, TweetTraces("dev", Place.TWEET_PUT, Place.CLASSIFY, 1.0)
)
"""

WARN_SCRIPT = """
import json, sys
from types import SimpleNamespace
import lambdas.warn.handler as module
from lambdas.common.parking import Parking
from lambdas.common.telemetry import meter
from lambdas.common.tweet_traces import TweetTraces
from lambdas.warn.engine import Engine
from lambdas.warn.service import WarnService
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.tracing import Place
from tests.fakes.aws import FakeS3
from tests.fakes.warning import MemoryLedger, MemorySink

sinks = (MemorySink("notifications", [Effect.NOTIFY]), MemorySink("events", [Effect.ANNOUNCE_FLAGGED]))
sinks[1].broken = True
engine = Engine(DEFAULT_POLICY, MemoryLedger(), sinks, meter)
module.service = WarnService(
    engine, Parking(FakeS3(), "b", "w", meter), meter, TweetTraces("dev", Place.VERDICT_PUT, Place.WARN, 1.0)
)
"""

WITHDRAW_SCRIPT = """
import json, sys
from types import SimpleNamespace
import lambdas.withdraw.handler as module
from lambdas.common.telemetry import meter
from lambdas.withdraw.ledger import WithdrawalLedger
from lambdas.withdraw.service import WithdrawService
from lambdas.withdraw.stores import DeadLetters, Folder, Graveyard
from tests.fakes.aws import FakeS3, FakeSqs, client_error
from tests.fakes.dynamodb import FakeDynamoDB

table = FakeDynamoDB(faults=[None, client_error("ThrottlingException")])
graveyard = Graveyard(FakeS3(), [Folder("archive", "withdrawn/")])
module.service = WithdrawService(
    WithdrawalLedger(table, "t", "author", ("default-1",)), graveyard, DeadLetters(FakeSqs(), "q"), meter
)
"""

INVOKE = """
context = SimpleNamespace(
    function_name="cyberbullying_dev_function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
answer = module.handler(json.load(open(sys.argv[1])), context)
print(json.dumps({"answer": answer, "heavy": sorted({"boto3", "s3transfer", "rich"} & set(sys.modules))}))
"""


def python(script: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=LAMBDA | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def invoke(script: str, environment: dict[str, str], event: str) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The handler's answer, its log lines as JSON, and everything it wrote."""
    done = python(script + INVOKE, environment, str(EVENTS / event))
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    return json.loads(last), [json.loads(line) for line in lines], done.stdout + done.stderr


def metrics_of(lines: list[dict[str, Any]]) -> dict[tuple[str, ...], float]:
    """Sums of metrics by name and the values of their dimensions."""
    sums: dict[tuple[str, ...], float] = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Cyberbullying"
            (dimensions,) = directive["Dimensions"]
            for metric in directive["Metrics"]:
                key = (metric["Name"], *(line[name] for name in sorted(dimensions)))
                sums[key] = sums.get(key, 0.0) + sum(line[metric["Name"]])
    return sums


def test_classify_answers_an_event_and_counts_what_it_did() -> None:
    said, lines, everything = invoke(
        CLASSIFY_SCRIPT, CLASSIFY | {"POWERTOOLS_SERVICE_NAME": "classify"}, "kinesis_tweet_events.json"
    )
    assert said == {"answer": {"batchItemFailures": []}, "heavy": []}
    sums = metrics_of(lines)
    assert sums["TweetsClassified", "classify", "dev"] == 2
    assert sums["RecordsParked", "classify", "dev"] == 1
    assert sums["RecordsParked", "not_json", "classify", "dev"] == 1
    assert sums["ColdStart", "cyberbullying_dev_function", "classify"] == 1
    assert "Lovely weather" not in everything


def test_warn_answers_an_event_with_the_record_of_a_failed_sink() -> None:
    said, lines, everything = invoke(
        WARN_SCRIPT, WARN | {"POWERTOOLS_SERVICE_NAME": "warn"}, "kinesis_tweet_classification.json"
    )
    event = json.loads((EVENTS / "kinesis_tweet_classification.json").read_text())
    failed = event["Records"][0]["kinesis"]["sequenceNumber"]
    assert said["answer"] == {"batchItemFailures": [{"itemIdentifier": failed}]}
    sums = metrics_of(lines)
    assert sums["WarningsIssued", "warn", "dev"] == 1
    assert sums["SinkFailed", "warn", "events", "dev"] == 1
    assert any(line.get("level") == "ERROR" and line["sink"] == "events" for line in lines)
    assert '"a1"' not in everything, "no user's name in the log"


def test_withdraw_answers_an_event_with_the_messages_that_come_again() -> None:
    said, lines, everything = invoke(
        WITHDRAW_SCRIPT, WITHDRAW | {"POWERTOOLS_SERVICE_NAME": "withdraw"}, "sqs_withdrawals.json"
    )
    (failed,) = said["answer"]["batchItemFailures"]
    assert failed == {"itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a7d"}
    assert said["heavy"] == []
    sums = metrics_of(lines)
    assert sums["WithdrawalsApplied", "withdraw", "dev"] == 1
    assert sums["WithdrawalsFailed", "withdraw", "dev"] == 1
    assert sums["WithdrawalsRefused", "withdraw", "dev"] == 1
    assert "did:plc:ada" not in everything, "no user's name in the log"


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        ("classify", "FAILED_RECORDS_BUCKET"),
        ("warn", "FAILED_RECORDS_BUCKET"),
        ("withdraw", "DEAD_LETTER_QUEUE_URL"),
    ],
)
def test_a_function_without_its_environment_says_what_is_missing(function: str, variable: str) -> None:
    done = python(f"import lambdas.{function}.handler", {"STAGE": "dev"})
    assert done.returncode != 0
    assert f"{variable}: is not set" in done.stderr.splitlines()[-1]


def received(daemon: socket.socket) -> str:
    """Everything that was sent to the X-Ray daemon."""
    said = ""
    with suppress(TimeoutError):
        while True:
            said += daemon.recv(65_536).decode()
    return said


@pytest.mark.parametrize(
    ("script", "settings", "service", "event"),
    [
        (CLASSIFY_SCRIPT, CLASSIFY, "classify", "kinesis_tweet_events.json"),
        (WARN_SCRIPT, WARN, "warn", "kinesis_tweet_classification.json"),
    ],
    ids=["classify", "warn"],
)
def test_traces_are_sent_and_tell_nothing_of_tweets_and_authors(
    script: str, settings: dict[str, str], service: str, event: str
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0.2)
        tracing = {
            "POWERTOOLS_SERVICE_NAME": service,
            "POWERTOOLS_TRACE_DISABLED": "false",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        }
        invoke(script, settings | tracing, event)
        traces = received(daemon)
    assert f"lambdas.{service}.service" in traces
    assert '"ColdStart": true' in traces
    assert "Lovely weather" not in traces
    assert "a1" not in re.findall(r'"([^"]*)"', traces)


@pytest.mark.parametrize(("function", "settings"), [("warn", WARN), ("withdraw", WITHDRAW)])
def test_functions_that_score_nothing_start_without_numpy(function: str, settings: dict[str, str]) -> None:
    done = python(f"import sys, lambdas.{function}.handler; print('numpy' in sys.modules)", settings)
    assert done.stdout.strip() == "False", done.stderr


def test_in_lambda_the_champion_is_looked_up_before_the_first_batch() -> None:
    environment = CLASSIFY | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = python("import lambdas.classify.handler", environment)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line)["message"] for line in done.stdout.splitlines() if '"level"' in line]
    assert said == ["the champion cannot be fetched", "started without a model"]
