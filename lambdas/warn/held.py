"""Warnings that the daily quota held back, and what a person decides about them: once each, however often it is said.

A warning that is to go out after all first becomes ``issued`` in the ledger, if it is still held, and is sent then, as
`warn` does it. So whoever is interrupted in between finds it again, as one that still owes its effects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lambdas.warn.entries import Entry, Status
from lambdas.warn.ledger import Ledger, read_item
from lambdas.warn.sending import send_due
from lambdas.warn.sinks import Sink
from moderation.effects import WarningPolicy
from moderation.messages import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_UNSETTLED: Final = "#status = :held OR attribute_exists(released_at)"
"""Held entries, and those that were; of the latter a few still owe an effect."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HeldWarnings:
    """The held entries of the ledger.

    Args:
        client: of DynamoDB.
        table: the ledger's.
        now: the moment that decisions bear.
    """

    def __init__(self, client: DynamoDBClient, table: str, now: Callable[[], datetime] = _utc_now) -> None:
        self._client = client
        self._table = table
        self._now = now

    def find(self, policy: WarningPolicy) -> Iterator[Entry]:
        """Entries that are held, and those that were released and still owe an effect. Reads the whole table.

        Raises:
            RequestFaults: the table cannot be read.
        """
        start: dict[str, Any] = {}
        while True:
            page = self._client.scan(
                TableName=self._table,
                FilterExpression=_UNSETTLED,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":held": {"S": Status.HELD.value}},
                ConsistentRead=True,
                **start,
            )
            for entry in map(read_item, page["Items"]):
                if isinstance(entry, Entry) and (entry.status is Status.HELD or entry.due(policy)):
                    yield entry
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def settle(self, entry: Entry, status: Status) -> Entry | None:
        """Decide about a held entry; None if it is not held any more.

        Raises:
            RequestFaults: the table did not take it.
        """
        moment = timestamp(self._now())
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": entry.key}},
                UpdateExpression="SET #status = :status, #released_at = :released_at",
                ConditionExpression="#status = :held",
                ExpressionAttributeNames={"#status": "status", "#released_at": "released_at"},
                ExpressionAttributeValues={
                    ":status": {"S": status.value},
                    ":released_at": {"S": moment},
                    ":held": {"S": Status.HELD.value},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return msgspec.structs.replace(entry, status=status, released_at=moment)


@dataclass(slots=True)
class Outcome:
    """What became of warnings.

    Attributes:
        settled: whose end is reached: sent, or dropped.
        gone: that were not held any more when it was their turn.
        failed: that a sink did not take, by its fault; to be tried again.
        unmarked: that were sent, without the ledger's having taken note of it; sent again they come twice.
    """

    settled: int = 0
    gone: int = 0
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unmarked: int = 0


@dataclass(frozen=True, slots=True)
class Releaser:
    """Carries out what a person decided.

    Attributes:
        held: the entries.
        ledger: remembers what was sent.
        sinks: where effects go.
        policy: says which effects an entry has.
    """

    held: HeldWarnings
    ledger: Ledger
    sinks: Sequence[Sink]
    policy: WarningPolicy

    def release(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        """Send warnings after all; those that were released before and still owe an effect too.

        Raises:
            RequestFaults: the table did not take a decision. Doing it again goes on from there.
        """
        released = [entry for entry in entries if entry.status is Status.ISSUED]
        for entry in entries:
            if entry.status is Status.HELD:
                settled = self.held.settle(entry, Status.ISSUED)
                if settled is None:
                    outcome.gone += 1
                else:
                    released.append(settled)
        self._send(released, outcome)

    def drop(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        """Decide that held warnings are never sent.

        Raises:
            RequestFaults: the table did not take a decision. Doing it again goes on from there.
        """
        for entry in entries:
            if entry.status is Status.HELD:
                if self.held.settle(entry, Status.DROPPED) is None:
                    outcome.gone += 1
                else:
                    outcome.settled += 1

    def _send(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        sent = send_due(entries, self.policy, self.sinks, self.ledger)
        for taken in sent.sinks:
            for fault in taken.faults:
                outcome.failed[f"{taken.sink}: {fault}"] += 1
        if sent.forgotten is not None:
            outcome.unmarked += len(sent.done)
            outcome.failed[f"ledger: {sent.forgotten}"] += len(sent.done)
        outcome.settled += len(entries) - len(sent.failed)
