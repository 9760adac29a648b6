"""What is told apart among the tweets that a candidate is fitted on."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from training_jobs.fitting.bases import Rows
from training_jobs.fitting.training import MADE_UP_FOR_LINEAR_MODELS, Training


def test_linear_models_heed_made_up_sentences_less_but_not_copies_of_real_tweets() -> None:
    features = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    weights = np.array([1.0, 0.4, 0.5])  # a real tweet, its disguised copy, a made-up sentence
    training = Training(
        rows=Rows(features, np.array([0, 0, 5]), weights),
        words=features,
        styles=np.zeros((3, 1), np.float32),
        groups=np.array([0, 0, -1]),
        real=1,
        made_up=np.array([False, False, True]),
    )
    assert training.for_linear_models.weights.tolist() == [1.0, 0.4, 0.5 * MADE_UP_FOR_LINEAR_MODELS]
    assert training.rows.weights.tolist() == weights.tolist()
