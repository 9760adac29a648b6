"""What the ledger remembers of a tweet that was acted upon, and what others are told of it.

Neither holds what the author wrote: whoever needs the text has the tweet's id.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from moderation.effects import Effect, WarningPolicy
from moderation.labels import Label
from moderation.messages import ClassificationEvent, Decision, timestamp

RETENTION: Final = timedelta(days=90)
"""How long an entry is kept, and with it the memory that a tweet was acted upon."""

NOTICE_VERSION: Final = 1


WITHDRAWN: Final = "withdrawn"
"""The status of an item that is no entry any more, or never was one: its tweet was withdrawn."""


class Status(StrEnum):
    """Where a tweet stands."""

    ISSUED = "issued"
    """Its author is warned."""
    HELD = "held"
    """Its author would be warned, had the daily quota allowed it. Nothing is sent until a person releases it."""
    DROPPED = "dropped"
    """It was held, and a person decided that nobody is warned."""
    REFERRED = "referred"
    """A person is to look at it. Nobody is warned."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One tweet under one policy.

    Attributes:
        key: tweet id and policy.
        recorded_at: when the entry was made, as on the wire.
        expires_at: seconds since 1970 after which the entry may be forgotten.
        done: effects that have reached their sinks.
        released_at: when a person decided about it, if it was held.
    """

    key: str
    tweet_id: str
    policy: str
    status: Status
    decision: Decision
    classification: Label
    confidence: float
    version: str
    recorded_at: str
    expires_at: int
    author_id: str | None = None
    source: str | None = None
    done: frozenset[Effect] = frozenset()
    released_at: str | None = None

    def due(self, policy: WarningPolicy) -> tuple[Effect, ...]:
        """The effects still to be applied, in the policy's order. Being recorded is the entry itself."""
        if self.status in {Status.HELD, Status.DROPPED}:
            return ()
        effects = policy.effects.get(self.decision, ())
        return tuple(effect for effect in effects if effect is not Effect.RECORD_WARNING and effect not in self.done)


class WithdrawnTweet(msgspec.Struct, frozen=True):
    """What stands in the place of an entry when the tweet was withdrawn: nothing may be done for it any more."""

    key: str


Known = Entry | WithdrawnTweet
"""What the ledger may hold under a key."""


def new_entry(verdict: ClassificationEvent, policy: WarningPolicy, now: datetime) -> Entry:
    """The entry for a verdict that has effects."""
    prediction = verdict.prediction
    warns = Effect.RECORD_WARNING in policy.effects_of(verdict)
    return Entry(
        key=policy.key_of(verdict),
        tweet_id=prediction.tweet_id,
        policy=policy.name,
        status=Status.ISSUED if warns else Status.REFERRED,
        decision=prediction.decision,
        classification=prediction.classification,
        confidence=prediction.confidence,
        version=verdict.version,
        recorded_at=timestamp(now),
        expires_at=int((now.astimezone(UTC) + RETENTION).timestamp()),
        author_id=verdict.author_id,
        source=verdict.source,
    )


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What subscribers and listeners are told: the body of a notification, the detail of an event.

    ``id`` is the same however often a notice is delivered; whoever must not act twice remembers it.
    """

    schema_version: int
    id: str
    tweet_id: str
    policy: str
    decision: Decision
    classification: Label
    confidence: float
    version: str
    recorded_at: str
    author_id: str | None = None
    source: str | None = None


def encode_notice(entry: Entry) -> str:
    """The wire form of what is told of an entry: JSON."""
    notice = Notice(
        schema_version=NOTICE_VERSION,
        id=entry.key,
        tweet_id=entry.tweet_id,
        policy=entry.policy,
        decision=entry.decision,
        classification=entry.classification,
        confidence=entry.confidence,
        version=entry.version,
        recorded_at=entry.recorded_at,
        author_id=entry.author_id,
        source=entry.source,
    )
    return msgspec.json.encode(notice).decode()
