"""What comes out of the stream of verdicts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_app.stages import TWEET_CLASSIFICATION
from local.stage import LocalStage
from moderation.errors import PoisonRecordError
from moderation.messages import ClassificationEvent, decode_classification_event

_READ_LIMIT: Final = 2_000
_POLL_SECONDS: Final = 0.1


class VerdictWatcher(threading.Thread):
    """Reads every shard of ``tweet_classification`` from its beginning, until it is stopped.

    Args:
        stage: that runs.
        take: is told of each verdict, and when it arrived, in seconds since the epoch.
    """

    def __init__(self, stage: LocalStage, take: Callable[[ClassificationEvent, float], None]) -> None:
        super().__init__(name="verdict-watcher", daemon=True)
        self._kinesis = stage.clients["kinesis"]
        self._stream = stage.config.physical(TWEET_CLASSIFICATION)
        self._take = take
        self._stopping = threading.Event()
        self._last = time.monotonic()
        self._iterators: dict[str, str] = {}
        self._seen: dict[str, str] = {}

    @property
    def progressing(self) -> bool:
        """Whether a verdict came in the last two seconds."""
        return time.monotonic() - self._last < 2.0  # noqa: PLR2004 - as the docstring says

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()

    def run(self) -> None:
        """Read."""
        shards = [shard["ShardId"] for shard in self._kinesis.list_shards(StreamName=self._stream)["Shards"]]
        try:
            self._iterators = {shard: self._iterator(shard) for shard in shards}
            while not self._stopping.is_set():
                if not sum(self._read_shard(shard) for shard in shards):
                    self._stopping.wait(_POLL_SECONDS)
        except (ClientError, BotoCoreError):
            return  # the emulator is gone: so is the need to read

    def _read_shard(self, shard: str) -> int:
        """Read what a shard has now; returns how many records that was."""
        try:
            answer = self._kinesis.get_records(ShardIterator=self._iterators[shard], Limit=_READ_LIMIT)
        except self._kinesis.exceptions.ExpiredIteratorException:  # the machine has slept
            self._iterators[shard] = self._iterator(shard)
            return 0
        self._iterators[shard] = answer["NextShardIterator"]
        for record in answer["Records"]:
            self._seen[shard] = record["SequenceNumber"]
            self._last = time.monotonic()
            self._read(record)
        return len(answer["Records"])

    def _iterator(self, shard: str) -> str:
        """An iterator that begins after what was read of a shard."""
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard in self._seen:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._seen[shard]}
        answer = self._kinesis.get_shard_iterator(StreamName=self._stream, ShardId=shard, **start)
        return str(answer["ShardIterator"])

    def _read(self, record: dict[str, Any]) -> None:
        try:
            event = decode_classification_event(record["Data"])
        except PoisonRecordError:
            return
        self._take(event, record["ApproximateArrivalTimestamp"].timestamp())
