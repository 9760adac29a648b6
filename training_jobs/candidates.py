"""The recipes that compete in a retrain, and the one function that fits any of them.

Every recipe stands behind the same normaliser and the same features. Those whose scores are linear in the features can
be served (numpy, no scikit-learn), with a small network behind them if the recipe says so; the others are baselines to
compare with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.arrays import Arrays, pack_topics, pack_weights, pack_words
from moderation.features import FeatureSettings
from moderation.labels import LABELS, Label
from moderation.manifest import NORMALISER_VERSION, Calibration, Manifest, NormaliserSettings
from moderation.messages import timestamp
from moderation.model import Model
from moderation.network import softmax
from moderation.text import Normaliser, learn_vocabulary
from moderation.vocabulary import Vocabulary
from training_jobs.fitting import bases
from training_jobs.fitting.bases import Linear, Rows
from training_jobs.fitting.calibration import calibration_error
from training_jobs.fitting.cores import side_by_side
from training_jobs.fitting.head import MEMBERS_OF_FOLDS, Head, calibrated, fit_network, identity
from training_jobs.fitting.matrix import Vectoriser
from training_jobs.fitting.metrics import summary
from training_jobs.fitting.neighbours import NearestNeighbours
from training_jobs.fitting.published import SETTINGS as STUDY_SETTINGS
from training_jobs.fitting.published import PublishedStudy
from training_jobs.fitting.thresholds import choose_thresholds
from training_jobs.fitting.topics import find_topics
from training_jobs.fitting.training import FOLDS, Training, gather
from training_jobs.moment import manifest_moment
from training_jobs.trained import BASELINE

Progress = Callable[[str, float], None]
Parameters = dict[str, str | int | float | bool]

LAYOUT_VALUE: Final = 0.3
PARTS_VALUE: Final = 0.4
_READ: Final = 0.2
_SCORED: Final = 0.75
"""Shares of the work that are done once the tweets are read, and once there are scores of all of them."""

LEAST_PER_CLASS: Final = 6
"""Fewer tweets of a class than this cannot be spread over the folds."""


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
        learn: settings, rows and seed to linear scores; None for a baseline that has none and is not served.
        settings: what the learner is made with.
        network: whether topics, style, a lexicon and a small network stand behind the scores, and made-up tweets beside
            the real.
    """

    name: str
    description: str
    learn: Callable[[Mapping[str, Any], Rows, int], Linear] | None
    settings: Parameters = field(default_factory=dict)
    network: bool = False

    @property
    def servable(self) -> bool:
        """Whether its model can be served; the others are baselines."""
        return self.learn is not None

    def parameters(self) -> Parameters:
        """What to log of the recipe."""
        return {**self.settings, "network": self.network}


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


CANDIDATES: Final[Mapping[str, Candidate]] = {
    candidate.name: candidate
    for candidate in (
        Candidate(
            "logistic_regression",
            "Balanced logistic regression",
            lambda settings, rows, seed: bases.logistic_regression(rows, strength=settings["C"], seed=seed),
            {"C": 1.0},
        ),
        Candidate(
            "naive_bayes",
            "Multinomial naive Bayes",
            lambda settings, rows, _seed: bases.naive_bayes(rows, smoothing=settings["alpha"]),
            {"alpha": 0.05},
        ),
        Candidate(
            "nearest_neighbours",
            "k nearest neighbours among latent semantic vectors; a baseline that is not served",
            None,
            {"neighbours": 15, "components": 64},
        ),
        Candidate(
            BASELINE,
            "The published study's recipe, on tweets as they stand; the baseline to beat, which is not served",
            None,
            STUDY_SETTINGS,
        ),
        Candidate(
            "linear_svm",
            "Balanced linear support vector machines",
            lambda settings, rows, seed: bases.support_vectors(rows, strength=settings["C"], seed=seed),
            {"C": 0.3},
        ),
        Candidate(
            "stack",
            "Linear support vector machines and naive Bayes; topics, style, a lexicon and a small network behind them",
            lambda settings, rows, seed: bases.stack_bases(
                rows, strength=settings["C"], smoothing=settings["alpha"], seed=seed
            ),
            {"C": 0.3, "alpha": 0.05},
            network=True,
        ),
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
    if candidate == BASELINE:
        report("fitting", 0.0)
        study = PublishedStudy(texts, classes, seed)
        report("done", 1.0)
        return Fitted(None, study)
    report("learning the vocabulary", 0.0)
    vocabulary = learn_vocabulary(texts, classes.tolist())
    settings = FeatureSettings()
    if recipe.network:
        settings = FeatureSettings(style=True, layout_value=LAYOUT_VALUE, parts_value=PARTS_VALUE)
    vectoriser = Vectoriser(Normaliser(vocabulary), settings)
    report("reading the tweets", 0.05)
    training = gather(vectoriser, texts, labels, groups, seed if recipe.network else None)
    if recipe.learn is None:
        report("fitting", 0.3)
        baseline = NearestNeighbours(vectoriser, training.rows, recipe.settings, seed)
        report("done", 1.0)
        return Fitted(None, baseline)
    linear, scores = _fit_linear(recipe, training, seed, report)
    topics: NDArray[np.float64] | None = None
    if recipe.network:
        # Topics are no scores of classes: those of all tweets are the same ones that will be served.
        topics = find_topics(training.words[: training.real], bases.importance(linear), seed)
        scores = np.concatenate([scores, training.words @ topics], axis=1)
    report("weighing the scores", _SCORED)
    head, probabilities, error_before = _fit_head(recipe, training, scores, seed)
    chosen = choose_thresholds(probabilities, classes)
    manifest = Manifest(
        normaliser=NormaliserSettings(NORMALISER_VERSION, vocabulary.tweets),
        features=settings,
        calibration=Calibration(
            "multinomial logistic regression on out-of-fold scores",
            FOLDS,
            error_before,
            calibration_error(probabilities, classes),
        ),
        thresholds=chosen.thresholds,
        thresholds_rule=chosen.rule,
        candidate=candidate,
        parameters=recipe.parameters(),
        metrics={**summary(probabilities, classes), **chosen.shares},
        seed=seed,
        data_sha256=data_sha256,
        code_version=code_version(),
        created_at=timestamp(manifest_moment()),
    )
    model = Model(manifest, _arrays(vocabulary, linear, topics, head))
    report("done", 1.0)
    return Fitted(model, model)


def _fit_linear(
    recipe: Candidate, training: Training, seed: int, report: Progress
) -> tuple[Linear, NDArray[np.float64]]:
    """The learner fitted on everything, and scores of each tweet by one that has seen nothing of its group."""
    assert recipe.learn is not None  # noqa: S101
    folds = training.folds(seed)
    seen_by = [np.arange(len(training.groups)), *(seen for seen, _ in folds)]
    rows = training.for_linear_models
    fits = [partial(_learn, recipe, rows, seen, seed) for seen in seen_by]
    fitted = side_by_side(fits, len(training.groups))
    report("fitting on everything", _READ)
    linear = next(fitted)
    scores = np.zeros((len(training.groups), len(linear.intercept)))
    for number, (fold, (_, held_out)) in enumerate(zip(fitted, folds, strict=True)):
        report(f"fold {number + 1} of {FOLDS}", _READ + (_SCORED - _READ) * (number + 1) / (FOLDS + 1))
        scores[held_out] = fold.scores(training.rows.features[held_out])
    return linear, scores


def _learn(recipe: Candidate, rows: Rows, seen: NDArray[np.intp], seed: int) -> Linear:
    assert recipe.learn is not None  # noqa: S101
    return recipe.learn(recipe.settings, rows.taken(seen), seed)


def _fit_head(
    recipe: Candidate, training: Training, scores: NDArray[np.float64], seed: int
) -> tuple[Head, NDArray[np.float64], float]:
    """The head, what such a head gives tweets it has not seen, and the error of that without calibration."""
    classes, real = training.rows.classes, training.real
    head, logits = identity(), scores
    if recipe.network:
        inputs = training.inputs(scores)
        weights = training.rows.weights
        folds = training.folds(seed + 1)
        fits = [partial(fit_network, inputs, classes, weights, seed)]
        fits += [
            partial(fit_network, inputs[seen], classes[seen], weights[seen], seed, MEMBERS_OF_FOLDS)
            for seen, _ in folds
        ]
        fitted = side_by_side(fits, len(inputs))
        head = next(fitted)
        logits = np.zeros((len(inputs), len(LABELS)))
        for fold, (_, held_out) in zip(fitted, folds, strict=True):
            logits[held_out] = fold.logits(inputs[held_out])
    final = calibrated(head, logits[:real], classes[:real])
    after = calibrated(identity(), logits[:real], classes[:real])
    probabilities = softmax(after.logits(logits[:real]))
    return final, probabilities, calibration_error(softmax(logits[:real]), classes[:real])


def _arrays(vocabulary: Vocabulary, linear: Linear, topics: NDArray[np.float64] | None, head: Head) -> Arrays:
    return {
        **pack_weights(linear.weights),
        **({} if topics is None else pack_topics(topics)),
        "intercept": linear.intercept,
        **head.arrays(),
        "vocabulary": pack_words(vocabulary.words),
        "vocabulary_counts": np.array(vocabulary.counts, np.int32),
        "vocabulary_telling": np.array(vocabulary.telling, np.uint8),
    }


def code_version() -> str:
    """Digest of the code that a model depends on, its first twelve hexadecimal digits."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parents[1] / "moderation", Path(__file__).parent / "fitting"):
        for path in sorted(path for ending in ("py", "toml", "txt") for path in folder.rglob(f"*.{ending}")):
            digest.update(path.name.encode() + path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _check_sizes(texts: Sequence[str], classes: NDArray[np.intp], groups: Sequence[int]) -> None:
    if not len(texts) == len(classes) == len(groups):
        raise ValueError("texts, labels and groups must be equally many")
    counts = np.bincount(classes, minlength=len(LABELS))
    for label, count in zip(LABELS, counts.tolist(), strict=True):
        if count < LEAST_PER_CLASS:
            raise ValueError(f"{count} tweets of class {label}: at least {LEAST_PER_CLASS} are needed")


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""
