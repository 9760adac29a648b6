"""Putting failed records back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from lambdas import redrive
from lambdas.common.failed_records import UnreadableObjectError, read_object
from lambdas.common.streams import StreamWriter
from lambdas.redrive import Redriver, Report
from tests.fakes.aws import FakeKinesis, FakeS3, Killed, as_client, client_error
from tests.fakes.time import noted_retry

EVENTS = Path(__file__).parents[2] / "events"
PARKED = (EVENTS / "parked_records.jsonl").read_bytes()
DESTINATION = (EVENTS / "lambda_failure_destination.json").read_bytes()
STREAM = "cyberbullying_dev_tweet_events"
PARKED_KEY = f"classify/poison/dt=2026-11-23/{STREAM}/shardId-000000000006/1.jsonl"
DESTINATION_KEY = "aws/lambda/5f2a/shardId-000000000006/2026/11/23/2026-11-23T00.38.06-9c1d"


def bucket(**changes: bytes) -> FakeS3:
    s3 = FakeS3()
    s3.objects["failed", PARKED_KEY] = PARKED
    s3.objects["failed", DESTINATION_KEY] = DESTINATION
    s3.objects.update({("failed", key): body for key, body in changes.items()})
    return s3


def redriver(s3: FakeS3, kinesis: FakeKinesis, stream: str = STREAM, *, dry_run: bool = False) -> Redriver:
    writer = StreamWriter(as_client(kinesis), stream, noted_retry(attempts=2))
    return Redriver(as_client(s3), writer, "failed", stream, dry_run)


def run(driver: Redriver, prefix: str = "") -> Report:
    report = Report()
    for key in driver.keys(prefix):
        driver.redrive(key, report)
    return report


def test_parked_records_are_read_with_their_keys_and_reasons() -> None:
    first, second = read_object(PARKED)
    assert first == (STREAM, "p0", b"this is no JSON", "not_json")
    assert second.reason == "empty_text"


def test_what_lambda_writes_is_read_from_its_payload() -> None:
    found = read_object(DESTINATION)
    assert [record.partition_key for record in found] == ["1801", "x", "1802"]
    assert found[1].data == b"this is no JSON"
    assert {(record.stream, record.reason) for record in found} == {(STREAM, "RetryAttemptsExhausted")}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{}\n", "line 1"),
        (PARKED + b"garbage\n", "line 3"),
        (PARKED.replace(b'"data": "', b'"data": "%'), "line 1"),
        (b'{"payload": "no event"}', "payload"),
        (DESTINATION.replace(b'\\"data\\": \\"', b'\\"data\\": \\"%'), "record 1"),
        (b"\xff", "line 1"),
    ],
)
def test_an_object_that_makes_no_sense_says_where(body: bytes, where: str) -> None:
    with pytest.raises(UnreadableObjectError, match=where):
        read_object(body)


def test_everything_goes_back_and_the_objects_are_moved() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    report = run(redriver(s3, kinesis))
    assert sorted(key for key, _ in kinesis.records) == ["1801", "1802", "p0", "p1", "x"]
    assert s3.keys("failed") == [f"redriven/{DESTINATION_KEY}", f"redriven/{PARKED_KEY}"]
    assert s3.objects["failed", f"redriven/{PARKED_KEY}"] == PARKED
    assert report.reasons == {"RetryAttemptsExhausted": 3, "not_json": 1, "empty_text": 1}
    assert report.problems == {}


def test_a_second_run_finds_nothing_to_do() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    run(redriver(s3, kinesis))
    assert run(redriver(s3, kinesis)).moved == 0
    assert len(kinesis.records) == 5


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    report = run(redriver(s3, kinesis, dry_run=True))
    assert report.reasons.total() == 5
    assert kinesis.records == []
    assert s3.keys("failed") == [DESTINATION_KEY, PARKED_KEY]


def test_only_what_is_under_the_prefix_is_touched() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    run(redriver(s3, kinesis), "classify/")
    assert len(kinesis.records) == 2


def test_more_objects_than_one_listing_holds() -> None:
    s3 = FakeS3(page=2)
    for number in range(5):
        s3.objects["failed", f"classify/{number}.jsonl"] = PARKED
    assert len(redriver(s3, FakeKinesis()).keys("")) == 5


def test_records_of_another_stream_are_left_and_their_stream_is_named() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    report = run(redriver(s3, kinesis, stream="another"))
    assert report.elsewhere == {STREAM: 2}
    assert kinesis.records == []
    assert len(s3.keys("failed")) == 2


def test_an_object_that_makes_no_sense_is_left_alone_and_the_others_go_on() -> None:
    s3, kinesis = bucket(**{"classify/odd.jsonl": b"garbage\n"}), FakeKinesis()
    report = run(redriver(s3, kinesis))
    assert list(report.problems) == ["classify/odd.jsonl"]
    assert len(kinesis.records) == 5


def test_an_object_that_could_not_be_written_whole_stays() -> None:
    s3, kinesis = bucket(), FakeKinesis(refuse=lambda call, position: position == 1 or call > 1)
    report = run(redriver(s3, kinesis), "classify/")
    assert (
        "1 of 2 not written (ProvisionedThroughputExceededException): run this again later"
        in (report.problems[PARKED_KEY])
    )
    assert PARKED_KEY in s3.keys("failed")


def test_killed_before_the_object_was_moved_it_is_put_again_by_the_next_run() -> None:
    s3, kinesis = bucket(), FakeKinesis()
    s3.faults.extend([None, None, Killed()])  # listed, read, not copied
    with pytest.raises(Killed):
        run(redriver(s3, kinesis), "classify/")
    run(redriver(s3, kinesis), "classify/")
    assert [key for key, _ in kinesis.records] == ["p0", "p1"] * 2
    assert s3.keys("failed") == [DESTINATION_KEY, f"redriven/{PARKED_KEY}"]


def command(monkeypatch: pytest.MonkeyPatch, s3: FakeS3, kinesis: FakeKinesis, *more: str) -> int:
    clients = {"s3": s3, "kinesis": kinesis}
    monkeypatch.setattr(redrive, "make_client", clients.__getitem__)
    return redrive.main(["--bucket", "failed", "--stream", STREAM, *more])


def test_the_command_shows_what_went_back(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, bucket(), FakeKinesis()) == 0
    said = capsys.readouterr().err
    assert "2 objects, now under redriven/" in said
    assert "RetryAttemptsExhausted" in said


def test_the_command_says_what_a_dry_run_would_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, bucket(), FakeKinesis(), "--dry-run") == 0
    assert "would go" in capsys.readouterr().err


def test_the_command_says_so_if_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, FakeS3(), FakeKinesis()) == 0
    assert "Nothing under s3://failed/" in capsys.readouterr().err


def test_the_command_fails_if_something_stays_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinesis = FakeKinesis(faults=[client_error("ResourceNotFoundException")] * 2)
    assert command(monkeypatch, bucket(), kinesis) == 1
    assert "there is no such stream" in capsys.readouterr().err


def fail_with(error: Exception) -> Callable[[str], object]:
    def make_client(service: str) -> object:
        raise error

    return make_client


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NoRegionError(), "AWS_REGION"),
        (NoCredentialsError(), "AWS_PROFILE"),
        (client_error("NoSuchBucket"), "no such bucket"),
        (client_error("Strange"), "Run the command again"),
    ],
)
def test_the_command_that_cannot_start_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, advice: str
) -> None:
    monkeypatch.setattr(redrive, "make_client", fail_with(error))
    assert redrive.main(["--bucket", "failed", "--stream", STREAM]) == 2
    assert advice in capsys.readouterr().err
