"""What EventBridge does when an alarm changes its state: the rules that wait for it start their state machines.

The emulator's alarms change, but nobody is told, and it takes no events of AWS services from outside. So a thread looks
at the alarms that the deployed rules name, makes the event that CloudWatch would send, asks the emulator which rules it
matches, and starts their targets with it. Source: Amazon CloudWatch User Guide, "Alarm events and EventBridge".
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local import aws
from local.aws import Clients

_log = logging.getLogger(__name__)

SOURCE: Final = "aws.cloudwatch"
DETAIL_TYPE: Final = "CloudWatch Alarm State Change"
_EVERY_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Rule:
    """A rule that waits for alarms: its pattern, the alarms that it names, and what it starts."""

    name: str
    pattern: str
    alarms: frozenset[str]
    machines: tuple[str, ...]


class AlarmEvents:
    """Watches the alarms that rules wait for, until it is stopped.

    Args:
        clients: of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._states: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarm-events", daemon=True)

    def start(self) -> None:
        """Begin to watch, and return."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()

    def look(self, rules: list[Rule]) -> None:
        """Look at the alarms once, and start what waits for those that have changed."""
        names = sorted(set[str]().union(*(rule.alarms for rule in rules)))
        described = self._clients["cloudwatch"].describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
        for alarm in described:
            name, state = alarm["AlarmName"], alarm["StateValue"]
            # An alarm begins without data; that is no change.
            before = self._states.setdefault(name, "INSUFFICIENT_DATA")
            if state == before:
                continue
            event = json.dumps(event_of(alarm, before))
            for rule in rules:
                self._hand(rule, event)
            self._states[name] = state  # only now: what could not be handed over is tried again

    def _hand(self, rule: Rule, event: str) -> None:
        events, states = self._clients["events"], self._clients["stepfunctions"]
        if events.test_event_pattern(EventPattern=rule.pattern, Event=event)["Result"]:
            for machine in rule.machines:
                states.start_execution(stateMachineArn=machine, input=event)

    def _run(self) -> None:
        rules: list[Rule] | None = None
        while not self._stopping.is_set():
            try:
                rules = read_rules(self._clients["events"]) if rules is None else rules
                self.look(rules)
            except (ClientError, BotoCoreError) as error:
                if not self._stopping.is_set():
                    _log.warning("the alarms cannot be watched: %s", type(error).__name__)
            self._stopping.wait(_EVERY_SECONDS)


def read_rules(events: Any) -> list[Rule]:
    """The enabled rules of the default bus that wait for named alarms and start state machines."""
    return [rule for described in _described(events) if (rule := _rule(events, described)) is not None]


def event_of(alarm: dict[str, Any], before: str) -> dict[str, Any]:
    """The event that CloudWatch sends of an alarm's change.

    Args:
        alarm: as DescribeAlarms describes it.
        before: the state that it had.
    """
    arn = alarm["AlarmArn"]
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": arn.split(":")[4],
        "time": moment,
        "region": aws.REGION,
        "resources": [arn],
        "detail": {
            "alarmName": alarm["AlarmName"],
            "state": {"value": alarm["StateValue"], "reason": alarm.get("StateReason", ""), "timestamp": moment},
            "previousState": {"value": before},
        },
    }


def _described(events: Any) -> Iterator[dict[str, Any]]:
    for page in events.get_paginator("list_rules").paginate():
        yield from page["Rules"]


def _rule(events: Any, described: dict[str, Any]) -> Rule | None:
    pattern = json.loads(described.get("EventPattern") or "{}")
    names = pattern.get("detail", {}).get("alarmName", [])
    if described.get("State") != "ENABLED" or SOURCE not in pattern.get("source", ()) or not names:
        return None
    targets = events.list_targets_by_rule(Rule=described["Name"])["Targets"]
    machines = tuple(target["Arn"] for target in targets if ":states:" in target["Arn"])
    return Rule(described["Name"], described["EventPattern"], frozenset(names), machines)
