"""Puts tweets into ``tweet_events`` and waits until every one of them has its verdict, its warning or its reason."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_app.stages import TWEET_EVENTS
from local import paths
from local.dataset import Row
from local.errors import LocalError
from local.stage import LocalStage
from local.verdicts import VerdictWatcher
from moderation.labels import Label
from moderation.messages import ClassificationEvent, Decision, Tweet, TweetEvent, encode, timestamp

MAX_RECORDS: Final = 500
"""Records of one PutRecords call (Kinesis API reference)."""

MAX_BYTES: Final = 4_500_000
"""Bytes of one PutRecords call: 5 MB, keys included, with some room."""

SOURCE: Final = "replay"
_AUTHORS: Final = 500
_PATIENCE_SECONDS: Final = 60.0
"""How long nothing may happen before the replay gives up."""

_TRIES: Final = 8
_POLL_SECONDS: Final = 0.1

Report = Callable[[str, int, int], None]
"""Is told how far something is: name, done, total."""


@dataclass(frozen=True)
class Outgoing:
    """One record to be put."""

    key: str
    data: bytes


@dataclass(frozen=True)
class Verdict:
    """What was read from ``tweet_classification``; ``at`` is when it arrived there, seconds since the epoch."""

    label: Label
    decision: Decision
    version: str
    at: float


@dataclass
class Outcome:
    """Everything that is known after a replay.

    Attributes:
        labels: by tweet id, what the data set says.
        put_at: by tweet id, when its record was handed to the stream.
        verdicts: by tweet id.
        warned_at: by tweet id, when the warning was recorded.
        held: warnings beyond the daily quota.
        referred: tweets that a person is to look at.
        set_aside: records that were not classified, by reason.
        duplicates: verdicts that came more than once.
        bad: records that were sent although they are not to the contract.
    """

    labels: dict[str, Label] = field(default_factory=dict)
    put_at: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    warned_at: dict[str, float] = field(default_factory=dict)
    held: int = 0
    referred: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    bad: int = 0

    def take(self, event: ClassificationEvent, at: float) -> None:
        """Note a verdict; one on a tweet of somebody else's is none of this replay."""
        prediction = event.prediction
        if prediction.tweet_id not in self.labels:
            return
        if prediction.tweet_id in self.verdicts:
            self.duplicates += 1
            return
        self.verdicts[prediction.tweet_id] = Verdict(prediction.classification, prediction.decision, event.version, at)


@dataclass(frozen=True)
class Before:
    """What there was before a replay: records set aside by reason, and verdicts that were acted on."""

    set_aside: Counter[str]
    acted_on: int


def bad_records() -> list[Outgoing]:
    """Records that the classifier must set aside, one for each usual fault."""
    return [
        Outgoing("bad-1", b"this is not JSON"),
        Outgoing("bad-2", b'{"tweet_id": "bad-2", "tweet": {"tweet_text": "   "}}'),
        Outgoing("bad-3", b'{"tweet_id": "bad-3"}'),
        Outgoing("bad-4", b"\xff\xfe\x00"),
    ]


def replay(
    stage: LocalStage, rows: Sequence[Row], report: Report, *, source: str = SOURCE, bad: Sequence[Outgoing] = ()
) -> Outcome:
    """Send tweets through the stage, and wait for all that follows from them.

    Args:
        stage: that runs and has a champion.
        rows: the tweets.
        report: is told how far it is.
        source: where the tweets are said to come from.
        bad: records to be sent among them that are not to the contract.

    Raises:
        LocalError: not everything arrived in time; the message says what is missing and where to look.
        StoppedError: the stage is being stopped.
    """
    outcome = Outcome(bad=len(bad))
    before = Before(set_aside(stage), stage.poller("warn").done)
    run = f"{source}-{int(time.time()):x}"
    records = []
    for number, row in enumerate(rows):
        tweet_id = f"{run}-{number}"
        outcome.labels[tweet_id] = row.label
        event = TweetEvent(
            tweet_id=tweet_id,
            tweet=Tweet(tweet_text=row.text),
            author_id=f"author-{number % _AUTHORS}",
            created_at=timestamp(),
            lang=row.lang,
            source=source,
        )
        records.append(Outgoing(tweet_id, encode(event)))
    middle = len(records) // 2
    records[middle:middle] = bad
    watcher = VerdictWatcher(stage, outcome.take)
    watcher.start()
    try:
        sender = threading.Thread(target=_send, args=(stage, records, outcome), name="replay", daemon=True)
        sender.start()
        _wait_for_verdicts(stage, outcome, before, watcher, report)
        sender.join()
        _wait_for_effects(stage, outcome, before, report)
    finally:
        watcher.stop()
    return outcome


def batches(records: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Records in calls of PutRecords within its limits."""
    batch: list[Outgoing] = []
    size = 0
    for record in records:
        bytes_more = len(record.data) + len(record.key)
        if batch and (len(batch) == MAX_RECORDS or size + bytes_more > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += bytes_more
    if batch:
        yield batch


def put(kinesis: Any, stream: str, batch: Sequence[Outgoing], pause: Callable[[float], None] = time.sleep) -> None:
    """Put one batch; entries that the stream refuses are put again, later and later.

    Raises:
        LocalError: some were refused every time.
    """
    waiting = list(batch)
    for attempt in range(_TRIES):
        answer = kinesis.put_records(
            StreamName=stream, Records=[{"Data": record.data, "PartitionKey": record.key} for record in waiting]
        )
        entries = zip(waiting, answer["Records"], strict=True)
        waiting = [record for record, entry in entries if entry.get("ErrorCode")]
        if not waiting:
            return
        pause(0.1 * 2**attempt)
    raise LocalError(f"{stream} refused {len(waiting)} records again and again")


def _send(stage: LocalStage, records: Sequence[Outgoing], outcome: Outcome) -> None:
    stream = stage.config.physical(TWEET_EVENTS)
    try:
        for batch in batches(records):
            now = time.time()
            outcome.put_at.update((record.key, now) for record in batch)
            put(stage.clients["kinesis"], stream, batch, stage.supervisor.pause)
    except (LocalError, ClientError, BotoCoreError):
        if not stage.supervisor.closing:
            raise


def _wait_for_verdicts(
    stage: LocalStage, outcome: Outcome, before: Before, watcher: VerdictWatcher, report: Report
) -> None:
    wanted = len(outcome.labels)
    seen, deadline = 0, time.monotonic() + _PATIENCE_SECONDS
    while True:
        report("put", sum(key in outcome.labels for key in list(outcome.put_at)), wanted)
        report("verdicts", len(outcome.verdicts), wanted)
        if len(outcome.verdicts) >= wanted:
            return
        if not watcher.progressing:
            outcome.set_aside = set_aside(stage) - before.set_aside
            if sum(outcome.set_aside.values()) - outcome.bad >= wanted - len(outcome.verdicts):
                return  # what was given up will get no verdict; the summary says so
        if len(outcome.verdicts) > seen:
            seen, deadline = len(outcome.verdicts), time.monotonic() + _PATIENCE_SECONDS
        if time.monotonic() > deadline or not watcher.is_alive():
            raise LocalError(_why_nothing_comes(stage, wanted - seen))
        stage.supervisor.pause(_POLL_SECONDS)


def _why_nothing_comes(stage: LocalStage, missing: int) -> str:
    counts = stage.poller("classify").counts
    log = paths.LOGS / f"{stage.config.physical('classify')}.log"
    return (
        f"{missing} tweets have no verdict, and none came for {_PATIENCE_SECONDS:.0f} s; "
        f"{counts.failed_invocations} of {counts.invocations} invocations of the classifier failed: {log}"
    )


def _wait_for_effects(stage: LocalStage, outcome: Outcome, before: Before, report: Report) -> None:
    """Wait for the warnings of what was flagged, and for the bad records to be set aside."""
    flagged = sum(verdict.decision is Decision.FLAG for verdict in outcome.verdicts.values())
    warner = stage.poller("warn")
    done, deadline = 0, time.monotonic() + _PATIENCE_SECONDS
    while True:
        # The table is read once the warner has nothing more to do: a scan costs the emulator more than a warning.
        acted_on = warner.done - before.acted_on
        report("acted on", min(acted_on, len(outcome.verdicts)), len(outcome.verdicts))
        if acted_on > done:
            done, deadline = acted_on, time.monotonic() + _PATIENCE_SECONDS
        if acted_on >= len(outcome.verdicts):
            _read_warnings(stage, outcome)
            outcome.set_aside = set_aside(stage) - before.set_aside
            missing = flagged - len(outcome.warned_at) - outcome.held
            if missing <= 0 and sum(outcome.set_aside.values()) >= outcome.bad:
                return
        if time.monotonic() > deadline:
            raise LocalError(f"not every flagged tweet has its warning; the logs in {paths.LOGS} say why")
        stage.supervisor.pause(_POLL_SECONDS)


def _read_warnings(stage: LocalStage, outcome: Outcome) -> None:
    table = stage.config.physical("warnings")
    held = referred = 0
    for page in stage.clients["dynamodb"].get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            tweet_id = item.get("tweet_id", {}).get("S")
            if tweet_id not in outcome.labels:
                continue
            status = item["status"]["S"]
            held += status == "held"
            referred += status == "referred"
            if status == "issued":
                outcome.warned_at[tweet_id] = _seconds(item["recorded_at"]["S"])
    outcome.held, outcome.referred = held, referred


def set_aside(stage: LocalStage) -> Counter[str]:
    """How many records lie in the bucket for failed records, by reason."""
    reasons: Counter[str] = Counter()
    s3, bucket = stage.clients["s3"], stage.bucket("failed-records")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            if found["Key"].startswith("aws/lambda/"):
                failed = json.loads(body)
                reasons[failed["requestContext"]["condition"]] += failed["KinesisBatchInfo"]["batchSize"]
            else:
                reasons.update(json.loads(line)["reason"] for line in body.splitlines() if line.strip())
    return reasons


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
