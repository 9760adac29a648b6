"""Putting tweets into a stream within its limits, and reading what became of them."""

from __future__ import annotations

from typing import Any

import pytest

from local.errors import LocalError
from local.replay import MAX_BYTES, Outgoing, bad_records, batches, put
from moderation.errors import PoisonRecordError
from moderation.messages import decode_tweet_event


class Stream:
    """Kinesis that refuses some records at first."""

    def __init__(self, *refusals: set[str]) -> None:
        self.refusals = list(refusals)
        self.calls: list[list[str]] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert StreamName == "stream"
        self.calls.append([record["PartitionKey"] for record in Records])
        refused = self.refusals.pop(0) if self.refusals else set()
        answers = [
            {"ErrorCode": "ProvisionedThroughputExceededException"} if record["PartitionKey"] in refused else {}
            for record in Records
        ]
        return {"Records": answers}


def records(number: int, size: int = 10) -> list[Outgoing]:
    return [Outgoing(str(n), b"x" * size) for n in range(number)]


def test_a_call_has_at_most_500_records() -> None:
    assert [len(batch) for batch in batches(records(1_001))] == [500, 500, 1]


def test_a_call_stays_below_5_megabytes() -> None:
    made = list(batches(records(30, size=400_000)))
    assert sum(len(batch) for batch in made) == 30
    assert all(sum(len(one.data) + len(one.key) for one in batch) <= MAX_BYTES for batch in made)
    assert len(made) == 3


def test_no_record_makes_no_call() -> None:
    assert list(batches([])) == []


def test_only_what_was_refused_is_put_again() -> None:
    stream = Stream({"0", "2"}, {"2"})
    put(stream, "stream", records(3), lambda _: None)
    assert stream.calls == [["0", "1", "2"], ["0", "2"], ["2"]]


def test_each_wait_is_longer_than_the_one_before() -> None:
    waits: list[float] = []
    put(Stream({"0"}, {"0"}, {"0"}), "stream", records(1), waits.append)
    assert waits == sorted(set(waits))
    assert len(waits) == 3


def test_a_stream_that_keeps_refusing_is_named() -> None:
    with pytest.raises(LocalError, match="stream refused 1 records"):
        put(Stream(*[{"0"}] * 20), "stream", records(1), lambda _: None)


@pytest.mark.parametrize("record", bad_records(), ids=lambda record: record.key)
def test_the_bad_records_are_bad(record: Outgoing) -> None:
    with pytest.raises(PoisonRecordError):
        decode_tweet_event(record.data)
