"""From decisions to effects.

Effects are only named here. Whoever applies them does it once per tweet and policy, counted and capped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from moderation.messages import ClassificationEvent, Decision


class Effect(StrEnum):
    """Something that is to happen because of a decision."""

    RECORD_WARNING = "record_warning"
    NOTIFY = "notify"
    ANNOUNCE_FLAGGED = "announce_flagged"
    ANNOUNCE_REFERRED = "announce_referred"


class WarningPolicy(msgspec.Struct, frozen=True):
    """Which effects each decision has. A new name lets a tweet be acted on once more, so change it with care."""

    name: str
    effects: dict[Decision, tuple[Effect, ...]]

    def effects_of(self, verdict: ClassificationEvent) -> tuple[Effect, ...]:
        """The effects of one verdict, in the order in which to apply them; empty for a tweet that passes."""
        return self.effects.get(verdict.prediction.decision, ())

    def key_of(self, verdict: ClassificationEvent) -> str:
        """What makes an effect the same effect: the tweet and the policy, whichever model or delivery it was."""
        return f"{verdict.prediction.tweet_id}#{self.name}"


DEFAULT_POLICY: Final = WarningPolicy(
    name="default-1",
    effects={
        Decision.FLAG: (Effect.RECORD_WARNING, Effect.NOTIFY, Effect.ANNOUNCE_FLAGGED),
        Decision.REFER: (Effect.ANNOUNCE_REFERRED,),
    },
)
