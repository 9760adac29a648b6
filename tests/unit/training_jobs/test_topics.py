"""Topics: found where classes differ, of words only, and as many as there can be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from training_jobs.fitting.topics import TOPICS, find_topics


def _words(tweets: int, buckets: int, seed: int = 0) -> sparse.csr_matrix:
    return sparse.random(tweets, buckets, density=0.2, format="csr", dtype=np.float32, rng=np.random.default_rng(seed))


def test_there_are_as_many_of_whole_words_as_of_ngrams() -> None:
    topics = find_topics(_words(200, 512), np.ones(512), seed=1)
    assert topics.shape == (512, 2 * TOPICS)
    assert not topics[256:, :TOPICS].any()
    assert not topics[:256, TOPICS:].any()


def test_what_tells_nothing_makes_no_topic() -> None:
    importance = np.ones(512)
    importance[:50] = 0.0
    assert not find_topics(_words(200, 512), importance, seed=1)[:50].any()


def test_topics_follow_what_tells_most() -> None:
    importance = np.full(512, 0.01)
    importance[[7, 300]] = 10.0
    topics = np.abs(find_topics(_words(200, 512), importance, seed=1))
    assert topics[:256, 0].argmax() == 7
    assert topics[:, TOPICS].argmax() == 300


@pytest.mark.parametrize(("tweets", "buckets"), [(5, 512), (200, 16)])
def test_few_tweets_or_features_make_few_topics(tweets: int, buckets: int) -> None:
    topics = find_topics(_words(tweets, buckets), np.ones(buckets), seed=1)
    assert topics.shape == (buckets, 2 * min(tweets, buckets // 2))
    assert np.isfinite(topics).all()


def test_the_same_seed_gives_the_same_topics() -> None:
    words, importance = _words(200, 512), np.ones(512)
    np.testing.assert_array_equal(find_topics(words, importance, seed=3), find_topics(words, importance, seed=3))
