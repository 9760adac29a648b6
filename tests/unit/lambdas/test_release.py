"""Held warnings: listed, sent or dropped by a person, once each, whatever happens in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from lambdas import release
from lambdas.warn.engine import Engine
from lambdas.warn.entries import Entry, Status
from lambdas.warn.held import HeldWarnings, Outcome, Releaser
from lambdas.warn.ledger import DynamoLedger
from lambdas.warn.sinks import EventSink, NotificationSink
from moderation.effects import DEFAULT_POLICY
from moderation.labels import Label
from moderation.messages import ClassificationEvent
from tests.fakes import records
from tests.fakes.aws import FakeEvents, FakeSns, Killed, as_client, client_error
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import noted_retry
from tests.unit.lambdas.test_settings import WARN

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
THROTTLED = client_error("ProvisionedThroughputExceededException")


@dataclass
class World:
    """A ledger whose quota is used up, and what warnings are sent with."""

    table: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    sns: FakeSns = field(default_factory=FakeSns)
    bus: FakeEvents = field(default_factory=FakeEvents)
    quota: int = 0

    @property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(as_client(self.table), "warnings", self.quota, noted_retry())

    @property
    def releaser(self) -> Releaser:
        retry = noted_retry(attempts=2)
        sinks = (
            NotificationSink(as_client(self.sns), "arn:aws:sns:us-east-1:1:w.fifo", retry),
            EventSink(as_client(self.bus), "bus", "dev", retry),
        )
        held = HeldWarnings(as_client(self.table), "warnings", now=lambda: NOW)
        return Releaser(held, self.ledger, sinks, DEFAULT_POLICY)

    def warn(self, *verdicts: ClassificationEvent) -> None:
        releaser = self.releaser
        engine = Engine(DEFAULT_POLICY, self.ledger, releaser.sinks, RecordingMeter(), now=lambda: NOW)
        assert engine.apply(verdicts) is None

    def found(self) -> list[Entry]:
        return list(self.releaser.held.find(DEFAULT_POLICY))

    def release(self) -> Outcome:
        outcome = Outcome()
        self.releaser.release(self.found(), outcome)
        return outcome

    def statuses(self) -> dict[str, str]:
        return {key: item["status"]["S"] for key, item in self.table.items.items() if "status" in item}

    @property
    def sent(self) -> tuple[int, int]:
        """Notices and events."""
        return len(self.sns.delivered), len(self.bus.events)


@pytest.fixture
def world() -> World:
    world = World()
    world.warn(*(records.verdict(str(number)) for number in range(3)))
    assert world.sent == (0, 0)
    return world


def test_held_warnings_are_sent_once(world: World) -> None:
    assert (world.release().settled, world.sent) == (3, (3, 3))
    assert set(world.statuses().values()) == {"issued"}
    assert world.found() == []
    assert (world.release().settled, world.sent) == (0, (3, 3))
    world.warn(*(records.verdict(str(number)) for number in range(3)))
    assert world.sent == (3, 3), "a verdict that comes again finds nothing to do"


def test_dropped_warnings_are_never_sent(world: World) -> None:
    outcome = Outcome()
    world.releaser.drop(world.found(), outcome)
    assert outcome.settled == 3
    assert set(world.statuses().values()) == {"dropped"}
    assert world.found() == []
    world.warn(*(records.verdict(str(number)) for number in range(3)))
    assert world.sent == (0, 0)


def test_what_others_decided_about_in_the_meantime_is_left_alone(world: World) -> None:
    seen = world.found()
    world.releaser.drop(seen[:1], Outcome())
    world.release()
    outcome = Outcome()
    world.releaser.release(seen, outcome)
    world.releaser.drop(seen, outcome)
    assert (outcome.settled, outcome.gone) == (0, 6)
    assert world.sent == (2, 2)
    assert sorted(world.statuses().values()) == ["dropped", "issued", "issued"]


@pytest.mark.parametrize("calls", range(6))
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(calls: int) -> None:
    """Three decisions, a call to each sink, one to remember."""
    world = World()
    world.warn(*(records.verdict(str(number)) for number in range(3)))
    seen = world.found()
    faults: list[BaseException | None] = [Killed()]
    if calls < 3:
        world.table.faults.extend([*[None] * calls, *faults])
    else:
        (world.sns if calls == 3 else world.bus if calls == 4 else world.table).faults.extend(
            [*[None] * (3 if calls == 5 else 0), *faults]
        )
    with pytest.raises(Killed):
        world.releaser.release(seen, Outcome())
    world.release()
    assert world.found() == []
    assert len(world.sns.delivered) == 3, "the topic drops what it has had"
    assert {event["Detail"] for event in world.bus.events} == {item["Message"] for item in world.sns.delivered}


def test_a_sink_that_fails_is_said_and_tried_again(world: World) -> None:
    world.sns.refuse = {"1": "InternalError"}
    outcome = world.release()
    assert (outcome.settled, dict(outcome.failed)) == (2, {"notifications: InternalError": 1})
    assert [entry.tweet_id for entry in world.found()] == ["1"]
    world.sns.refuse = {}
    assert world.release().settled == 1
    assert world.sent == (3, 3)


def test_a_ledger_that_takes_no_decision_stops_the_run_and_nothing_of_it_is_lost(world: World) -> None:
    world.table.faults.extend([None, None, THROTTLED])  # the scan, the first decision, the second
    with pytest.raises(type(THROTTLED)):
        world.release()
    assert world.sent == (0, 0)
    world.release()
    assert world.sent == (3, 3)


def test_what_was_sent_and_not_remembered_is_said(world: World) -> None:
    world.table.faults.extend([None, None, None, None, THROTTLED])
    outcome = world.release()
    assert (outcome.settled, outcome.unmarked) == (3, 3)
    assert dict(outcome.failed) == {"ledger: ProvisionedThroughputExceededException": 3}


def test_entries_of_other_kinds_are_not_found(world: World) -> None:
    world.quota = 100
    world.warn(records.verdict("sent"))
    world.table.items["x#default-1"] = {
        "pk": {"S": "x#default-1"}, "status": {"S": "withdrawn"}, "released_at": {"S": "t"},
    }  # fmt: skip
    world.table.page = 1
    assert {entry.tweet_id for entry in world.found()} == {"0", "1", "2"}
    assert {entry.status for entry in world.found()} == {Status.HELD}


# the command


def run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(release, "environment_of", lambda _client, _function: WARN)
    monkeypatch.setattr(release, "make_client", lambda _service: None)
    monkeypatch.setattr(release, "build", lambda _settings: world.releaser)
    return release.main(["--function", "cyberbullying_dev_warn", *arguments])


def test_the_command_lists_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, monkeypatch, "--show", "2") == 0
    said = capsys.readouterr().out
    assert "2026-11-23" in said
    assert "religion" in said
    assert "0  religion 0.95" in said
    assert "2  religion" not in said
    assert "Nothing was changed" in said
    assert "author" not in said
    assert set(world.statuses().values()) == {"held"}


@pytest.mark.parametrize(
    ("arguments", "tweets"),
    [
        (["--version", "8"], {"new"}),
        (["--classification", "age"], {"new"}),
        (["--tweet", "1", "--tweet", "new"], {"1", "new"}),
        (["--day", "2026-11-22"], set()),
        (["--day", "2026-11-23", "--limit", "2"], {"0", "1"}),
    ],
)
def test_the_command_settles_what_it_is_asked_to(
    world: World, monkeypatch: pytest.MonkeyPatch, arguments: list[str], tweets: set[str]
) -> None:
    world.warn(records.verdict("new", label=Label.AGE, version="8"))
    assert run(world, monkeypatch, "--drop", *arguments) == 0
    dropped = {key.partition("#")[0] for key, status in world.statuses().items() if status == "dropped"}
    assert dropped == tweets


def test_the_command_sends_in_parts_and_says_what_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "TOGETHER", 2)
    world.sns.refuse = {"1": "InternalError"}
    assert run(world, monkeypatch, "--apply") == 1
    assert "2 sent" in capsys.readouterr().out
    world.sns.refuse = {}
    assert run(world, monkeypatch, "--apply") == 0
    said = capsys.readouterr().out
    assert "released before and still owe an effect" in said
    assert "1 sent" in said
    assert run(world, monkeypatch, "--apply") == 0
    assert "No warning is held back" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (client_error("ResourceNotFoundException"), "there is no such function"),
        (client_error("AccessDeniedException"), "these credentials may not do that"),
        (client_error("InternalServerError"), "what is done stays done"),
        (NoRegionError(), "set AWS_REGION"),
        (NoCredentialsError(), "sign in first"),
    ],
)
def test_a_command_that_cannot_start_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception, advice: str
) -> None:
    def refuse(_service: str) -> Any:
        raise fault

    monkeypatch.setattr(release, "make_client", refuse)
    assert release.main(["--function", "f"]) == 2
    assert advice in capsys.readouterr().out


def test_another_function_is_told_from_the_one_that_warns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "make_client", lambda _service: None)
    monkeypatch.setattr(release, "environment_of", lambda _client, _function: {"STAGE": "dev"})
    assert release.main(["--function", "cyberbullying_dev_classify"]) == 2
    assert "cyberbullying_dev_classify is not the function that warns" in capsys.readouterr().out


def test_sending_and_dropping_at_once_is_refused() -> None:
    with pytest.raises(SystemExit):
        release.main(["--function", "f", "--apply", "--drop"])
