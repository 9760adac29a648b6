"""Halves of words: the table never overlooks a pair that is a known word."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.halves import Halves, sums_of

_WORD = st.text(st.characters(exclude_categories=["Zs", "Cc"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(_WORD, _WORD), min_size=1, max_size=20))
def test_no_pair_that_is_a_known_word_is_overlooked(pairs: list[tuple[str, str]]) -> None:
    halves = Halves([first + second for first, second in pairs])
    first, powers = sums_of([first for first, _ in pairs])
    second, _ = sums_of([second for _, second in pairs])
    assert halves.may_be(first, powers, second).all()


def test_most_pairs_that_are_no_word_are_known_not_to_be() -> None:
    words = [f"word{number}" for number in range(15_000)]
    sums, powers = sums_of(words)
    halves = Halves(words)
    assert halves.may_be(sums[:-1], powers[:-1], sums[1:]).mean() < 0.08


def test_order_matters() -> None:
    (cup, cake), (cups, cakes) = sums_of(["cup", "cake"])
    halves = Halves(["cupcake"])
    assert halves.may_be(np.array([cup]), np.array([cups]), np.array([cake])).tolist() == [True]
    assert halves.may_be(np.array([cake]), np.array([cakes]), np.array([cup])).tolist() == [False]


def test_no_words() -> None:
    sums, powers = sums_of([])
    assert sums.size == powers.size == 0
    assert not Halves([]).may_be(*(np.array([1], np.uint64) for _ in range(3))).any()
