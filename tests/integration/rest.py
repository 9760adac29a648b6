"""Whether every record of the streams has been read and answered."""

from __future__ import annotations

from typing import Any

from local.poller.runner import MappingPoller
from local.stage import LocalStage


def iterator_after(kinesis: Any, stream: str, shard: str, sequence: str | None) -> str:
    """An iterator that begins after a record of a shard, or with the oldest one."""
    start: dict[str, Any] = (
        {"ShardIteratorType": "TRIM_HORIZON"}
        if sequence is None
        else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
    )
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)
    return str(iterator["ShardIterator"])


def at_rest(local: LocalStage) -> bool:
    """Whether no mapping has a record left, read or unread.

    Asked twice: what the first answer found nothing of may have been put by a mapping that was asked later.
    """
    return _all_answered(local) and _all_answered(local)


def _all_answered(local: LocalStage) -> bool:
    return all(_answered(poller, local.clients["kinesis"]) for poller in local.pollers)


def _answered(poller: MappingPoller, kinesis: Any) -> bool:
    mapping = poller.mapping
    for shard in kinesis.list_shards(StreamName=mapping.stream_name)["Shards"]:
        iterator = iterator_after(kinesis, mapping.stream_name, shard["ShardId"], poller.checkpoint(shard["ShardId"]))
        if kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"]:
            return False
    return poller.outstanding == 0
