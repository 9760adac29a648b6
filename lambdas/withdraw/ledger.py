"""Withdrawals in the ledger of warnings: what is left of an entry is that its tweet must not be acted upon.

The mark stands where the entry stood, under the same key, and is made for tweets without an entry too: their verdict
may still be on its way, and `warn` acts only on tweets that have nothing there. Making it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lambdas.warn.entries import RETENTION, WITHDRAWN
from lambdas.warn.ledger import author_key
from moderation.messages import AuthorWithdrawn, TweetWithdrawn, Withdrawal
from moderation.tombstones import REVISION, Tombstone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY_SEPARATOR: Final = "#"
_FORGOTTEN: Final = (
    "author_id", "source", "decision", "classification", "confidence", "version", "recorded_at", "done",
    "released_at",
)  # fmt: skip
"""Attributes of an entry that go: whom, from where, for what."""

_KEPT: Final = ("tweet_id", "policy", "status", "withdrawn_at", "reason", "expires_at")


@dataclass(slots=True)
class Effect:
    """What a withdrawal led to.

    Attributes:
        warnings: entries that were taken back.
        tombstones: for the data that cannot be edited.
    """

    warnings: int
    tombstones: list[Tombstone]


class WithdrawalLedger:
    """Marks entries as withdrawn.

    Args:
        client: of DynamoDB.
        table: its name.
        author_index: of its index by ``author_id``.
        policies: whose entries may stand.
    """

    def __init__(self, client: DynamoDBClient, table: str, author_index: str, policies: tuple[str, ...]) -> None:
        self._client = client
        self._table = table
        self._author_index = author_index
        self._policies = policies

    def withdraw(self, event: TweetWithdrawn | AuthorWithdrawn) -> Effect:
        """Act on a withdrawal.

        Raises:
            RequestFaults: the table did not take it. What was done by then is done; doing it again is safe.
        """
        return self._tweet(event) if isinstance(event, TweetWithdrawn) else self._author(event)

    def _tweet(self, event: TweetWithdrawn) -> Effect:
        edited = event.reason is Withdrawal.EDITED
        revision = event.replaced_by if edited and _is_revision(event.replaced_by, event.tweet_id) else None
        warnings, withdrawn = 0, set[str]()
        for policy in self._policies:
            old = self._mark(event, event.tweet_id, policy, revision=revision, for_good=not edited)
            warnings += _was_entry(old)
            for each in _superseded(old, revision, for_good=not edited):
                warnings += _was_entry(self._mark(event, each, policy))
                withdrawn.add(each)
        tombstones = [Tombstone(withdrawn_at=event.withdrawn_at, tweet_id=event.tweet_id, revisions=not edited)]
        tombstones += [Tombstone(withdrawn_at=event.withdrawn_at, tweet_id=each) for each in sorted(withdrawn)]
        return Effect(warnings, tombstones)

    def _author(self, event: AuthorWithdrawn) -> Effect:
        warnings = 0
        if event.author_id:
            self._mark_author(event)
        for key in self._keys_of(event.author_id):
            tweet_id, _, policy = key.rpartition(_KEY_SEPARATOR)
            warnings += _was_entry(self._mark(event, tweet_id, policy))
        tombstone = Tombstone(withdrawn_at=event.withdrawn_at, author_id=event.author_id)
        return Effect(warnings, [tombstone] if event.author_id else [])

    def _mark_author(self, event: AuthorWithdrawn) -> None:
        """Tell `warn` not to act upon what the author wrote until now: some of it may still be on its way.

        An earlier moment never replaces a later one, in whatever order events come.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": author_key(event.author_id)}},
                UpdateExpression="SET #withdrawn_at = :withdrawn_at, #expires_at = :expires_at",
                ConditionExpression="attribute_not_exists(#withdrawn_at) OR #withdrawn_at <= :withdrawn_at",
                ExpressionAttributeNames={f"#{name}": name for name in ("withdrawn_at", "expires_at")},
                ExpressionAttributeValues={
                    ":withdrawn_at": {"S": event.withdrawn_at},
                    ":expires_at": {"N": _expiry()},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return  # somebody knows better

    def _keys_of(self, author_id: str) -> Iterator[str]:
        """The keys of an author's entries. A marked entry has no author any more, so it does not come again."""
        start: dict[str, Any] = {}
        while author_id:
            page = self._client.query(
                TableName=self._table,
                IndexName=self._author_index,
                KeyConditionExpression="author_id = :author",
                ExpressionAttributeValues={":author": {"S": author_id}},
                ProjectionExpression="pk",
                **start,
            )
            yield from (item["pk"]["S"] for item in page["Items"])
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _mark(
        self,
        event: TweetWithdrawn | AuthorWithdrawn,
        tweet_id: str,
        policy: str,
        *,
        revision: str | None = None,
        for_good: bool = False,
    ) -> dict[str, Any]:
        """Put the mark where a tweet's entry stands, or would; returns what stood there.

        Args:
            event: why.
            tweet_id: of the tweet, or of a revision of it.
            policy: whose entry it is.
            revision: an id that has taken the tweet's place, to be remembered.
            for_good: whether no revision may take its place from now on.
        """
        values: dict[str, Any] = {
            ":tweet_id": {"S": tweet_id},
            ":policy": {"S": policy},
            ":status": {"S": WITHDRAWN},
            ":withdrawn_at": {"S": event.withdrawn_at},
            ":reason": {"S": event.reason.value},
            ":expires_at": {"N": _expiry()},
        }
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in _KEPT)
        if for_good:
            values[":for_good"] = {"BOOL": True}
            update += ", for_good = :for_good"
        update += " REMOVE " + ", ".join(f"#{name}" for name in _FORGOTTEN)
        if revision is not None:
            values[":revisions"] = {"SS": [revision]}
            update += " ADD revisions :revisions"
        answer = self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": f"{tweet_id}{_KEY_SEPARATOR}{policy}"}},
            UpdateExpression=update,
            ExpressionAttributeNames={f"#{name}": name for name in (*_KEPT, *_FORGOTTEN)},
            ExpressionAttributeValues=values,
            ReturnValues="ALL_OLD",
        )
        return dict(answer.get("Attributes", {}))


def _expiry() -> str:
    """When a mark that is made now may be forgotten, in seconds since 1970."""
    return str(int((datetime.now(UTC) + RETENTION).timestamp()))


def _is_revision(replaced_by: str | None, tweet_id: str) -> bool:
    return replaced_by is not None and replaced_by.startswith(f"{tweet_id}{REVISION}")


def _superseded(old: dict[str, Any], revision: str | None, *, for_good: bool) -> list[str]:
    """The revisions of a tweet that are withdrawn with it.

    Events come in any order. Revisions sort by their time (those of the AT Protocol do: "TID" in its specification), so
    all but the latest are superseded, and all of them once the tweet has gone for good.
    """
    known = {*old.get("revisions", {}).get("SS", []), *([revision] if revision else [])}
    if for_good or "for_good" in old:
        return sorted(known)
    return sorted(known)[:-1]


def _was_entry(old: dict[str, Any]) -> bool:
    """Whether there was something to take back."""
    status: str = old.get("status", {}).get("S", WITHDRAWN)
    return status != WITHDRAWN
