from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import BadArtefactError
from moderation.features import FeatureSettings, pair_buckets, word_features

_SETTINGS = FeatureSettings(bits=12)
_WORD = st.text(st.characters(exclude_categories=["Cs", "Zs"]), min_size=1, max_size=12)


def test_hashes_are_the_same_on_every_platform() -> None:
    features = word_features(["school", "idiot"], FeatureSettings())
    assert features.buckets[:3].tolist() == [47074, 83131, 68826]
    assert features.hashes.tolist() == [13569991885614936963, 7788790109897711215]


def test_a_word_has_itself_and_its_n_grams() -> None:
    features = word_features(["abc", "a"], _SETTINGS)
    # " abc " holds three 3-grams, two 4-grams and one 5-gram; " a " is one 3-gram.
    assert np.diff(features.starts).tolist() == [1 + 3 + 2 + 1, 1 + 1]
    assert features.values[0] == _SETTINGS.word_value
    half = 1 << (_SETTINGS.bits - 1)
    assert features.buckets[0] < half
    assert (features.buckets[1:7] >= half).all()


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


def test_pairs_know_their_order() -> None:
    hashes = word_features(["you", "stupid"], FeatureSettings()).hashes
    assert pair_buckets(hashes[:1], hashes[1:], FeatureSettings()) != pair_buckets(
        hashes[1:], hashes[:1], FeatureSettings()
    )


@pytest.mark.parametrize("settings", [{"bits": 1}, {"bits": 21}, {"shortest": 0}, {"shortest": 5, "longest": 4}])
def test_settings_out_of_range(settings: dict[str, int]) -> None:
    with pytest.raises(BadArtefactError):
        FeatureSettings(**settings)  # type: ignore[arg-type]
