"""What is served is what was trained: the same figures as scikit-learn's own arithmetic on the same artefact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from moderation.arrays import unpack_topics, unpack_weights
from moderation.labels import LABELS, Label
from moderation.model import Model, load
from moderation.network import scaled, softmax
from training_jobs.candidates import CANDIDATES, fit
from training_jobs.fitting.matrix import Vectoriser

_ODD = [
    "f u c k  this",
    "",
    "@a @b https://t.co/x",
    "\u0455tupid wo\u200bmen!!! S T U P I D",
    "x" * 5000,
    "women " * 300,
]


def _network(model: Model) -> MLPClassifier:
    """A scikit-learn network with the artefact's layers."""
    arrays = model.arrays
    network = MLPClassifier((arrays["hidden_intercept"].size,))
    network.coefs_ = [arrays["hidden_weights"], arrays["calibration_weights"]]
    network.intercepts_ = [arrays["hidden_intercept"], arrays["calibration_intercept"]]
    network.n_layers_, network.out_activation_ = 3, "softmax"
    network.n_features_in_ = len(arrays["hidden_weights"])
    network.classes_ = np.arange(len(LABELS))
    network._label_binarizer = None
    return network


def _decomposition(model: Model) -> TruncatedSVD:
    """A scikit-learn decomposition with the artefact's topics."""
    topics = unpack_topics(model.arrays)
    assert topics is not None
    decomposition = TruncatedSVD(topics.weights.shape[1])
    decomposition.components_ = np.zeros((topics.weights.shape[1], 1 << model.manifest.features.bits))
    decomposition.components_[:, topics.buckets] = topics.weights.T
    return decomposition


def test_scores_are_those_of_scikit_learn(model: Model, tweets: tuple[list[str], list[Label]]) -> None:
    texts = tweets[0][:100] + _ODD
    matrix = Vectoriser(model.normaliser, model.manifest.features).transform(texts)
    linear = LinearSVC()
    linear.coef_ = unpack_weights(model.arrays).T.astype(np.float64)
    linear.intercept_ = np.asarray(model.arrays["intercept"])
    linear.classes_ = np.arange(len(linear.intercept_))
    linear.n_features_in_ = matrix.features.shape[1]
    decided = linear.decision_function(matrix.features.astype(np.float64))
    inputs = np.concatenate([decided, _decomposition(model).transform(matrix.words), matrix.styles], axis=1)
    hidden = scaled(inputs, np.asarray(model.arrays["input_centre"]), np.asarray(model.arrays["input_scale"]))
    expected = _network(model)._forward_pass_fast(hidden, check_input=False)
    np.testing.assert_allclose(model.score(texts), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["logistic_regression", "naive_bayes"])
def test_linear_candidates_are_served_as_they_were_fitted(name: str, tweets: tuple[list[str], list[Label]]) -> None:
    texts, labels = tweets
    fitted = fit(name, texts, labels, groups=list(range(len(texts))), seed=7, data_sha256="0" * 64)
    assert fitted.model is not None
    matrix = Vectoriser(fitted.model.normaliser, fitted.model.manifest.features).transform(texts)
    arrays = fitted.model.arrays
    scores = matrix.features @ unpack_weights(arrays) + arrays["intercept"]
    expected = softmax(np.asarray(scores @ arrays["calibration_weights"] + arrays["calibration_intercept"]))
    np.testing.assert_allclose(fitted.score(texts), expected, atol=1e-5)


def test_scores_do_not_depend_on_the_batch_or_on_what_came_before(
    model: Model, tweets: tuple[list[str], list[Label]]
) -> None:
    texts = [*tweets[0][:40], *_ODD]
    together = model.score(texts)
    np.testing.assert_allclose(together, np.concatenate([model.score([text]) for text in texts]), atol=1e-9)
    np.testing.assert_allclose(together[::-1], model.score(texts[::-1]), atol=1e-9)


def test_an_artefact_scores_as_before_it_was_saved(
    model: Model, tmp_path: Path, tweets: tuple[list[str], list[Label]]
) -> None:
    digest = model.save(tmp_path)
    again = load(tmp_path, sha256=digest)
    np.testing.assert_allclose(again.score(tweets[0]), model.score(tweets[0]), atol=1e-8)
    assert again.manifest.labels == LABELS
    assert again.save(tmp_path / "again") == digest  # the same model, the same bytes


def test_the_same_seed_gives_the_same_artefact(
    tmp_path: Path, tweets: tuple[list[str], list[Label]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    digests = set()
    for attempt in range(2):
        fitted = fit("naive_bayes", *tweets, groups=list(range(len(tweets[0]))), seed=3, data_sha256="0" * 64)
        assert fitted.model is not None
        digests.add(fitted.model.save(tmp_path / str(attempt)))
    assert len(digests) == 1


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_learns_and_reports_its_progress(name: str, tweets: tuple[list[str], list[Label]]) -> None:
    texts, labels = tweets
    steps: list[tuple[str, float]] = []
    fitted = fit(
        name,
        texts,
        labels,
        groups=list(range(len(texts))),
        seed=7,
        data_sha256="0" * 64,
        progress=lambda step, share: steps.append((step, share)),
    )
    scores = fitted.score(texts)
    assert scores.shape == (len(texts), len(LABELS))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-9)
    right = np.mean([LABELS[column] is label for column, label in zip(scores.argmax(axis=1), labels, strict=True)])
    assert right > 0.9
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert (fitted.model is not None) == CANDIDATES[name].servable


def test_too_few_tweets_of_a_class_are_refused() -> None:
    texts = [f"tweet number {number}" for number in range(12)]
    with pytest.raises(ValueError, match="at least 6"):
        fit("naive_bayes", texts, [Label.AGE] * 12, groups=range(12), seed=1, data_sha256="0" * 64)


def test_groups_must_be_as_many_as_texts(tweets: tuple[list[str], list[Label]]) -> None:
    with pytest.raises(ValueError, match="equally many"):
        fit("naive_bayes", *tweets, groups=[1, 2], seed=1, data_sha256="0" * 64)
