"""What a tweet is about, in a few numbers: latent semantic analysis, led by what tells the classes apart.

Linear scores add evidence up. What they cannot say is that a word means something else in other company, and a network
behind a few sums never sees the company. So it is shown topics as well: truncated singular value decompositions
(Deerwester et al., "Indexing by latent semantic analysis", JASIS 41, 1990) of the features, each scaled by how much the
support vector machines weigh it first, so that the topics are those in which classes differ. Whole words and character
n-grams have topics of their own. A topic is linear in the features: serving adds it up with the scores.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

TOPICS: Final = 24
"""Of whole words, and as many of character n-grams. Half as many tell less, and a third more no more."""

_FEATURES: Final = 1_024
"""The topics of each kind are made of so many features: those that vary most. More of them told nothing more."""

_ITERATIONS: Final = 3


def find_topics(words: sparse.csr_matrix, importance: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """What each feature adds to each topic.

    Args:
        words: shape (tweets, buckets); features of words alone, see :class:`training_jobs.fitting.matrix.Matrix`.
        importance: shape (buckets,), nought or more; how much each feature tells of the classes.
        seed: of the decomposition.

    Returns:
        Shape (buckets, topics), nought for all features but some. There are twice :data:`TOPICS` topics, or fewer if
        there are not as many features or tweets.
    """
    spread = np.asarray(words.multiply(words).sum(axis=0)).ravel() * importance**2
    half = words.shape[1] // 2
    kinds = (np.arange(half), np.arange(half, 2 * half))
    return np.concatenate([_topics(words, _widest(spread, kind), importance, seed) for kind in kinds], axis=1)


def _widest(spread: NDArray[np.float64], kind: NDArray[np.intp]) -> NDArray[np.intp]:
    """The features of a kind that vary most, in ascending order."""
    found = kind[np.argsort(-spread[kind], kind="stable")[:_FEATURES]]
    return np.sort(found[spread[found] > 0])


def _topics(
    words: sparse.csr_matrix, chosen: NDArray[np.intp], importance: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    scaled = words[:, chosen] @ sparse.diags_array(importance[chosen])
    count = min(TOPICS, *scaled.shape)
    decomposition = TruncatedSVD(count, n_iter=_ITERATIONS, random_state=seed).fit(scaled)
    weights = np.zeros((words.shape[1], count))
    weights[chosen] = importance[chosen, None] * decomposition.components_.T
    return weights
