"""DynamoDB in memory: one table, as far as the ledger of warnings uses it, and the ways in which it fails."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.aws import Fake, client_error

Item = dict[str, dict[str, Any]]


class TransactionCanceledError(ClientError):
    """DynamoDB did not carry a transaction out."""


class TransactionInProgressError(ClientError):
    """The same transaction is still under way."""


class ConditionFailedError(ClientError):
    """An item is not as it was wanted to be."""


class FakeDynamoDB(Fake):
    """One table with the key ``pk``, and the expressions that the ledger uses.

    ``meddle`` runs before each transaction, as somebody else would. ``unprocessed`` is how many keys each of the next
    batch reads leaves out. ``page`` is how many items a query or a scan looks at.
    """

    exceptions = SimpleNamespace(
        TransactionCanceledException=TransactionCanceledError,
        TransactionInProgressException=TransactionInProgressError,
        ConditionalCheckFailedException=ConditionFailedError,
    )

    def __init__(self, faults: Iterable[BaseException | None] = (), page: int = 1000) -> None:
        super().__init__(faults)
        self.page = page
        self.items: dict[str, Item] = {}
        self.meddle: Callable[[], None] = lambda: None
        self.unprocessed: deque[int] = deque()

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self._called("batch_get_item")
        ((table, request),) = RequestItems.items()
        assert request["ConsistentRead"]
        assert len(request["Keys"]) <= 100
        cut = len(request["Keys"]) - (self.unprocessed.popleft() if self.unprocessed else 0)
        found = [self.items[key["pk"]["S"]] for key in request["Keys"][:cut] if key["pk"]["S"] in self.items]
        left = request["Keys"][cut:]
        return {"Responses": {table: found}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        self._called("get_item")
        item = self.items.get(Key["pk"]["S"])
        return {"Item": item} if item else {}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeValues: Item,  # noqa: N803
        ExpressionAttributeNames: dict[str, str],  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        self._called("update_item")
        key = Key["pk"]["S"]
        old = self.items.get(key, {})
        assert all(name in UpdateExpression + ConditionExpression for name in ExpressionAttributeNames)
        if not _holds(ConditionExpression, old, ExpressionAttributeValues):
            raise client_error("ConditionalCheckFailedException", "UpdateItem", ConditionFailedError)
        item = dict(old) or dict(Key)
        for clause, body in re.findall(r"(SET|REMOVE|ADD) (.*?)(?= SET | REMOVE | ADD |$)", UpdateExpression):
            for part in body.split(", "):
                name, *value = part.replace(" = ", " ").split(" ")
                name = ExpressionAttributeNames.get(name, name)
                if clause == "REMOVE":
                    item.pop(name, None)
                elif clause == "SET":
                    item[name] = ExpressionAttributeValues[value[0]]
                else:
                    item[name] = _added(item.get(name), ExpressionAttributeValues[value[0]])
        self.items[key] = item
        return {"Attributes": old} if ReturnValues == "ALL_OLD" and old else {}

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        IndexName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: Item,  # noqa: N803
        ProjectionExpression: str,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """By the index on ``author_id``, which has the items that have one."""
        self._called("query")
        assert (KeyConditionExpression, ProjectionExpression) == ("author_id = :author", "pk")
        wanted = ExpressionAttributeValues[":author"]
        keys = [key for key, item in self.items.items() if item.get("author_id") == wanted]
        return self._paged([{"pk": {"S": key}} for key in sorted(keys)], ExclusiveStartKey)

    def scan(
        self,
        *,
        TableName: str,  # noqa: N803
        FilterExpression: str,  # noqa: N803
        ExpressionAttributeNames: dict[str, str],  # noqa: N803
        ExpressionAttributeValues: Item,  # noqa: N803
        ConsistentRead: bool,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self._called("scan")
        assert FilterExpression == "#status = :held OR attribute_exists(released_at)"
        page = self._paged([item for _, item in sorted(self.items.items())], ExclusiveStartKey)
        status, held = ExpressionAttributeNames["#status"], ExpressionAttributeValues[":held"]
        found = [item for item in page["Items"] if item.get(status) == held or "released_at" in item]
        return page | {"Items": found}

    def _paged(self, items: list[Item], start: Item | None) -> dict[str, Any]:
        left = [item for item in items if start is None or item["pk"]["S"] > start["pk"]["S"]]
        page: dict[str, Any] = {"Items": left[: self.page]}
        if len(left) > self.page:
            page["LastEvaluatedKey"] = {"pk": left[self.page - 1]["pk"]}
        return page

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("transact_write_items")
        self.meddle()
        assert len(TransactItems) <= 100
        actions = [(kind, action) for each in TransactItems for kind, action in each.items()]
        codes = ["None" if self._allowed(kind, action) else "ConditionalCheckFailed" for kind, action in actions]
        if any(code != "None" for code in codes):
            raise cancelled(codes)
        for kind, action in actions:
            self._apply(kind, action)
        return {}

    def _allowed(self, kind: str, action: dict[str, Any]) -> bool:
        match action.get("ConditionExpression"):
            case None:
                return True
            case "attribute_not_exists(pk)" if kind == "Put":
                return action["Item"]["pk"]["S"] not in self.items
            case "attribute_not_exists(issued) OR issued <= :room":
                issued = self.items.get(action["Key"]["pk"]["S"], {}).get("issued")
                return issued is None or int(issued["N"]) <= int(action["ExpressionAttributeValues"][":room"]["N"])
            case other:
                raise AssertionError(f"the fake does not know the condition {other}")

    def _apply(self, kind: str, action: dict[str, Any]) -> None:
        if kind == "Put":
            self.items[action["Item"]["pk"]["S"]] = action["Item"]
            return
        item = self.items.setdefault(action["Key"]["pk"]["S"], dict(action["Key"]))
        values = action["ExpressionAttributeValues"]
        for verb, name, value in re.findall(r"(SET|ADD) (\w+) =? ?(:\w+)", action["UpdateExpression"]):
            if verb == "SET":
                item[name] = values[value]
            else:
                item[name] = _added(item.get(name), values[value])


def _holds(condition: str, old: Item, values: Item) -> bool:
    """Whether a condition of an update holds."""
    match condition:
        case "":
            return True
        case "#status = :held":
            return old.get("status") == values[":held"]
        case "attribute_not_exists(#withdrawn_at) OR #withdrawn_at <= :withdrawn_at":
            moment: str = values[":withdrawn_at"]["S"]
            return str(old.get("withdrawn_at", {"S": moment})["S"]) <= moment
        case other:
            raise AssertionError(f"the fake does not know the condition {other}")


def _added(old: dict[str, Any] | None, value: dict[str, Any]) -> dict[str, Any]:
    """What ADD makes of an attribute: a larger set, or a sum."""
    if "SS" in value:
        return {"SS": sorted({*(old or {"SS": []})["SS"], *value["SS"]})}
    return {"N": str(int((old or {"N": "0"})["N"]) + int(value["N"]))}


def cancelled(codes: Iterable[str]) -> ClientError:
    """A cancelled transaction, with the reason for each of its actions."""
    error = client_error("TransactionCanceledException", "TransactWriteItems", TransactionCanceledError)
    error.response["CancellationReasons"] = [{"Code": code} for code in codes]
    return error
