"""Sends one harmless, marked tweet through a deployed stage and follows it: ``make canary STAGE=dev``.

A stage whose stacks deployed may still not work: no champion, a role that lacks a right, a mapping that is disabled.
The canary finds out from outside, as a user of the streams would: its tweet must come out as a verdict to the contract,
be let pass, be counted, and have no effects. The last is looked after as well as checked: whatever a wrong verdict made
`warn` remember of the canary is forgotten again. The records themselves leave the streams with their retention.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cdk_app.stages import EMULATOR_ACCOUNT, STAGES, TWEET_CLASSIFICATION, TWEET_EVENTS, StageConfig, stage_config
from lambdas.common.metric_names import (
    NAMESPACE,
    RECORDS_RECEIVED,
    TWEETS_FLAGGED,
    TWEETS_PASSED,
    TWEETS_REFERRED,
    Metric,
)
from moderation.champion import read_pointer
from moderation.effects import DEFAULT_POLICY
from moderation.errors import ModerationError, PoisonRecordError
from moderation.messages import (
    ClassificationEvent,
    Decision,
    Tweet,
    TweetEvent,
    decode_classification_event,
    encode,
    timestamp,
)
from moderation.tracing import TraceContext, new_trace_id

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef
    from mypy_boto3_ssm import SSMClient

MARK: Final = "canary"
"""The source of a canary's tweet, and the beginning of its id."""

TEXT: Final = "Good morning! Making pancakes and coffee before work."

_SLACK: Final = timedelta(seconds=60)
"""How far clocks may differ, and the resolution of metrics."""

_READ_LIMIT: Final = 1_000

_COUNTED: Final = {
    Decision.PASS: TWEETS_PASSED,
    Decision.REFER: TWEETS_REFERRED,
    Decision.FLAG: TWEETS_FLAGGED,
}

_ADVICE: Final = {
    "ResourceNotFoundException": "a stream or a table is missing; is the streaming stack deployed?",
    "ParameterNotFound": "the champion parameter is missing; is the storage stack deployed?",
    "AccessDeniedException": "these credentials may not do that; the delivery stack's deploy role may",
    "AccessDenied": "these credentials may not do that; the delivery stack's deploy role may",
    "ExpiredTokenException": "the credentials have expired; sign in again",
    "ExpiredToken": "the credentials have expired; sign in again",
}


class CanaryError(Exception):
    """The stage did not do with the canary what it should; the message says what, and where to look."""


class NotPassedError(CanaryError):
    """Everything works, but the champion did not let the canary pass."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of the services through which a canary passes."""

    kinesis: KinesisClient
    cloudwatch: CloudWatchClient
    dynamodb: DynamoDBClient
    ssm: SSMClient


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        verdict: for the verdict; a function that starts from nothing takes half a minute.
        metrics: for both functions' metrics, which CloudWatch shows after a minute or two.
        poll: between two looks; a shard may be read five times a second, by everybody together.
        clock: tells the time.
        sleep: passes it.
    """

    verdict: float = 120.0
    metrics: float = 300.0
    poll: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Sighting:
    """What became of a canary that lives. Seconds are since it was put; ``trace_id`` names its trace in X-Ray."""

    tweet_id: str
    trace_id: str
    verdict: ClassificationEvent
    verdict_seconds: float
    metrics_seconds: float


@dataclass(frozen=True)
class Canary:
    """Sends a tweet through a stage.

    Attributes:
        stage: to be tried.
        clients: of that stage's account and region.
        patience: how long to wait.
        say: tells a person what is going on.
        text: of the tweet.
    """

    stage: StageConfig
    clients: Clients
    patience: Patience = Patience()
    say: Callable[[str], None] = print
    text: str = TEXT

    def fly(self) -> Sighting:
        """Send the tweet, and wait until everything that follows from it is seen.

        Raises:
            CanaryError: something did not follow, or was wrong.
        NotPassedError: nothing but the verdict was wrong.
            ClientError: AWS refused a call.
            BotoCoreError: AWS could not be reached.
        """
        self._require_champion()
        tweet_id = f"{MARK}-{uuid.uuid4()}"
        started, sent_at = self.patience.clock(), datetime.now(UTC)
        trace = TraceContext(new_trace_id(sent_at.timestamp(), tweet_id))
        self._put(tweet_id, sent_at, trace)
        try:
            verdict = self._verdict(tweet_id, sent_at, started)
            verdict_seconds = self.patience.clock() - started
            self.say(f"verdict after {verdict_seconds:.1f} s: {_shown(verdict)}")
            # Also of a wrong verdict: `warn` must be done with it before what it remembers can be forgotten.
            self._wait_for_metrics(verdict.prediction.decision, sent_at, started)
            metrics_seconds = self.patience.clock() - started
            self.say(f"metrics after {metrics_seconds:.1f} s")
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self._forget(tweet_id)
            raise
        acted = self._forget(tweet_id)
        self._judge(verdict, acted=acted)
        self.say("it had no effects")
        return Sighting(tweet_id, trace.trace_id, verdict, verdict_seconds, metrics_seconds)

    def _require_champion(self) -> None:
        value = self.clients.ssm.get_parameter(Name=self.stage.champion_parameter)["Parameter"]["Value"]
        try:
            read_pointer(value)
        except ModerationError as error:
            raise CanaryError(f"{self.stage.champion_parameter}: {error}") from None

    def _put(self, tweet_id: str, sent_at: datetime, trace: TraceContext) -> None:
        stream = self.stage.physical(TWEET_EVENTS)
        event = TweetEvent(
            tweet_id=tweet_id,
            tweet=Tweet(tweet_text=self.text),
            created_at=timestamp(sent_at),
            lang="en",
            source=MARK,
            trace=trace.header(),
        )
        self.clients.kinesis.put_record(StreamName=stream, PartitionKey=tweet_id, Data=encode(event))
        self.say(f"put {tweet_id} into {stream}, trace {trace.trace_id}")

    def _verdict(self, tweet_id: str, sent_at: datetime, started: float) -> ClassificationEvent:
        for record in self._records(tweet_id, sent_at, started):
            if record["PartitionKey"] != tweet_id:
                continue
            try:
                verdict = decode_classification_event(record["Data"])
            except PoisonRecordError as error:
                raise CanaryError(f"the verdict is not to the contract: {error}") from None
            if (verdict.prediction.tweet_id, verdict.source) != (tweet_id, MARK):
                raise CanaryError("the verdict is of another tweet or names another source than the canary's")
            return verdict
        raise CanaryError(
            f"no verdict within {self.patience.verdict:.0f} s. Look at the logs and alarms of "
            f"{self.stage.physical('classify')}, whether its event source mapping is enabled, and below classify/ in "
            "the bucket of failed records"
        )

    def _records(self, tweet_id: str, since: datetime, started: float) -> Iterator[RecordTypeDef]:
        """Verdicts since a moment, of the shard that the canary's belongs to, until patience is at its end."""
        iterator: str | None = None
        while self.patience.clock() - started < self.patience.verdict:
            # None at the beginning, and again once the shard was split or merged.
            iterator = iterator or self._iterator(tweet_id, since)
            answer = self.clients.kinesis.get_records(ShardIterator=iterator, Limit=_READ_LIMIT)
            yield from answer["Records"]
            iterator = answer.get("NextShardIterator")
            if not answer["Records"]:
                self.patience.sleep(self.patience.poll)

    def _iterator(self, tweet_id: str, since: datetime) -> str:
        stream = self.stage.physical(TWEET_CLASSIFICATION)
        shard = self._shard(stream, int(hashlib.md5(tweet_id.encode(), usedforsecurity=False).hexdigest(), 16))
        return self.clients.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=since - _SLACK
        )["ShardIterator"]

    def _shard(self, stream: str, key: int) -> str:
        """The open shard that takes a hash key: MD5 of the partition key (Kinesis API reference, PutRecord)."""
        pages = self.clients.kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        for shard in (shard for page in pages for shard in page["Shards"]):
            keys = shard["HashKeyRange"]
            closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
            if not closed and int(keys["StartingHashKey"]) <= key <= int(keys["EndingHashKey"]):
                return shard["ShardId"]
        raise CanaryError(f"{stream} has no open shard for the canary; is it being resharded?")

    def _wait_for_metrics(self, decision: Decision, since: datetime, started: float) -> None:
        """Wait until both functions have counted.

        Other tweets are counted by the same metrics: on a stage that is busy this only says that metrics arrive.
        """
        missing = {("classify", _COUNTED[decision]), ("warn", RECORDS_RECEIVED)}
        while missing := {(service, metric) for service, metric in missing if not self._count(service, metric, since)}:
            if self.patience.clock() - started >= self.patience.metrics:
                names = " and ".join(sorted(f"{metric.name} of {service}" for service, metric in missing))
                raise CanaryError(
                    f"no {names} within {self.patience.metrics:.0f} s. Either the function did not run to its end, or "
                    "its log group does not receive the lines that metrics are made of"
                )
            self.patience.sleep(self.patience.poll)

    def _count(self, service: str, metric: Metric, since: datetime) -> float:
        answer = self.clients.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric.name,
            Dimensions=[{"Name": "service", "Value": service}, {"Name": "stage", "Value": self.stage.name}],
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + _SLACK,
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    def _forget(self, tweet_id: str) -> bool:
        """Take the canary out of the ledger of warnings; tells whether it stood there."""
        answer = self.clients.dynamodb.delete_item(
            TableName=self.stage.physical("warnings"),
            Key={"pk": {"S": f"{tweet_id}#{DEFAULT_POLICY.name}"}},
            ReturnValues="ALL_OLD",
        )
        return bool(answer.get("Attributes"))

    def _judge(self, verdict: ClassificationEvent, *, acted: bool) -> None:
        decision = verdict.prediction.decision
        if decision is not Decision.PASS:  # then it is right that `warn` acted
            raise NotPassedError(
                f"a harmless tweet was not let pass: {_shown(verdict)}. Compare the champion with the one before it; "
                "`python -m training_jobs.promote --rollback` goes back"
            )
        if acted:
            raise CanaryError(f"{self.stage.physical('warn')} acted on a tweet that was let pass")


def _shown(verdict: ClassificationEvent) -> str:
    said = verdict.prediction
    return f"{said.decision} ({said.classification}, {said.confidence:.2f}) by version {verdict.version}"


def make_clients(stage: StageConfig) -> Clients:
    """Clients for a stage, from the environment's credentials.

    Raises:
        CanaryError: the stage is emulated, and the environment does not say where.
    """
    import boto3  # noqa: PLC0415 - takes a moment, and --help should not

    session = boto3.Session(region_name=stage.region)
    if stage.account == EMULATOR_ACCOUNT:
        if not os.environ.get("AWS_ENDPOINT_URL"):
            raise CanaryError("set AWS_ENDPOINT_URL to the local stage's; `make up` starts it, `make status` names it")
        # The emulator takes any credentials, and should not see a person's own.
        session = boto3.Session("local", "local", region_name=stage.region)
    return Clients(
        session.client("kinesis"), session.client("cloudwatch"), session.client("dynamodb"), session.client("ssm")
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status: 0 it lives, 1 it does not, 2 it could not be sent or followed."""
    options = _parser().parse_args(arguments)
    patience = Patience(verdict=options.verdict_seconds, metrics=options.metrics_seconds)
    stage = stage_config(options.stage)
    try:
        Canary(stage, make_clients(stage), patience).fly()
    except CanaryError as error:
        print(f"canary: {error}", file=sys.stderr)
        return 1
    except NoCredentialsError:
        print("canary: no credentials: sign in first, or name a profile in AWS_PROFILE", file=sys.stderr)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        print(f"canary: AWS refused ({code}): {_ADVICE.get(code, error)}", file=sys.stderr)
    except BotoCoreError as error:
        print(f"canary: AWS cannot be reached: {error}", file=sys.stderr)
    else:
        return 0
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cdk_app.canary",
        description="Send a harmless, marked tweet through a deployed stage, and follow it to its verdict and metrics.",
        epilog="Credentials and endpoint come from the environment (AWS_PROFILE, AWS_ENDPOINT_URL). Exit status: "
        "0 all is well, 1 the stage did something wrong, 2 the canary could not be sent or followed.",
    )
    parser.add_argument("--stage", required=True, choices=list(STAGES))
    defaults = Patience()
    parser.add_argument(
        "--verdict-seconds", type=float, default=defaults.verdict, help="how long to wait for the verdict (%(default)s)"
    )
    parser.add_argument(
        "--metrics-seconds", type=float, default=defaults.metrics, help="how long to wait for the metrics (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
