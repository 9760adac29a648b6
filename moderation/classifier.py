"""Tweets in, verdicts out: one vectorised scoring call per batch, whatever surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from moderation.labels import HARMFUL, LABELS, Label
from moderation.messages import (
    MODEL_NAME,
    SCHEMA_VERSION,
    ClassificationEvent,
    Decision,
    Prediction,
    TweetEvent,
    timestamp,
)
from moderation.model import Model
from moderation.policy import DECISIONS, decide

_DECIMALS = 6
_HARMFUL_COLUMNS = tuple(LABELS.index(label) for label in HARMFUL)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model as it is served.

    Attributes:
        model: the artefact.
        version: of the registered model; every verdict carries it.
        explain: whether flagged and referred verdicts name the pieces of the tweet that weighed most.
    """

    model: Model
    version: str
    explain: bool = True

    def classify(self, events: Sequence[TweetEvent], now: datetime | None = None) -> list[ClassificationEvent]:
        """Verdicts for a batch of tweets, in its order.

        Args:
            events: tweets whose text is not empty, see ``messages.decode_tweet_event``.
            now: the moment that the verdicts bear; the present one if None.
        """
        if not events:
            return []
        scores = self.model.score([event.tweet.tweet_text for event in events])
        classes, decisions = decide(scores, self.model.manifest.thresholds)
        moment = timestamp(now)
        rows = np.round(scores, _DECIMALS).tolist()
        return [
            ClassificationEvent(
                schema_version=SCHEMA_VERSION,
                model=MODEL_NAME,
                version=self.version,
                prediction=self._prediction(event, row, label, decision),
                author_id=event.author_id,
                source=event.source,
                tweeted_at=event.created_at,
                classified_at=moment,
            )
            for event, row, label, decision in zip(events, rows, classes.tolist(), decisions.tolist(), strict=True)
        ]

    def _prediction(self, event: TweetEvent, row: list[float], label: int, decision: int) -> Prediction:
        chosen = DECISIONS[decision]
        explained = self.explain and chosen is not Decision.PASS
        return Prediction(
            tweet_id=event.tweet_id,
            classification=LABELS[label],
            confidence=row[label],
            scores=dict(zip(LABELS, row, strict=True)),
            decision=chosen,
            reasons=self.model.explain(event.tweet.tweet_text, _harm_of(row)) if explained else [],
        )


def _harm_of(row: list[float]) -> Label:
    """The likeliest harmful class: what a verdict is explained by, even when the tweet is more likely harmless."""
    return LABELS[max(_HARMFUL_COLUMNS, key=row.__getitem__)]
