"""The figures of a model on tweets it has not seen: clean, under attack, about groups of people, out of its domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from moderation.labels import HARMLESS, LABELS
from moderation.policy import Thresholds, decide
from training_jobs.evaluation import cruelty, identity
from training_jobs.evaluation.attacks import NAMED, OTHERS, attacked
from training_jobs.fitting.metrics import summary

_HARMLESS_COLUMN = LABELS.index(HARMLESS)


class Scores(Protocol):
    """Anything that gives class probabilities for raw tweets."""

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Shape (tweets, classes), columns in the order of ``LABELS``."""


def clean(model: Scores, texts: Sequence[str], classes: NDArray[np.intp]) -> dict[str, float]:
    """The figures of :func:`training_jobs.fitting.metrics.summary` on tweets as they are."""
    return summary(model.score(texts), classes)


def under_attack(model: Scores, texts: Sequence[str], classes: NDArray[np.intp], seed: int) -> dict[str, float]:
    """Macro-F1 under each kind of attack."""
    return {
        name: float(f1_score(classes, model.score(attacked(texts, attack, seed)).argmax(axis=1), average="macro"))
        for name, attack in {**NAMED, **OTHERS}.items()
    }


def robustness(by_attack: Mapping[str, float]) -> dict[str, float]:
    """The worst macro-F1 of the named attacks and the mean of the others."""
    return {
        "worst_named_attack": min(by_attack[name] for name in NAMED),
        "mean_other_attack": float(np.mean([by_attack[name] for name in OTHERS])),
    }


def about_groups(model: Scores, thresholds: Thresholds) -> dict[str, float]:
    """Shares of sentences about groups: harmless ones flagged, or flagged or referred; attacks caught either way."""
    harmless, attacks = ([text for text, _ in of] for of in (identity.harmless(), identity.attacks()))
    return _rates(model, thresholds, {"harmless": harmless, "attack": attacks})


def about_people(model: Scores, thresholds: Thresholds) -> dict[str, float]:
    """The same shares of sentences to and about single people: harmless ones, and cruel ones."""
    return _rates(model, thresholds, {"harmless": cruelty.not_cruel(), "cruel": cruelty.cruel()})


def _rates(model: Scores, thresholds: Thresholds, sentences: Mapping[str, Sequence[str]]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for name, texts in sentences.items():
        _, decisions = decide(model.score(texts), thresholds)
        rates[f"{name}_flagged"] = float((decisions == 2).mean())  # noqa: PLR2004 - the last of DECISIONS
        rates[f"{name}_caught"] = float((decisions > 0).mean())
    return rates


def out_of_domain(model: Scores, texts: Sequence[str], harmful: NDArray[np.bool_]) -> dict[str, float]:
    """How well the probability of harm tells harmful from harmless tweets of another source, at one half."""
    harm = 1.0 - model.score(texts)[:, _HARMLESS_COLUMN]
    return {
        "auroc": float(roc_auc_score(harmful, harm)),
        "macro_f1": float(f1_score(harmful, harm >= 0.5, average="macro")),  # noqa: PLR2004 - more likely than not
    }
