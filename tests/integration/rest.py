"""Whether every record of the streams has been read and answered."""

from __future__ import annotations

from typing import Any

from local.poller.runner import MappingPoller
from local.stage import LocalStage


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
        done = poller.checkpoint(shard["ShardId"])
        start: dict[str, Any] = (
            {"ShardIteratorType": mapping.starting_position}
            if done is None
            else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": done}
        )
        if done is None and mapping.starting_timestamp is not None:
            start["Timestamp"] = mapping.starting_timestamp
        iterator = kinesis.get_shard_iterator(StreamName=mapping.stream_name, ShardId=shard["ShardId"], **start)
        if kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)["Records"]:
            return False
    return poller.outstanding == 0
