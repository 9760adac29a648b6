"""What a model does beside telling clean tweets apart: under attack, about groups and people, in decisions, in time.

The figures that the gate holds its floors against. Attacks and sentences are those of ``training_jobs.evaluation``,
none of which training has seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMLESS, LABELS, Label
from moderation.policy import DECISIONS, Thresholds, decide
from training_jobs.measures import columns_of

ATTACKED_ROWS: Final = 1_000
"""Rows that are put under each of some forty attacks: enough for a standard error of about .012 each, and a matter
of seconds."""

TIMED_BATCH: Final = 200
"""Tweets in a timed batch: what a function is given by a busy shard."""

TIMED_BATCHES: Final = 9

_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)


class Scorer(Protocol):
    """Anything that gives class probabilities for raw tweets."""

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Shape (tweets, classes), columns in the order of ``LABELS``."""


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Macro-F1 under attack.

    Attributes:
        rows: that were attacked.
        worst_named_attack: the least of the kinds that every filter should know.
        mean_other_attack: the mean of those it has not been told about.
        attacks: by kind.
    """

    rows: int
    worst_named_attack: float
    mean_other_attack: float
    attacks: dict[str, float]


class AboutGroups(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of sentences about groups of people.

    Attributes:
        harmless_flagged: of harmless sentences that are flagged.
        harmless_caught: of harmless sentences that are flagged or referred.
        attack_flagged: of attacks that are flagged.
        attack_caught: of attacks that are flagged or referred.
    """

    harmless_flagged: float
    harmless_caught: float
    attack_flagged: float
    attack_caught: float


class AboutPeople(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of sentences to and about single people.

    Attributes:
        harmless_flagged: of harmless sentences that are flagged.
        harmless_caught: of harmless sentences that are flagged or referred.
        cruel_flagged: of cruel sentences that are flagged.
        cruel_caught: of cruel sentences that are flagged or referred.
    """

    harmless_flagged: float
    harmless_caught: float
    cruel_flagged: float
    cruel_caught: float


class DecisionShares(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about rows, at the model's thresholds: shares of the harmless and of the harmful ones."""

    harmless_flagged: float
    harmless_referred: float
    harmful_flagged: float
    harmful_referred: float
    harmful_passed: float


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        robustness: under attack.
        groups: sentences about groups of people.
        people: sentences to and about single people.
        decisions: on the validation fold.
        tweets_per_second: scored on one core, the median of several batches.
    """

    robustness: Robustness
    groups: AboutGroups
    people: AboutPeople
    decisions: DecisionShares
    tweets_per_second: float

    def flat(self) -> dict[str, float]:
        """Every figure under a name of its own, as a tracking server wants them."""
        robustness = self.robustness
        figures = {f"attack/{name}": value for name, value in robustness.attacks.items()}
        for part, of in (("groups", self.groups), ("people", self.people), ("decisions", self.decisions)):
            figures |= {f"{part}/{name}": float(getattr(of, name)) for name in of.__struct_fields__}
        return {
            **figures,
            "worst_named_attack": robustness.worst_named_attack,
            "mean_other_attack": robustness.mean_other_attack,
            "tweets_per_second": self.tweets_per_second,
        }


def behave(
    model: Scorer, thresholds: Thresholds, texts: Sequence[str], labels: Sequence[Label], *, seed: int = 7
) -> Behaviour:
    """Measure all of it on rows that the model has not seen.

    Args:
        model: to measure.
        thresholds: at which it decides.
        texts: raw tweets.
        labels: as many as texts.
        seed: of the rows that are attacked and of the attacks.
    """
    from training_jobs.evaluation.figures import (  # noqa: PLC0415 - --help need not wait for scikit-learn
        about_groups,
        about_people,
    )

    return Behaviour(
        robustness=withstand(model, texts, labels, seed),
        groups=AboutGroups(**about_groups(model, thresholds)),
        people=AboutPeople(**about_people(model, thresholds)),
        decisions=decision_shares(model.score(texts), labels, thresholds),
        tweets_per_second=tweets_per_second(model, texts),
    )


def withstand(model: Scorer, texts: Sequence[str], labels: Sequence[Label], seed: int) -> Robustness:
    """Macro-F1 under each attack, on at most :data:`ATTACKED_ROWS` rows drawn by the seed."""
    from training_jobs.evaluation.figures import robustness, under_attack  # noqa: PLC0415 - as above

    rows = np.sort(np.random.default_rng(seed).permutation(len(texts))[:ATTACKED_ROWS]).tolist()
    by_attack = under_attack(model, [texts[row] for row in rows], columns_of([labels[row] for row in rows]), seed)
    return Robustness(rows=len(rows), **robustness(by_attack), attacks=by_attack)


def decision_shares(scores: NDArray[np.float64], labels: Sequence[Label], thresholds: Thresholds) -> DecisionShares:
    """What is decided about rows, shape (rows, classes), at thresholds."""
    _, decisions = decide(scores, thresholds)
    harmless = columns_of(labels) == _HARMLESS_COLUMN
    passed, referred, flagged = (
        (_mean(decisions[harmless] == index), _mean(decisions[~harmless] == index)) for index in range(len(DECISIONS))
    )
    return DecisionShares(
        harmless_flagged=flagged[0],
        harmless_referred=referred[0],
        harmful_flagged=flagged[1],
        harmful_referred=referred[1],
        harmful_passed=passed[1],
    )


def tweets_per_second(model: Scorer, texts: Sequence[str]) -> float:
    """Tweets scored in a second of one core: the median over batches of texts, which are repeated if they are few.

    Processor time is counted, not the clock on the wall, so that what else runs on the machine hardly matters.
    """
    wanted = TIMED_BATCH * TIMED_BATCHES
    tweets = (list(texts) * -(-wanted // len(texts)))[:wanted]
    rates = []
    for start in range(0, wanted, TIMED_BATCH):
        began = time.process_time()
        model.score(tweets[start : start + TIMED_BATCH])
        rates.append(TIMED_BATCH / max(time.process_time() - began, 1e-6))
    return float(np.median(rates))


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
