"""A model small enough to be made in a test: it knows six made-up words and nothing else.

``insult(label)`` is a word that makes a tweet certain to be of a class, :data:`DOUBTFUL` one that leaves it in doubt.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moderation.arrays import Arrays, pack_words
from moderation.features import FeatureSettings, word_features
from moderation.labels import HARMFUL, HARMLESS, LABELS, Label
from moderation.manifest import NORMALISER_VERSION, Calibration, Manifest, NormaliserSettings
from moderation.model import Model
from moderation.policy import Thresholds

DOUBTFUL = "doubtfulword"
HARMLESS_TEXT = "What a fine day at the lake"
_FEATURES = FeatureSettings(bits=13)  # so many that no two words of a test meet


def insult(label: Label) -> str:
    return f"{label.value.replace('_', '')}insult"


def keyword_model() -> Model:
    weights = np.zeros((1 << _FEATURES.bits, len(LABELS)), np.float32)
    for label in HARMFUL:
        weights[_bucket(insult(label)), LABELS.index(label)] = 200.0
    weights[_bucket(DOUBTFUL), LABELS.index(Label.GENDER)] = 17.0
    intercept = np.zeros(len(LABELS))
    intercept[LABELS.index(HARMLESS)] = 4.0
    arrays: Arrays = {
        "weights": weights,
        "intercept": intercept,
        "calibration_weights": np.eye(len(LABELS)),
        "calibration_intercept": np.zeros(len(LABELS)),
        "vocabulary": pack_words([]),
        "vocabulary_counts": np.zeros(0, np.int64),
    }
    return Model(_manifest(), arrays)


def save_keyword_model(folder: Path) -> str:
    """Writes the artefact; returns the digest that a champion pointer holds."""
    return keyword_model().save(folder)


def _bucket(word: str) -> int:
    return int(word_features([word], _FEATURES).buckets[0])  # a word's own feature is the first one


def _manifest() -> Manifest:
    return Manifest(
        normaliser=NormaliserSettings(version=NORMALISER_VERSION, tweets=100),
        features=_FEATURES,
        calibration=Calibration(method="none", folds=0),
        thresholds=Thresholds(flag=dict.fromkeys(HARMFUL, 0.9), refer=dict.fromkeys(HARMFUL, 0.3)),
        thresholds_rule="made up",
        candidate="keywords",
        parameters={},
        metrics={},
        seed=0,
        data_sha256="0" * 64,
        code_version="test",
        created_at="2026-11-23T00:00:00Z",
    )
