"""Reading, invoking, giving up and remembering, with streams and functions in memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.poller.checkpoints import Checkpoints
from local.poller.destination import BucketDestination, QueueDestination, TopicDestination, failure_key
from local.poller.records import Mapping
from local.poller.runner import Answer, MappingPoller, NotInvokedError
from local.poller.shard import BackOff, Batch, Condition
from tests.unit.local.poller_support import FUNCTION, SHARD, STREAM, mapping, numbers, record
from tests.waiting import wait_for

FAST = BackOff(first=0.01, ceiling=0.02)


class ExpiredIteratorError(ClientError):
    pass


class Stream:
    """Kinesis with shards in memory. Sequence numbers are positions, counted from one."""

    class exceptions:  # noqa: N801 - boto3's name
        ExpiredIteratorException = ExpiredIteratorError

    def __init__(self, *shards: dict[str, Any]) -> None:
        self.shards = list(shards) or [{"ShardId": SHARD}]
        self.records: dict[str, list[bytes]] = {shard["ShardId"]: [] for shard in self.shards}
        self.closed: set[str] = set()
        self.expire_next = False
        self.iterators: list[dict[str, Any]] = []

    def put(self, *data: bytes, shard: str = SHARD) -> None:
        self.records[shard].extend(data)

    def list_shards(self, *, StreamName: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert StreamName == "tweet_events"
        return {"Shards": self.shards}

    def get_shard_iterator(self, *, ShardId: str, **start: Any) -> dict[str, Any]:  # noqa: N803
        kind = start["ShardIteratorType"]
        position = {"TRIM_HORIZON": 0, "LATEST": len(self.records[ShardId]), "AT_TIMESTAMP": 1}.get(kind)
        if position is None:
            position = int(start["StartingSequenceNumber"])
        self.iterators.append(start)  # last: from here on, what is put lies behind it
        return {"ShardIterator": f"{ShardId}/{position}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        if self.expire_next:
            self.expire_next = False
            raise ExpiredIteratorError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
        shard, _, position = ShardIterator.partition("/")
        start = int(position)
        data = self.records[shard][start : start + Limit]
        found = [
            {
                "SequenceNumber": str(start + n + 1),
                "PartitionKey": "key",
                "Data": one,
                "ApproximateArrivalTimestamp": datetime.now(UTC),
            }
            for n, one in enumerate(data)
        ]
        ended = shard in self.closed and start + len(data) == len(self.records[shard])
        following = {} if ended else {"NextShardIterator": f"{shard}/{start + len(data)}"}
        return {"Records": found, **following}


class Function:
    """A function in memory: ``answers`` are given one by one, the last for ever."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers) or [Answer(b"{}")]
        self.batches: list[list[str]] = []
        self._lock = threading.Lock()

    def invoke(self, function_arn: str, payload: bytes) -> Answer:
        assert function_arn == FUNCTION
        with self._lock:
            self.batches.append([one["kinesis"]["sequenceNumber"] for one in json.loads(payload)["Records"]])
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Kept:
    """A destination in memory."""

    def __init__(self, faults: int = 0) -> None:
        self.batches: list[tuple[list[int], Condition]] = []
        self._faults = faults

    def keep(self, _mapping: Mapping, _shard: str, batch: Batch, condition: Condition, _now: float) -> None:
        if self._faults:
            self._faults -= 1
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.batches.append((numbers(batch), condition))


Start = Callable[..., MappingPoller]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a poller; it is stopped at the end."""
    started = []

    def begin(stream: Stream, function: Function, kept: Kept | None = None, **settings: Any) -> MappingPoller:
        poller = MappingPoller(
            mapping(**settings),
            kinesis=stream,
            invoker=function,
            destination=kept,
            checkpoints=Checkpoints(tmp_path / "checkpoints.json"),
            back_off=FAST,
        )
        poller.start()
        started.append(poller)
        return poller

    yield begin
    for poller in started:
        poller.stop()


def test_records_go_through_in_order(start: Start) -> None:
    stream, function = Stream(), Function()
    stream.put(b"a", b"b", b"c")
    poller = start(stream, function, batch_size=2)
    wait_for(lambda: poller.done == 3)
    stream.put(b"d")
    wait_for(lambda: poller.done == 4)
    assert function.batches == [["1", "2"], ["3"], ["4"]]
    assert (poller.counts.records, poller.counts.invocations, poller.outstanding) == (4, 3, 0)


def test_a_new_poller_goes_on_from_the_checkpoint(start: Start) -> None:
    """Lambda Developer Guide, PARTIAL: the checkpoint is the last position that was processed."""
    stream = Stream()
    stream.put(b"a", b"b")
    first = start(stream, Function())
    wait_for(lambda: first.done == 2)
    first.stop()
    stream.put(b"c")
    again = Function()
    second = start(stream, again)
    wait_for(lambda: second.done == 1)
    assert again.batches == [["3"]]


def test_records_that_were_not_done_with_are_read_again(start: Start) -> None:
    stream = Stream()
    stream.put(b"a", b"b")
    failing = Function(Answer(b"{}", "Unhandled"))
    first = start(stream, failing)
    wait_for(lambda: len(failing.batches) > 1)
    first.stop()
    again = Function()
    second = start(stream, again)
    wait_for(lambda: second.done == 2)
    assert again.batches == [["1", "2"]]


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"starting_position": "TRIM_HORIZON"}, ["1", "2", "3"]),
        ({"starting_position": "LATEST"}, ["3"]),
        ({"starting_position": "AT_TIMESTAMP", "starting_timestamp": 1.0}, ["2", "3"]),
    ],
)
def test_a_mapping_without_a_checkpoint_starts_where_it_says(
    start: Start, settings: dict[str, Any], seen: list[str]
) -> None:
    """API, StartingPosition: TRIM_HORIZON, LATEST or AT_TIMESTAMP."""
    stream, function = Stream(), Function()
    stream.put(b"a", b"b")
    start(stream, function, **settings)
    wait_for(lambda: bool(stream.iterators))
    stream.put(b"c")
    wait_for(lambda: [one for batch in function.batches for one in batch] == seen)


def test_an_iterator_that_expired_is_fetched_again(start: Start) -> None:
    stream, function = Stream(), Function()
    stream.put(b"a")
    poller = start(stream, function)
    wait_for(lambda: poller.done == 1)
    stream.expire_next = True
    stream.put(b"b")
    wait_for(lambda: poller.done == 2)
    assert function.batches == [["1"], ["2"]]


def test_children_are_read_after_their_parents(start: Start) -> None:
    """KINESIS: with resharding, Lambda reads the parent shards before their children, so that order holds."""
    child = {"ShardId": "shardId-000000000001", "ParentShardId": SHARD}
    stream, function = Stream({"ShardId": SHARD}, child), Function()
    stream.put(b"a")
    stream.put(b"b", shard="shardId-000000000001")
    poller = start(stream, function)
    wait_for(lambda: poller.done == 1)
    time.sleep(0.1)
    assert function.batches == [["1"]]
    stream.closed.add(SHARD)
    wait_for(lambda: len(function.batches) == 2)


def test_what_is_given_up_goes_to_the_destination(start: Start) -> None:
    stream, kept = Stream(), Kept()
    stream.put(b"a", b"b")
    poller = start(stream, Function(Answer(b"{}", "Unhandled")), kept, max_retries=1)
    wait_for(lambda: poller.done == 2)
    assert kept.batches == [([1, 2], Condition.RETRIES)]
    assert (poller.counts.failed_invocations, poller.counts.discarded) == (2, 2)


def test_a_destination_is_tried_again(start: Start) -> None:
    stream, kept = Stream(), Kept(faults=2)
    stream.put(b"a")
    poller = start(stream, Function(Answer(b"{}", "Unhandled")), kept, max_retries=0)
    wait_for(lambda: poller.done == 1)
    assert kept.batches == [([1], Condition.RETRIES)]
    assert poller.counts.undelivered == 0


def test_a_destination_that_takes_nothing_is_counted_and_the_shard_goes_on(start: Start) -> None:
    """DISCARD: Lambda continues with the stream; it counts DestinationDeliveryFailures."""
    stream, function = Stream(), Function(Answer(b"{}", "Unhandled"), Answer(b"{}"))
    stream.put(b"a")
    poller = start(stream, function, Kept(faults=99), max_retries=0)
    wait_for(lambda: poller.done == 1)
    assert poller.counts.undelivered == 1
    stream.put(b"b")
    wait_for(lambda: poller.done == 2)


def test_without_a_destination_records_are_dropped(start: Start) -> None:
    stream = Stream()
    stream.put(b"a")
    poller = start(stream, Function(Answer(b"{}", "Unhandled")), max_retries=0)
    wait_for(lambda: poller.done == 1)
    assert poller.counts.discarded == 1


def test_a_throttle_is_waited_out(start: Start) -> None:
    stream = Stream()
    stream.put(b"a")
    function = Function(NotInvokedError("busy"), NotInvokedError("busy"), Answer(b"{}"))
    poller = start(stream, function, Kept(), max_retries=0)
    wait_for(lambda: poller.done == 1)
    assert poller.counts.invocations == 1
    assert poller.counts.discarded == 0


def test_a_fault_of_ours_does_not_stop_the_shard(start: Start) -> None:
    stream = Stream()
    stream.put(b"a")
    poller = start(stream, Function(RuntimeError("a bug"), Answer(b"{}")))
    wait_for(lambda: poller.done == 1)


def test_a_partial_failure_is_tried_again_from_the_failed_record(start: Start) -> None:
    stream = Stream()
    stream.put(b"a", b"b", b"c")
    function = Function(Answer(b'{"batchItemFailures": [{"itemIdentifier": "2"}]}'), Answer(b"{}"))
    poller = start(stream, function, report_failures=True, bisect=True)
    wait_for(lambda: poller.done == 3)
    assert function.batches == [["1", "2", "3"], ["2", "3"]]


class Sent:
    """Any of the services of destinations: notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_object(self, **request: Any) -> None:
        self.calls.append(request)

    send_message = publish = put_object

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": f"http://queue/{QueueName}"}


GIVEN_UP = Batch((record(5, arrived_at=1573691884.835), record(9, arrived_at=1573691885.58)), invocations=4)
NOW = 1573691886.021


def test_a_bucket_gets_the_whole_invocation_under_lambdas_key() -> None:
    """DISCARD: the example invocation record, the ``payload`` that only S3 gets, and the naming convention."""
    sent = Sent()
    failed = Batch(GIVEN_UP.records, invocations=4, function_error="Unhandled")
    settings = mapping(destination="arn:aws:s3:::failed-records")
    BucketDestination(sent).keep(settings, SHARD, failed, Condition.RETRIES, NOW)
    (call,) = sent.calls
    assert call["Bucket"] == "failed-records"
    prefix, _, random = call["Key"].partition("2019-11-14T00.38.06-")
    assert prefix == f"aws/lambda/a-mapping/{SHARD}/2019/11/14/"
    assert len(random) == 36
    body = json.loads(call["Body"])
    payload = json.loads(body.pop("payload"))
    assert [one["kinesis"]["sequenceNumber"] for one in payload["Records"]] == ["5", "9"]
    assert len(body["requestContext"].pop("requestId")) == 36
    assert body == {
        "requestContext": {
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": "5",
            "endSequenceNumber": "9",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_a_queue_and_a_topic_get_no_payload() -> None:
    """DISCARD: SQS and SNS destinations receive metadata only."""
    queue, topic = Sent(), Sent()
    arn = "arn:aws:sqs:us-east-1:000000000000:failed"
    QueueDestination(queue).keep(mapping(destination=arn), SHARD, GIVEN_UP, Condition.AGE, NOW)
    TopicDestination(topic).keep(mapping(destination=arn), SHARD, GIVEN_UP, Condition.AGE, NOW)
    message, notice = json.loads(queue.calls[0]["MessageBody"]), json.loads(topic.calls[0]["Message"])
    assert queue.calls[0]["QueueUrl"] == "http://queue/failed"
    assert topic.calls[0]["TopicArn"] == arn
    assert "payload" not in message
    assert "payload" not in notice
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "functionError" not in message["responseContext"]


def test_every_object_has_a_key_of_its_own() -> None:
    assert failure_key(mapping(), SHARD, NOW) != failure_key(mapping(), SHARD, NOW)


def test_checkpoints_survive(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "checkpoints.json"
    Checkpoints(path).save("m", "s", "12")
    again = Checkpoints(path)
    assert again.of("m", "s") == "12"
    assert again.of("m", "other") is None
    assert [file.name for file in path.parent.iterdir()] == ["checkpoints.json"]


def test_a_damaged_checkpoint_file_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    path.write_text('{"m": ')
    with pytest.raises(ValueError, match="Expecting value"):
        Checkpoints(path)
