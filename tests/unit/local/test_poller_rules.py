"""The specification of the poller: every rule that Lambda documents for Kinesis event source mappings, with its page.

Pages, under https://docs.aws.amazon.com/lambda/latest/:

* KINESIS  dg/with-kinesis.html (polling, batching, parallelization)
* PARTIAL  dg/services-kinesis-batchfailurereporting.html
* DISCARD  dg/kinesis-on-failure-destination.html
* BATCHING dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
* API      api/API_CreateEventSourceMapping.html
* QUOTAS   dg/gettingstarted-limits.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.poller.records import MAX_PAYLOAD_BYTES, event_of, read_mapping
from local.poller.response import Failed, Outcome, Processed, read_response
from local.poller.shard import BackOff, Discard, Invoke, Shard
from tests.unit.local.poller_support import (
    FUNCTION,
    SHARD,
    STREAM,
    Drive,
    mapping,
    numbers,
    poison,
    record,
    reports,
    throttled,
)


class TestBatching:
    def test_a_batch_holds_at_most_batch_size_records_in_the_order_of_the_shard(self) -> None:
        """BATCHING: a batch is sent when the number of records in it reaches the batch size."""
        drive = Drive(mapping(batch_size=4), [record(n) for n in range(1, 11)], poison()).run()
        assert drive.batches == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]

    def test_without_a_window_records_are_invoked_as_soon_as_they_are_there(self) -> None:
        """API, MaximumBatchingWindowInSeconds: the default of stream sources is 0 seconds."""
        drive = Drive(mapping(batch_size=100), [record(1)], poison(), now=5.0).run()
        assert drive.calls == [(5.0, [1])]

    def test_a_window_gathers_records_until_it_closes(self) -> None:
        """BATCHING: the window begins with the first record; the batch is sent when it expires."""
        shard = Shard(SHARD, mapping(batch_size=100, window=2.0))
        shard.accept([record(1)], now=10.0)
        assert shard.ready(11.0) == []
        assert shard.wake_at(11.0) == 12.0
        shard.accept([record(2)], now=11.5)
        (task,) = shard.ready(12.0)
        assert numbers(task.batch) == [1, 2]

    def test_a_full_batch_does_not_wait_for_its_window(self) -> None:
        """BATCHING: a batch is sent when any one of its three criteria is met."""
        drive = Drive(mapping(batch_size=2, window=300.0), [record(1), record(2)], poison()).run()
        assert drive.calls == [(0.0, [1, 2])]

    def test_a_batch_never_exceeds_the_payload_limit(self) -> None:
        """BATCHING and QUOTAS: the payload of an invocation is at most 6 MB; whole records are left for the next."""
        settings = mapping(batch_size=100, window=300.0)
        records = [record(n, size=1_000_000) for n in range(1, 8)]
        shard = Shard(SHARD, settings)
        shard.accept(records, now=0.0)
        (task,) = shard.ready(0.0)
        assert numbers(task.batch) == [1, 2, 3, 4]
        assert len(event_of(settings, SHARD, task.batch.records)) <= MAX_PAYLOAD_BYTES
        assert len(event_of(settings, SHARD, records[:5])) > MAX_PAYLOAD_BYTES

    def test_the_event_has_the_shape_that_functions_are_sent(self) -> None:
        """KINESIS: the example event."""
        (entry,) = json.loads(event_of(mapping(), SHARD, [record(7, key="k", arrived_at=1545084650.987)]))["Records"]
        assert entry["kinesis"] == {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "7",
            "data": "eHg=",
            "approximateArrivalTimestamp": 1545084650.987,
        }
        assert entry["eventID"] == f"{SHARD}:7"
        assert entry["eventSource"] == "aws:kinesis"
        assert entry["eventSourceARN"] == STREAM
        assert entry["awsRegion"] == "us-east-1"

    def test_reading_ahead_is_bounded(self) -> None:
        """Ours: a shard that is blocked must not be read into memory."""
        shard = Shard(SHARD, mapping(batch_size=10))
        shard.accept([record(n) for n in range(40)], now=0.0)
        assert shard.room == 0


class TestOrder:
    def test_the_next_batch_waits_for_the_one_before(self) -> None:
        """KINESIS: Lambda processes records of a shard in order, one batch at a time."""
        shard = Shard(SHARD, mapping(batch_size=1))
        shard.accept([record(1), record(2)], now=0.0)
        (first,) = shard.ready(0.0)
        assert shard.ready(0.0) == []
        shard.resolve(first, Processed(), 0.0)
        (second,) = shard.ready(0.0)
        assert numbers(second.batch) == [2]

    def test_a_failing_batch_blocks_its_shard(self) -> None:
        """DISCARD: with default settings a bad record can block processing on the affected shard."""
        drive = Drive(mapping(batch_size=1), [record(1), record(2)], poison(1)).run(until=300.0)
        assert set(map(tuple, drive.batches)) == {(1,)}
        assert drive.discards == []

    def test_the_parallelization_factor_is_batches_at_the_same_time(self) -> None:
        """KINESIS: ParallelizationFactor processes one shard with more than one invocation simultaneously."""
        shard = Shard(SHARD, mapping(batch_size=100, parallelization=4))
        shard.accept([record(n) for n in range(200)], now=0.0)
        tasks = shard.ready(0.0)
        assert len(tasks) == 4
        assert sorted(n for task in tasks for n in numbers(task.batch)) == list(range(200))

    def test_order_holds_per_partition_key_with_parallel_batches(self) -> None:
        """KINESIS: Lambda still ensures in-order processing at the partition-key level."""
        records = [record(n, key=f"author-{n % 7}") for n in range(70)]
        drive = Drive(mapping(batch_size=5, parallelization=3), records, reports(13, 40)).run(until=60.0)
        for key in range(7):
            seen = [n for batch in drive.batches for n in batch if n % 7 == key]
            firsts = list(dict.fromkeys(seen))
            assert firsts == sorted(firsts)

    def test_a_blocked_key_does_not_hold_up_the_other_lanes(self) -> None:
        """KINESIS: the lanes of a parallelization factor are independent."""
        settings = mapping(batch_size=1, parallelization=2)
        lanes = {Shard(SHARD, settings)._lane_of(record(n)): n for n in range(20)}
        bad, good = lanes[0], lanes[1]
        drive = Drive(settings, [record(bad), record(good)], poison(bad)).run(until=30.0)
        assert [good] in drive.batches
        assert drive.shard.outstanding == 1


class TestCheckpoint:
    def test_a_success_moves_the_checkpoint_to_the_highest_number_of_the_batch(self) -> None:
        """PARTIAL: Lambda checkpoints to the highest sequence number of a batch on complete success."""
        drive = Drive(mapping(batch_size=3), [record(n) for n in (1, 2, 3)], poison()).run()
        assert drive.checkpoints == ["3"]

    def test_a_failure_leaves_the_checkpoint_where_it_was(self) -> None:
        """PARTIAL: every other result is a complete failure."""
        drive = Drive(mapping(batch_size=3, max_retries=5), [record(n) for n in (1, 2, 3)], poison(2))
        drive.run(at_most=1_000, until=0.0)
        assert drive.shard.checkpoint is None

    def test_a_partial_failure_moves_the_checkpoint_up_to_the_failed_record(self) -> None:
        """PARTIAL: Lambda uses the lowest reported sequence number as the checkpoint."""
        drive = Drive(mapping(report_failures=True), [record(n) for n in range(1, 6)], reports(3)).run(until=0.0)
        assert drive.shard.checkpoint == "2"

    def test_the_checkpoint_never_passes_a_record_that_is_not_done_with(self) -> None:
        """Ours: lanes finish in any order, and a restart must not lose the slow one."""
        settings = mapping(batch_size=1, parallelization=2)
        lanes = {Shard(SHARD, settings)._lane_of(record(n)): n for n in range(1, 20)}
        early, late = sorted(lanes.values())
        shard = Shard(SHARD, settings)
        shard.accept([record(early), record(late)], now=0.0)
        by_number = {numbers(task.batch)[0]: task for task in shard.ready(0.0)}
        shard.resolve(by_number[late], Processed(), 0.0)
        assert shard.checkpoint is None
        shard.resolve(by_number[early], Processed(), 0.0)
        assert shard.checkpoint == str(late)

    def test_a_discarded_batch_is_done_with(self) -> None:
        """DISCARD: Lambda discards the records and continues processing batches from the stream."""
        drive = Drive(mapping(batch_size=2, max_retries=0), [record(n) for n in (1, 2, 3)], poison(1)).run()
        assert drive.batches == [[1, 2], [3]]
        assert drive.shard.checkpoint == "3"

    def test_sequence_numbers_are_compared_as_numbers(self) -> None:
        """Kinesis API, SequenceNumber: a decimal number of no fixed width."""
        drive = Drive(mapping(batch_size=1), [record(n) for n in (9, 10, 11)], poison()).run()
        assert drive.checkpoints == ["9", "10", "11"]


class TestRetries:
    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_a_batch_is_tried_once_and_then_as_often_as_the_quota_says(self, retries: int) -> None:
        """API, MaximumRetryAttempts: the maximum number of times to retry when the function returns an error."""
        drive = Drive(mapping(max_retries=retries), [record(1), record(2)], poison(1)).run()
        assert drive.batches == [[1, 2]] * (retries + 1)
        assert drive.discarded == [("RetryAttemptsExhausted", [1, 2])]
        assert drive.discards[0].batch.invocations == retries + 1

    def test_without_a_limit_retries_go_on_until_the_record_expires(self) -> None:
        """API, MaximumRetryAttempts: -1 is infinite; failed records are retried until the record expires."""
        drive = Drive(mapping(retention=600.0), [record(1)], poison(1)).run()
        assert len(drive.calls) > 10
        assert drive.now > 600.0
        assert drive.discarded == [("RecordAgeExceeded", [1])]

    def test_tries_are_spaced_by_a_growing_wait(self) -> None:
        """DISCARD and BATCHING do not give the waits; they double here, up to a ceiling."""
        drive = Drive(mapping(max_retries=4), [record(1)], poison(1)).run()
        assert [moment for moment, _ in drive.calls] == [0.0, 1.0, 3.0, 7.0, 15.0]
        assert BackOff(first=1.0, ceiling=10.0).after(50) == 10.0

    def test_the_wait_begins_anew_after_a_success(self) -> None:
        """Ours: one bad hour must not slow the next day."""
        answers: dict[int, list[Outcome]] = {1: [Failed(), Failed(), Processed()], 2: [Failed(), Processed()]}
        drive = Drive(mapping(batch_size=1), [record(1), record(2)], lambda batch: answers[batch[0]].pop(0)).run()
        assert [moment for moment, _ in drive.calls] == [0.0, 1.0, 3.0, 3.0, 4.0]

    def test_a_throttle_does_not_use_up_a_retry(self) -> None:
        """DISCARD, before invocation: on throttling Lambda retries until the records expire or exceed the age."""
        drive = Drive(mapping(max_retries=0, max_age=60.0), [record(1)], throttled).run()
        assert len(drive.calls) > 3
        assert drive.discarded == [("RecordAgeExceeded", [1])]
        assert drive.discards[0].batch.invocations == 0

    def test_retries_after_a_throttle_are_all_still_there(self) -> None:
        """DISCARD, before invocation."""
        calls = iter([throttled([]), throttled([]), Failed(), Failed()])
        drive = Drive(mapping(max_retries=1), [record(1)], lambda _batch: next(calls)).run()
        assert len(drive.calls) == 4
        assert drive.discarded == [("RetryAttemptsExhausted", [1])]


class TestAge:
    def test_records_past_the_age_are_given_up_without_an_invocation(self) -> None:
        """API, MaximumRecordAgeInSeconds: discard records older than the specified age."""
        records = [record(1, arrived_at=0.0), record(2, arrived_at=90.0)]
        drive = Drive(mapping(max_age=60.0), records, poison(), now=100.0).run()
        assert drive.discarded == [("RecordAgeExceeded", [1])]
        assert drive.batches == [[2]]

    def test_a_failing_batch_ends_when_its_records_grow_too_old(self) -> None:
        """DISCARD, during invocation: Lambda retries until the records exceed the maximum age."""
        drive = Drive(mapping(max_age=60.0), [record(1)], poison(1)).run()
        assert drive.discarded == [("RecordAgeExceeded", [1])]
        assert 60.0 < drive.now < 61.0

    def test_without_an_age_the_retention_of_the_stream_is_the_limit(self) -> None:
        """PARAMETERS (dg/services-kinesis-parameters.html): -1 never discards; the stream's retention still applies."""
        assert mapping(max_age=-1).age_limit == 24 * 3600
        assert mapping(max_age=-1, retention=3600.0).age_limit == 3600.0
        assert mapping(max_age=60.0).age_limit == 60.0


class TestBisect:
    def test_a_failed_batch_is_split_in_two_and_the_first_half_comes_first(self) -> None:
        """API, BisectBatchOnFunctionError: if the function returns an error, split the batch in two and retry."""
        drive = Drive(mapping(bisect=True, max_retries=0), [record(n) for n in range(1, 9)], poison(8)).run()
        assert drive.batches[:3] == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8]]

    def test_splitting_isolates_the_bad_record_and_saves_its_neighbours(self) -> None:
        """DISCARD: bisecting isolates bad records."""
        drive = Drive(mapping(bisect=True, max_retries=2), [record(n) for n in range(1, 9)], poison(6)).run()
        assert drive.discarded == [("RetryAttemptsExhausted", [6])]
        succeeded = [n for batch in drive.batches if 6 not in batch for n in batch]
        assert sorted(succeeded) == [1, 2, 3, 4, 5, 7, 8]

    def test_splitting_does_not_use_up_retries(self) -> None:
        """DISCARD: splitting a batch does not count towards the retry quota."""
        drive = Drive(mapping(bisect=True, max_retries=2), [record(n) for n in range(1, 9)], poison(6)).run()
        assert drive.batches.count([6]) == 3

    def test_a_failed_invocation_is_bisected_whatever_is_reported(self) -> None:
        """PARTIAL: if the invocation fails, the batch is bisected regardless of ReportBatchItemFailures."""
        settings = mapping(bisect=True, report_failures=True, max_retries=0)
        drive = Drive(settings, [record(n) for n in (1, 2, 3, 4)], poison(4)).run()
        assert drive.batches[1] == [1, 2]

    def test_a_partial_failure_splits_at_the_returned_number(self) -> None:
        """PARTIAL: with both on, the batch is bisected at the returned number and only the rest is retried."""
        settings = mapping(bisect=True, report_failures=True, max_retries=0)
        drive = Drive(settings, [record(n) for n in range(1, 7)], reports(4)).run()
        assert drive.batches[:2] == [[1, 2, 3, 4, 5, 6], [4, 5, 6]]
        assert drive.discarded == [("RetryAttemptsExhausted", [4])]

    def test_a_partial_failure_at_the_first_record_is_split_in_two(self) -> None:
        """PARTIAL is silent on a returned number that splits nothing off: it is taken as a failure of the whole."""
        settings = mapping(bisect=True, report_failures=True, max_retries=1)
        drive = Drive(settings, [record(n) for n in (1, 2, 3)], reports(1)).run()
        assert drive.discarded == [("RetryAttemptsExhausted", [1])]
        assert drive.shard.checkpoint == "3"


class TestPartialFailures:
    def test_only_the_records_from_the_failed_one_on_are_tried_again(self) -> None:
        """PARTIAL: Lambda retries all records starting from the checkpoint."""
        settings = mapping(report_failures=True, max_retries=1)
        drive = Drive(settings, [record(n) for n in range(1, 6)], reports(3)).run()
        assert drive.batches == [[1, 2, 3, 4, 5], [3, 4, 5]]
        assert drive.discarded == [("RetryAttemptsExhausted", [3, 4, 5])]

    @pytest.mark.parametrize(
        "payload",
        [b"", b"null", b'""', b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}', b'{"other": 1}'],
    )
    def test_what_counts_as_complete_success(self, payload: bytes) -> None:
        """PARTIAL: an empty or null batchItemFailures list, an empty or null EventResponse."""
        assert read_response(payload, [record(1)], report_failures=True) == Processed()

    @pytest.mark.parametrize(
        "payload",
        [
            b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
            b'{"batchItemFailures": [{"itemIdentifier": null}]}',
            b'{"batchItemFailures": [{"sequenceNumber": "1"}]}',
            b'{"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "99"}]}',
            b'{"batchItemFailures": [{"itemIdentifier": ["1"]}]}',
            b'{"batchItemFailures": "1"}',
            b"[1]",
            b"not JSON",
        ],
    )
    def test_what_counts_as_complete_failure(self, payload: bytes) -> None:
        """PARTIAL: an empty or null itemIdentifier, or one with a bad key name. So is a number not in the batch."""
        assert read_response(payload, [record(1)], report_failures=True) == Failed(function_error=None)

    def test_the_lowest_reported_number_counts(self) -> None:
        """PARTIAL: if the list contains multiple items, the lowest sequence number is the checkpoint."""
        payload = b'{"batchItemFailures": [{"itemIdentifier": "11"}, {"itemIdentifier": "9"}]}'
        outcome = read_response(payload, [record(n) for n in (8, 9, 10, 11)], report_failures=True)
        assert outcome == Processed(failed_from=1)

    def test_the_answer_does_not_count_unless_the_mapping_says_so(self) -> None:
        """PARTIAL: to allow for partial successes, turn on ReportBatchItemFailures."""
        payload = b'{"batchItemFailures": [{"itemIdentifier": "1"}]}'
        assert read_response(payload, [record(1)], report_failures=False) == Processed()


class TestSettings:
    def test_they_are_read_from_what_the_api_describes(self) -> None:
        """API, GetEventSourceMapping: the response syntax."""
        described: dict[str, Any] = {
            "UUID": "u",
            "FunctionArn": FUNCTION,
            "EventSourceArn": STREAM,
            "BatchSize": 500,
            "MaximumBatchingWindowInSeconds": 2,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 3,
            "MaximumRecordAgeInSeconds": 3600,
            "ParallelizationFactor": 2,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
        }
        read = read_mapping(described, retention_hours=48)
        assert (read.batch_size, read.window, read.bisect, read.max_retries) == (500, 2.0, True, 3)
        assert (read.max_age, read.parallelization, read.report_failures) == (3600.0, 2, True)
        assert (read.starting_position, read.starting_timestamp) == ("AT_TIMESTAMP", 1767225600.0)
        assert (read.destination, read.retention) == ("arn:aws:s3:::failed", 172_800.0)
        assert (read.function_name, read.stream_name) == ("classify", "tweet_events")

    def test_what_is_left_out_has_the_documented_default(self) -> None:
        """PARAMETERS (dg/services-kinesis-parameters.html): 100 records, no window, no bisect, infinite, one batch."""
        read = read_mapping({"UUID": "u", "FunctionArn": FUNCTION, "EventSourceArn": STREAM})
        assert (read.batch_size, read.window, read.bisect) == (100, 0.0, False)
        assert (read.max_retries, read.max_age, read.parallelization) == (-1, -1.0, 1)
        assert not read.report_failures
        assert read.destination is None


def test_an_invocation_cannot_end_without_an_outcome() -> None:
    shard = Shard(SHARD, mapping())
    shard.accept([record(1)], now=0.0)
    (task,) = shard.ready(0.0)
    assert isinstance(task, Invoke)
    assert not isinstance(task, Discard)
    with pytest.raises(ValueError, match="needs an outcome"):
        shard.resolve(task, None, 0.0)
