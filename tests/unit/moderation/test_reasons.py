"""Reasons: from weights of words to places in raw text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.messages import Reason
from moderation.reading import Reader
from moderation.reasons import Weighed, heaviest
from moderation.text import Normaliser
from moderation.vocabulary import EMPTY, Vocabulary

_WORDS = Vocabulary(("coffee", "and", "cake"), (90, 80, 70), (1, 0, 1), 200)


def _explain(texts: list[str], weights: list[float], limit: int = 3, words: Vocabulary = EMPTY) -> list[list[Reason]]:
    """Reasons of all the tweets, by weights of their words in order."""
    reading = Reader(Normaliser(words)).read(texts)
    tweets = np.arange(len(texts))
    owners, places = reading.words_of(tweets)
    return heaviest(texts, reading, tweets, Weighed(owners, places, np.array(weights)), limit)


def test_the_heaviest_come_first_and_what_speaks_against_the_class_does_not_come() -> None:
    (reasons,) = _explain(["tea with cold milk"], [0.5, -1.0, 2.0, 0.7])
    assert reasons == [Reason("cold", 2.0, 9, 13), Reason("milk", 0.7, 14, 18), Reason("tea", 0.5, 0, 3)]


def test_there_are_no_more_than_asked_for() -> None:
    (reasons,) = _explain(["one two three four"], [1, 2, 3, 4], limit=2)
    assert [reason.text for reason in reasons] == ["four", "three"]


def test_a_word_is_named_once_and_so_is_a_piece() -> None:
    twice, joined = _explain(["cake cake tea", "#cake/tea now"], [3, 3, 2, 4, 3, 1])
    assert [(reason.text, reason.start) for reason in twice] == [("cake", 0), ("tea", 10)]
    assert [(reason.text, reason.start) for reason in joined] == [("#cake/tea", 0), ("now", 10)]


@pytest.mark.parametrize(
    "text", [" tea  with\n\nmilk ", "tea\u2003with milk", "\ttea with\u00a0milk", "with tea\x1cwith milk"]
)
def test_any_white_space_may_stand_between_the_pieces(text: str) -> None:
    _, (reason,), _ = _explain(["some cake", text, "and more"], [0, 0, *([0.0] * (len(text.split()) - 1)), 1, 0, 0])
    assert reason.text == "milk" == text[reason.start : reason.end]


def test_a_word_that_was_taken_apart_is_one_piece() -> None:
    (reasons,) = _explain(["c o f f e e  and cake"], [3.0, 0.5, 1.0], words=_WORDS)
    assert reasons[0] == Reason("c o f f e e", 3.0, 0, 11)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_reason_is_always_a_piece_of_its_tweet(texts: list[str]) -> None:
    count = len(Reader(Normaliser(EMPTY)).read(texts).words)
    for text, reasons in zip(texts, _explain(texts, [1.0] * count), strict=True):
        for reason in reasons:
            assert reason.text == text[reason.start : reason.end]
            assert reason.text == reason.text.strip() != ""
