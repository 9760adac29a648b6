"""The recipes that compete in a retrain, and the one function that fits any of them.

Every recipe stands behind the same normaliser and the same features. Those whose scores are linear in the features can
be served (numpy, no scikit-learn); the others are baselines to compare with.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC

from moderation.features import FeatureSettings
from moderation.labels import LABELS, Label
from moderation.messages import timestamp
from moderation.model import (
    NORMALISER_VERSION,
    Calibration,
    Manifest,
    Model,
    NormaliserSettings,
    pack_words,
    softmax,
)
from moderation.text import Normaliser, learn_vocabulary
from training_jobs.fitting.calibration import calibration_error, fit_calibration
from training_jobs.fitting.matrix import Vectoriser
from training_jobs.fitting.metrics import summary
from training_jobs.fitting.thresholds import RULE, choose_thresholds

Progress = Callable[[str, float], None]
Parameters = dict[str, str | int | float | bool]

FOLDS: Final = 3
LEAST_PER_CLASS: Final = 6
"""Fewer tweets of a class than this cannot be spread over the folds."""


Learner = Any
"""A scikit-learn classifier; the library brings no types."""


class Scores(Protocol):
    """Anything that gives class probabilities for raw tweets."""

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Shape (tweets, classes), columns in the order of ``LABELS``."""


@dataclass(frozen=True)
class Candidate:
    """One recipe.

    Attributes:
        name: as it stands in the registry and in hyper-parameters.
        description: a sentence for the model card.
        servable: whether its model can be served; the others are baselines.
        settings: what the learner is made with.
        make: settings and seed to an unfitted learner.
    """

    name: str
    description: str
    servable: bool
    make: Callable[[Parameters, int], Learner]
    settings: Parameters = field(default_factory=dict)

    def parameters(self) -> Parameters:
        """What to log of the recipe."""
        return dict(self.settings)


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate.

    Attributes:
        model: calibrated, with thresholds; None when the candidate is a baseline that is not served.
        scores: what scores raw tweets: the model itself, or the baseline.
    """

    model: Model | None
    scores: Scores

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Class probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        return self.scores.score(texts)


def _logistic_regression(settings: Parameters, seed: int) -> Learner:
    return LogisticRegression(C=settings["C"], class_weight="balanced", tol=1e-3, random_state=seed)


def _naive_bayes(settings: Parameters, _seed: int) -> Learner:
    return MultinomialNB(alpha=settings["alpha"])


def _nearest_neighbours(settings: Parameters, seed: int) -> Learner:
    return make_pipeline(
        TruncatedSVD(settings["components"], random_state=seed),
        Normalizer(copy=False),
        KNeighborsClassifier(settings["neighbours"], weights="distance"),
    )


def _linear_svm(settings: Parameters, seed: int) -> Learner:
    return LinearSVC(C=settings["C"], class_weight="balanced", random_state=seed)


CANDIDATES: Final[Mapping[str, Candidate]] = {
    candidate.name: candidate
    for candidate in (
        Candidate("logistic_regression", "Balanced logistic regression", True, _logistic_regression, {"C": 3.0}),
        Candidate("naive_bayes", "Multinomial naive Bayes", True, _naive_bayes, {"alpha": 0.05}),
        Candidate(
            "nearest_neighbours",
            "k nearest neighbours among latent semantic vectors; a baseline that is not served",
            False,
            _nearest_neighbours,
            {"neighbours": 15, "components": 64},
        ),
        Candidate("linear_svm", "Balanced linear support vector machine", True, _linear_svm, {"C": 0.3}),
    )
}


def fit(
    candidate: str,
    texts: Sequence[str],
    labels: Sequence[Label],
    *,
    groups: Sequence[int],
    seed: int,
    data_sha256: str,
    progress: Progress | None = None,
) -> Fitted:
    """Fit one candidate.

    The learner is first fitted on each grouped fold's other tweets: calibration and thresholds are chosen on scores of
    tweets that the scoring learner has not seen. Then it is fitted once more on everything.

    Args:
        candidate: a key of :data:`CANDIDATES`.
        texts: raw tweets.
        labels: as many as texts.
        groups: as many as texts; tweets of one group (near duplicates) are never on both sides of a fold.
        seed: of everything random.
        data_sha256: digest of the data, kept in the manifest.
        progress: told the step and the share of the work that is done, from 0 to 1.

    Raises:
        KeyError: there is no such candidate.
        ValueError: a class has too few tweets.
    """
    recipe = CANDIDATES[candidate]
    report = progress or _silent
    classes = np.array([LABELS.index(label) for label in labels])
    _check_sizes(texts, classes, groups)
    report("learning the vocabulary", 0.0)
    vocabulary = learn_vocabulary(texts)
    normaliser = Normaliser(vocabulary)
    settings = FeatureSettings()
    vectoriser = Vectoriser(normaliser, settings)
    features = vectoriser.transform(texts)
    if not recipe.servable:
        report("fitting", 0.3)
        learner = recipe.make(recipe.parameters(), seed)
        learner.fit(features, classes)
        report("done", 1.0)
        return Fitted(None, Baseline(vectoriser, learner))
    held_out = np.zeros((len(texts), len(LABELS)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, classes, groups)
    for number, (train, test) in enumerate(folds):
        report(f"fold {number + 1} of {FOLDS}", (number + 1) / (FOLDS + 2))
        learner = recipe.make(recipe.parameters(), seed)
        learner.fit(features[train], classes[train])
        weights, intercept = linear_form(learner)
        held_out[test] = features[test] @ weights + intercept
    calibration = fit_calibration(held_out, classes)
    probabilities = softmax(held_out @ calibration.weights + calibration.intercept)
    report("fitting on everything", (FOLDS + 1) / (FOLDS + 2))
    learner = recipe.make(recipe.parameters(), seed)
    learner.fit(features, classes)
    weights, intercept = linear_form(learner)
    manifest = Manifest(
        normaliser=NormaliserSettings(NORMALISER_VERSION, vocabulary.tweets),
        features=settings,
        calibration=Calibration(
            "multinomial logistic regression on out-of-fold scores",
            FOLDS,
            calibration_error(softmax(held_out), classes),
            calibration_error(probabilities, classes),
        ),
        thresholds=choose_thresholds(probabilities, classes),
        thresholds_rule=RULE,
        candidate=candidate,
        parameters=recipe.parameters(),
        metrics=summary(probabilities, classes),
        seed=seed,
        data_sha256=data_sha256,
        code_version=code_version(),
        created_at=timestamp(_now()),
    )
    model = Model(
        manifest,
        {
            "weights": weights.astype(np.float16),
            "intercept": intercept,
            "calibration_weights": calibration.weights,
            "calibration_intercept": calibration.intercept,
            "vocabulary": pack_words(vocabulary.words),
            "vocabulary_counts": np.array(vocabulary.counts, np.int32),
        },
    )
    report("done", 1.0)
    return Fitted(model, model)


class Baseline:
    """Scores raw tweets with a scikit-learn classifier that has no served form."""

    def __init__(self, vectoriser: Vectoriser, learner: Learner) -> None:
        self._vectoriser = vectoriser
        self._learner = learner

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Class probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        return np.asarray(self._learner.predict_proba(self._vectoriser.transform(texts)), np.float64)


def linear_form(learner: Learner) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, shape (buckets, classes), and intercept, shape (classes,), of a linear scikit-learn classifier."""
    if isinstance(learner, MultinomialNB):
        return learner.feature_log_prob_.T, learner.class_log_prior_
    return learner.coef_.T, learner.intercept_


def code_version() -> str:
    """Digest of the code that a model depends on, its first twelve hexadecimal digits."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parents[1] / "moderation", Path(__file__).parent / "fitting"):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _now() -> datetime:
    """The moment that the manifest bears; ``SOURCE_DATE_EPOCH`` makes it, and with it the artefact, reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def _check_sizes(texts: Sequence[str], classes: NDArray[np.intp], groups: Sequence[int]) -> None:
    if not len(texts) == len(classes) == len(groups):
        raise ValueError("texts, labels and groups must be equally many")
    counts = np.bincount(classes, minlength=len(LABELS))
    for label, count in zip(LABELS, counts.tolist(), strict=True):
        if count < LEAST_PER_CLASS:
            raise ValueError(f"{count} tweets of class {label}: at least {LEAST_PER_CLASS} are needed")


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""
