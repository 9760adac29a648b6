"""Writing to a stream within PutRecords' limits."""

from __future__ import annotations

from lambdas.common.delivery import NOT_TRIED, OVERSIZED
from lambdas.common.streams import PUT_RECORDS_LIMITS, Outgoing, StreamWriter
from tests.fakes.aws import FakeKinesis, as_client, client_error
from tests.fakes.time import noted_retry


def writer(kinesis: FakeKinesis, attempts: int = 3) -> StreamWriter:
    return StreamWriter(as_client(kinesis), "stream", noted_retry(attempts=attempts))


def test_more_than_500_records_take_more_than_one_call() -> None:
    kinesis = FakeKinesis()
    delivery = writer(kinesis).put([Outgoing(str(number), b"x") for number in range(1001)])
    assert kinesis.sizes == [500, 500, 1]
    assert delivery.first_failed is None
    assert [key for key, _ in kinesis.records] == [str(number) for number in range(1001)]


def test_five_megabytes_are_the_most_for_one_call_keys_included() -> None:
    kinesis = FakeKinesis()
    megabyte = b"x" * (2**20 - 4)
    writer(kinesis).put([Outgoing("four", megabyte)] * 6)
    assert kinesis.sizes == [5, 1]
    assert PUT_RECORDS_LIMITS.total == 5 * 2**20


def test_a_record_that_its_key_makes_too_large_is_not_sent() -> None:
    kinesis = FakeKinesis()
    delivery = writer(kinesis).put([Outgoing("key", b"x" * (2**20 - 2))])
    assert delivery.failed == {0: OVERSIZED}
    assert kinesis.records == []


def test_throttled_records_are_put_again_and_no_others() -> None:
    kinesis = FakeKinesis(refuse=lambda call, position: call == 1 and position % 2 == 1)
    delivery = writer(kinesis).put([Outgoing(str(number), b"x") for number in range(4)])
    assert delivery.failed == {}
    assert delivery.retried == 2
    assert [key for key, _ in kinesis.records] == ["0", "2", "1", "3"]


def test_a_stream_that_stays_throttled_fails_from_the_first_refused_record() -> None:
    kinesis = FakeKinesis(refuse=lambda call, position: True)
    delivery = writer(kinesis).put([Outgoing(str(number), b"x") for number in range(501)])
    assert delivery.first_failed == 0
    assert delivery.failed[0] == "ProvisionedThroughputExceededException"
    assert delivery.failed[500] == NOT_TRIED
    assert len(kinesis.calls) == 3


def test_a_refused_call_fails_its_own_records_and_keeps_those_before() -> None:
    kinesis = FakeKinesis(faults=[None, client_error("ResourceNotFoundException")])
    delivery = writer(kinesis).put([Outgoing(str(number), b"x") for number in range(600)])
    assert delivery.first_failed == 500
    assert len(kinesis.records) == 500
