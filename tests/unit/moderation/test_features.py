from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import BadArtefactError
from moderation.features import (
    FeatureSettings,
    Pieces,
    Runs,
    pair_features,
    run_features,
    run_scales,
    word_features,
)

_SETTINGS = FeatureSettings(bits=12)
_WORD = st.text(st.characters(exclude_categories=["Cs", "Zs"]), min_size=1, max_size=12)


def test_hashes_are_the_same_on_every_platform() -> None:
    features = word_features(["school", "idiot"], FeatureSettings())
    assert features.buckets[[0, 1, 4]].tolist() == [47074, 83131, 68826]  # "school", " sc", "sch"
    assert features.hashes.tolist() == [13569991885614936963, 7788790109897711215]


def test_a_word_has_itself_and_its_n_grams() -> None:
    features = word_features(["abc", "a"], _SETTINGS)
    # " abc " holds three 3-grams, two 4-grams and one 5-gram; " a " is one 3-gram.
    assert np.diff(features.starts).tolist() == [1 + 3 + 2 + 1, 1 + 1]
    assert features.values[0] == _SETTINGS.word_value
    half = 1 << (_SETTINGS.bits - 1)
    assert features.buckets[0] < half
    assert (features.buckets[1:7] >= half).all()


@settings(deadline=None)
@given(st.lists(_WORD, min_size=1, max_size=8))
def test_a_word_is_hashed_alike_alone_and_among_others(words: list[str]) -> None:
    together = word_features(words, _SETTINGS)
    for place, word in enumerate(words):
        alone = word_features([word], _SETTINGS)
        mine = slice(together.starts[place], together.starts[place + 1])
        np.testing.assert_array_equal(together.buckets[mine], alone.buckets)
        assert together.hashes[place] == alone.hashes[0]
    assert (together.buckets < 1 << _SETTINGS.bits).all()
    assert (together.buckets >= 0).all()


def test_no_words() -> None:
    features = word_features([], _SETTINGS)
    assert features.starts.tolist() == [0]
    assert features.buckets.size == features.hashes.size == 0


def test_pairs_know_their_order_and_the_ends_of_a_tweet() -> None:
    you, stupid = word_features(["you", "stupid"], _SETTINGS).hashes
    owners, there = pair_features(np.array([0, 0]), np.array([you, stupid]), _SETTINGS)
    _, back = pair_features(np.array([0, 0]), np.array([stupid, you]), _SETTINGS)
    assert owners.tolist() == [0, 0, 0]
    assert len({*there.tolist(), *back.tolist()}) == 6
    owners, alone = pair_features(np.array([0, 2]), np.array([you, stupid]), _SETTINGS)
    assert owners.tolist() == [0, 2, 0, 2]  # neither follows the other: they stand in different tweets
    assert set(there.tolist()) & set(alone.tolist()) == {there[1], there[2]}


def test_no_pairs_and_no_runs_without_words() -> None:
    nothing = np.zeros(0, np.intp)
    assert pair_features(nothing, np.zeros(0, np.uint64), _SETTINGS)[1].size == 0
    assert run_features(Pieces(nothing, nothing), _SETTINGS, "layout")[1].size == 0
    assert run_scales(nothing, 2, 0.3).tolist() == [0.3] * 2


@pytest.mark.parametrize(("of", "longest"), [("layout", 4), ("parts", 3)])
@settings(deadline=None)
@given(tweets=st.lists(st.lists(st.integers(0, 239), max_size=7), min_size=1, max_size=5))
def test_runs_are_hashed_alike_alone_and_among_others(of: Runs, longest: int, tweets: list[list[int]]) -> None:
    owners = np.repeat(np.arange(len(tweets)), [len(codes) for codes in tweets])
    codes = np.array([code for codes in tweets for code in codes], np.intp)
    found, buckets = run_features(Pieces(owners, codes), _SETTINGS, of)
    for tweet, alone in enumerate(tweets):
        _, expected = run_features(Pieces(np.zeros(len(alone), np.intp), np.array(alone, np.intp)), _SETTINGS, of)
        assert buckets[found == tweet].tolist() == expected.tolist()
        line = len(alone) + 2 if alone else 0  # start, pieces, end
        assert len(expected) == sum(max(0, line - size + 1) for size in range(1, longest + 1))


def test_runs_of_layout_and_of_parts_are_different_features() -> None:
    line = Pieces(np.array([0, 0]), np.array([1, 2]))
    _, layout = run_features(line, _SETTINGS, "layout")
    _, parts = run_features(line, _SETTINGS, "parts")
    assert not set(layout.tolist()) & set(parts.tolist())


def test_runs_know_order_start_and_end() -> None:
    _, there = run_features(Pieces(np.array([0, 0]), np.array([10, 20])), _SETTINGS, "layout")
    _, back = run_features(Pieces(np.array([0, 0]), np.array([20, 10])), _SETTINGS, "layout")
    assert len(set(there.tolist()) & set(back.tolist())) == 4  # what is alike: each piece, the start, the end


@pytest.mark.parametrize("values", [{"bits": 1}, {"bits": 21}, {"shortest": 0}, {"shortest": 5, "longest": 4}])
def test_settings_out_of_range(values: dict[str, int]) -> None:
    with pytest.raises(BadArtefactError):
        FeatureSettings(**values)  # type: ignore[arg-type]
