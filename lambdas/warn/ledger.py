"""The memory of who was warned for what: the gate that every effect goes through, kept in DynamoDB.

A tweet is acted upon only once its entry stands, and an entry is written only if there is none, in one transaction with
the count of the day's warnings. So however often a verdict is delivered, and wherever the function is killed, a tweet
is counted once, and what was not finished is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from lambdas.common.delivery import Retry
from lambdas.warn.entries import WITHDRAWN, Entry, Known, Status, WithdrawnTweet
from moderation.effects import Effect

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

T = TypeVar("T")

GET_LIMIT: Final = 100
"""Keys a call (DynamoDB API reference, BatchGetItem)."""
TRANSACTION_LIMIT: Final = 100
"""Actions a transaction (DynamoDB API reference, TransactWriteItems)."""

_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_NUMBERS: Final = ("confidence", "expires_at")


class LedgerUnavailableError(Exception):
    """The ledger did not answer in full, after retries. Nothing may be done without it; try again later."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of entries that were to be recorded.

    Attributes:
        made: by key, those that were made now; warnings beyond the quota are HELD.
        found: by key, what somebody else had put there in the meantime.
        lost: keys of those that could not be recorded, to be retried.
    """

    made: dict[str, Entry] = field(default_factory=dict)
    found: dict[str, Known] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


class Ledger(Protocol):
    """Remembers entries."""

    def look_up(self, keys: Sequence[str], authors: Collection[str]) -> tuple[dict[str, Known], dict[str, str]]:
        """What there is, by key, and since when an author's account is gone, of those whose is.

        Raises LedgerUnavailableError or RequestFaults.
        """

    def record(self, entries: Sequence[Entry], day: str) -> Recorded:
        """Make entries, each once, and count the warnings among them on a day (``YYYY-MM-DD``)."""

    def mark(self, done: Mapping[str, Sequence[Effect]]) -> None:
        """Remember which effects were applied, by key. Raises LedgerUnavailableError or RequestFaults."""


class DynamoLedger:
    """The ledger in a DynamoDB table with the string key ``pk``, and ``expires_at`` as its time to live.

    An entry's key is ``<tweet id>#<policy>``; the day's count is the item ``quota#<YYYY-MM-DD>``, the mark of an
    author whose account is gone ``author#<digest>``.
    """

    def __init__(self, client: DynamoDBClient, table: str, quota: int, retry: Retry | None = None) -> None:
        """Set up.

        Args:
            client: of DynamoDB.
            table: its name.
            quota: warnings a day.
            retry: for throttles and for transactions that meet others.
        """
        self._client = client
        self._table = table
        self._quota = quota
        self._retry = retry or Retry(attempts=8, base=0.05)

    def look_up(self, keys: Sequence[str], authors: Collection[str]) -> tuple[dict[str, Known], dict[str, str]]:
        """What there is, by key, and since when an author's account is gone, of those whose is. In as few calls."""
        marks = {author_key(author): author for author in authors}
        found: dict[str, Known] = {}
        gone: dict[str, str] = {}
        for item in self._items([*keys, *marks]):
            key = item["pk"]["S"]
            if key in marks:
                gone[marks[key]] = item["withdrawn_at"]["S"]
            else:
                found[key] = read_item(item)
        return found, gone

    def read(self, keys: Sequence[str]) -> dict[str, Known]:
        """What there is, by key."""
        return {item["pk"]["S"]: read_item(item) for item in self._items(keys)}

    def _items(self, keys: Sequence[str]) -> list[Mapping[str, Any]]:
        """The items that exist under some keys."""
        found: list[Mapping[str, Any]] = []
        for some in _runs(keys, GET_LIMIT):
            wanted: list[Mapping[str, Any]] = [{"pk": {"S": key}} for key in some]
            for attempt in range(self._retry.attempts):
                request: Any = {self._table: {"Keys": wanted, "ConsistentRead": True}}
                answer = self._client.batch_get_item(RequestItems=request)
                found += answer["Responses"].get(self._table, [])
                left = answer["UnprocessedKeys"].get(self._table)
                wanted = list(left["Keys"]) if left else []
                if not wanted:
                    break
                self._retry.pause(attempt)
            else:
                raise LedgerUnavailableError(f"{len(wanted)} keys were not read")
        return found

    def record(self, entries: Sequence[Entry], day: str) -> Recorded:
        """Make entries, each once, and count the warnings among them."""
        outcome = Recorded()
        used = self._used(day) if any(entry.status is Status.ISSUED for entry in entries) else 0
        for some in _runs(entries, TRANSACTION_LIMIT - 1):
            used = self._record_together(some, day, used, outcome)
        return outcome

    def mark(self, done: Mapping[str, Sequence[Effect]]) -> None:
        """Remember which effects were applied."""
        for some in _runs(list(done), TRANSACTION_LIMIT):
            for attempt in range(self._retry.attempts):
                if not self._transact([self._marking(key, done[key]) for key in some]):
                    break
                self._retry.pause(attempt)
            else:
                raise LedgerUnavailableError(f"{len(some)} entries were not marked")

    def _record_together(self, entries: list[Entry], day: str, used: int, outcome: Recorded) -> int:
        """Make up to 99 entries in one transaction; returns how many warnings the day has had then."""
        for attempt in range(self._retry.attempts):
            planned = within_quota(entries, self._quota - used)
            issued = sum(entry.status is Status.ISSUED for entry in planned)
            actions = [self._making(entry) for entry in planned]
            if issued:
                actions.append(self._counting(day, issued, planned[0].expires_at))
            reasons = self._transact(actions)
            if not reasons:
                outcome.made.update((entry.key, entry) for entry in planned)
                return used + issued
            taken = {entry.key for entry, reason in zip(entries, reasons, strict=False) if reason == _CONDITION_FAILED}
            outcome.found.update(self.read(list(taken)))
            entries = [entry for entry in entries if entry.key not in taken]
            if not entries:
                return used
            if not taken:  # met another transaction, or the count was no longer what was read
                self._retry.pause(attempt)
            used = self._used(day)
        outcome.lost.update(entry.key for entry in entries)
        return used

    def _transact(self, actions: list[TransactWriteItemTypeDef]) -> list[str]:
        """Carry out actions together. If they were cancelled, the reason for each action; else nothing."""
        try:
            self._client.transact_write_items(TransactItems=actions)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons: list[dict[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            return [reason.get("Code", "None") for reason in reasons] or ["Unknown"]
        except self._client.exceptions.TransactionInProgressException:
            return ["TransactionInProgress"]
        return []

    def _used(self, day: str) -> int:
        """How many warnings a day has had."""
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": quota_key(day)}}, ConsistentRead=True)
        return int(answer.get("Item", {}).get("issued", {}).get("N", "0"))

    def _making(self, entry: Entry) -> TransactWriteItemTypeDef:
        return {
            "Put": {
                "TableName": self._table,
                "Item": _item(entry),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _counting(self, day: str, number: int, expires_at: int) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": quota_key(day)}},
                "UpdateExpression": "SET expires_at = :expires_at ADD issued :number",
                "ConditionExpression": "attribute_not_exists(issued) OR issued <= :room",
                "ExpressionAttributeValues": {
                    ":expires_at": {"N": str(expires_at)},
                    ":number": {"N": str(number)},
                    ":room": {"N": str(self._quota - number)},
                },
            }
        }

    def _marking(self, key: str, effects: Sequence[Effect]) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": key}},
                "UpdateExpression": "ADD done :effects",
                "ExpressionAttributeValues": {":effects": {"SS": [effect.value for effect in effects]}},
            }
        }


def quota_key(day: str) -> str:
    """The key of a day's count."""
    return f"quota#{day}"


def author_key(author_id: str) -> str:
    """The key of the mark of an author whose account is gone. A digest, for the id is what is to be forgotten."""
    return f"author#{sha256(author_id.encode()).hexdigest()}"


def within_quota(entries: Sequence[Entry], left: int) -> list[Entry]:
    """The entries, with warnings beyond what is left of the quota held."""
    kept: list[Entry] = []
    for entry in entries:
        if entry.status is Status.ISSUED:
            left -= 1
        kept.append(
            msgspec.structs.replace(entry, status=Status.HELD) if entry.status is Status.ISSUED and left < 0 else entry
        )
    return kept


def _item(entry: Entry) -> dict[str, AttributeValueTypeDef]:
    """An entry as DynamoDB keeps it. Nothing is kept of fields that are empty, for a set must not be."""
    values = msgspec.to_builtins(entry)
    item: dict[str, AttributeValueTypeDef] = {"pk": {"S": values.pop("key")}}
    if done := values.pop("done"):
        item["done"] = {"SS": sorted(done)}
    for name, value in values.items():
        if value is not None:
            item[name] = {"N": str(value)} if name in _NUMBERS else {"S": value}
    return item


def read_item(item: Mapping[str, AttributeValueTypeDef]) -> Known:
    """The entry that DynamoDB keeps as an item, or what withdraw has left of it."""
    if item["status"]["S"] == WITHDRAWN:
        return WithdrawnTweet(item["pk"]["S"])
    values: dict[str, object] = {name: next(iter(value.values())) for name, value in item.items()}
    values["key"] = values.pop("pk")
    return msgspec.convert(values, Entry, strict=False)


def _runs(items: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
