"""The rules that wait for alarms, and what is started when one changes."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from local.alarm_events import AlarmEvents, Rule, event_of, read_rules
from local.aws import Clients

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:drift"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:response"
PATTERN = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["drift"], "state": {"value": ["ALARM"]}}}
RULE = Rule("raised", json.dumps(PATTERN), frozenset({"drift"}), (MACHINE,))


class Fake:
    """CloudWatch, EventBridge and Step Functions at once."""

    def __init__(self) -> None:
        self.state = "INSUFFICIENT_DATA"
        self.asked: list[list[str]] = []
        self.started: list[dict[str, Any]] = []
        self.refuse = 0
        self.rules: list[dict[str, Any]] = []
        self.targets: list[dict[str, str]] = []

    def __getitem__(self, _service: str) -> Fake:
        return self

    def describe_alarms(self, *, AlarmNames: list[str]) -> dict[str, Any]:  # noqa: N803
        self.asked.append(AlarmNames)
        return {"MetricAlarms": [{"AlarmName": "drift", "AlarmArn": ARN, "StateValue": self.state, "StateReason": "1"}]}

    def test_event_pattern(self, *, EventPattern: str, Event: str) -> dict[str, bool]:  # noqa: N803
        wanted = json.loads(EventPattern)["detail"]["state"]["value"]
        return {"Result": json.loads(Event)["detail"]["state"]["value"] in wanted}

    def start_execution(self, *, stateMachineArn: str, input: str) -> None:  # noqa: A002, N803
        if self.refuse:
            self.refuse -= 1
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "StartExecution")
        assert stateMachineArn == MACHINE
        self.started.append(json.loads(input))

    def get_paginator(self, name: str) -> Fake:
        assert name == "list_rules"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Rules": self.rules}]

    def list_targets_by_rule(self, *, Rule: str) -> dict[str, Any]:  # noqa: N803
        assert Rule
        return {"Targets": self.targets}


def test_a_change_that_a_rule_waits_for_starts_its_state_machine_once() -> None:
    fake = Fake()
    watcher = AlarmEvents(cast("Clients", fake))
    for state in ("INSUFFICIENT_DATA", "OK", "ALARM", "ALARM", "OK", "ALARM"):
        fake.state = state
        watcher.look([RULE])
    assert [event["detail"]["previousState"]["value"] for event in fake.started] == ["OK", "OK"]
    assert {event["detail"]["alarmName"] for event in fake.started} == {"drift"}


def test_what_could_not_be_started_is_started_at_the_next_look() -> None:
    fake = Fake()
    watcher = AlarmEvents(cast("Clients", fake))
    fake.state, fake.refuse = "ALARM", 1
    with pytest.raises(ClientError):
        watcher.look([RULE])
    watcher.look([RULE])
    assert len(fake.started) == 1


def test_without_rules_nobody_is_asked() -> None:
    fake = Fake()
    AlarmEvents(cast("Clients", fake)).look([])
    assert fake.asked == []


def test_rules_are_those_that_wait_for_named_alarms() -> None:
    fake = Fake()
    fake.targets = [{"Arn": MACHINE}, {"Arn": "arn:aws:sqs:us-east-1:0:queue"}]
    fake.rules = [
        {"Name": "raised", "State": "ENABLED", "EventPattern": json.dumps(PATTERN)},
        {"Name": "off", "State": "DISABLED", "EventPattern": json.dumps(PATTERN)},
        {"Name": "other", "State": "ENABLED", "EventPattern": json.dumps({"source": ["cyberbullying.local"]})},
        {"Name": "schedule", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"},
    ]
    assert read_rules(fake) == [RULE]


def test_the_event_is_the_documented_one() -> None:
    event = event_of({"AlarmName": "drift", "AlarmArn": ARN, "StateValue": "ALARM", "StateReason": "why"}, "OK")
    assert event["source"] == "aws.cloudwatch"
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [ARN]
    assert event["account"] == "000000000000"
    assert event["detail"]["state"]["reason"] == "why"
