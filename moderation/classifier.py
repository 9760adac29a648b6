"""Tweets in, verdicts out: vectorised scoring of a batch, whatever surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMFUL, LABELS
from moderation.messages import (
    MODEL_NAME,
    SCHEMA_VERSION,
    ClassificationEvent,
    Prediction,
    Reason,
    TweetEvent,
    timestamp,
)
from moderation.model import Examined, Model
from moderation.policy import DECISIONS, decide

_DECIMALS = 6
_BLOCK = 500
"""Tweets that are scored in one go: of more, each takes longer, a fifth in a batch of seven thousand."""

_HARMFUL_COLUMNS = np.array([LABELS.index(label) for label in HARMFUL])


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
        moment = timestamp(now)
        blocks = (events[first : first + _BLOCK] for first in range(0, len(events), _BLOCK))
        return [verdict for block in blocks for verdict in self._verdicts(block, moment)]

    def _verdicts(self, events: Sequence[TweetEvent], moment: str) -> list[ClassificationEvent]:
        examined = self.model.examine([event.tweet.tweet_text for event in events])
        classes, decisions = decide(examined.scores, self.model.manifest.thresholds)
        reasons = self._reasons(examined, decisions)
        rows = np.round(examined.scores, _DECIMALS).tolist()
        return [
            ClassificationEvent(
                schema_version=SCHEMA_VERSION,
                model=MODEL_NAME,
                version=self.version,
                prediction=Prediction(
                    tweet_id=event.tweet_id,
                    classification=LABELS[label],
                    confidence=row[label],
                    scores=dict(zip(LABELS, row, strict=True)),
                    decision=DECISIONS[decision],
                    reasons=why,
                ),
                author_id=event.author_id,
                source=event.source,
                tweeted_at=event.created_at,
                classified_at=moment,
            )
            for event, row, label, decision, why in zip(
                events, rows, classes.tolist(), decisions.tolist(), reasons, strict=True
            )
        ]

    def _reasons(self, examined: Examined, decisions: NDArray[np.intp]) -> list[list[Reason]]:
        """The reasons of each tweet, by its likeliest harmful class; none for those that pass."""
        reasons: list[list[Reason]] = [[] for _ in decisions]
        if self.explain:
            explained = np.flatnonzero(decisions)
            harmful = _HARMFUL_COLUMNS[np.argmax(examined.scores[explained][:, _HARMFUL_COLUMNS], axis=1)]
            for tweet, why in zip(explained.tolist(), self.model.reasons(examined, explained, harmful), strict=True):
                reasons[tweet] = why
        return reasons
