"""Reading the stream of verdicts, on a machine that falls asleep over it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from local.stage import LocalStage
from local.verdicts import VerdictWatcher
from moderation.messages import Decision, encode
from tests.fakes import records
from tests.waiting import wait_for


class ExpiredIteratorError(ClientError):
    pass


class Stream:
    """Kinesis with one shard of two verdicts and something else; its iterators expire after the first record."""

    exceptions = SimpleNamespace(ExpiredIteratorException=ExpiredIteratorError)

    def __init__(self) -> None:
        self.data = [
            encode(records.verdict("1", Decision.PASS)),
            b"no verdict",
            encode(records.verdict("2", Decision.PASS)),
        ]
        self.expired = False

    def list_shards(self, **_: Any) -> dict[str, Any]:
        return {"Shards": [{"ShardId": "shard"}]}

    def get_shard_iterator(self, *, StartingSequenceNumber: str = "0", **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"ShardIterator": StartingSequenceNumber}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        position = int(ShardIterator)
        if position == 1 and not self.expired:
            self.expired = True
            raise ExpiredIteratorError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
        described = [
            {"SequenceNumber": str(position + 1), "Data": data, "ApproximateArrivalTimestamp": datetime.now(UTC)}
            for data in self.data[position : position + min(1, Limit)]
        ]
        return {"Records": described, "NextShardIterator": str(position + len(described))}


def test_an_iterator_that_expired_is_replaced_and_nothing_is_read_twice() -> None:
    stream = Stream()
    stage = SimpleNamespace(clients={"kinesis": stream}, config=SimpleNamespace(physical=lambda name: name))
    taken: list[str] = []
    watcher = VerdictWatcher(cast("LocalStage", stage), lambda event, _at: taken.append(event.prediction.tweet_id))
    watcher.start()
    wait_for(lambda: len(taken) == 2, "both verdicts")
    watcher.stop()
    watcher.join()
    assert taken == ["1", "2"]
    assert stream.expired
