"""Near duplicates, held against the definition."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.fakes.training import FILLERS, labelled_rows
from training_jobs import duplicates
from training_jobs.duplicates import SIMILARITY, group_near_duplicates


def grams(text: str) -> set[str]:
    plain = " ".join(text.lower().split()).ljust(5, "\0")
    return {plain[i : i + 5] for i in range(len(plain) - 4)}


def similarity(one: str, other: str) -> float:
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def brute_force(texts: list[str]) -> list[int]:
    group = list(range(len(texts)))
    for i in range(len(texts)):
        for j in range(i):
            if group[i] != group[j] and similarity(texts[i], texts[j]) >= SIMILARITY:
                low, high = sorted((group[i], group[j]))
                group = [low if g == high else g for g in group]
    return group


def variants(count: int) -> list[str]:
    """Texts with copies of them that differ by as much as there is chance for."""
    chance = random.Random(3)
    texts: list[str] = []
    for _ in range(count):
        words = [chance.choice(FILLERS) + str(chance.randrange(50)) for _ in range(chance.randrange(4, 25))]
        texts.append(" ".join(words))
        for _ in range(chance.randrange(4)):
            changed = list(words)
            for _ in range(chance.randrange(3)):
                changed[chance.randrange(len(changed))] = chance.choice(FILLERS)
            texts.append(" ".join(changed))
    chance.shuffle(texts)
    return texts


def test_the_groups_are_those_of_the_definition() -> None:
    texts = variants(80)
    expected = brute_force(texts)
    assert len(set(expected)) < len(texts) - 30  # there is something to find
    assert group_near_duplicates(texts).tolist() == expected


def test_case_and_white_space_do_not_count() -> None:
    assert group_near_duplicates(["Hello  World again", "hello world\nAGAIN", "another text"]).tolist() == [0, 0, 2]


@pytest.mark.parametrize("texts", [["a"], ["a", "b", "ab"], ["", "  ", "x"], ["\ud800 lone surrogate", "x"]])
def test_texts_shorter_than_a_gram(texts: list[str]) -> None:
    assert group_near_duplicates(texts).tolist() == brute_force(texts)


def test_no_texts() -> None:
    assert group_near_duplicates([]).tolist() == []


def test_a_chain_of_small_changes_is_one_group() -> None:
    words = [f"word{i:03}" for i in range(60)]
    chain = [" ".join(words[i : i + 40]) for i in range(0, 20, 2)]
    assert similarity(chain[0], chain[-1]) < SIMILARITY <= similarity(chain[0], chain[1])
    assert group_near_duplicates(chain).tolist() == [0] * len(chain)


def test_many_copies_of_one_text_are_found_without_comparing_all_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    verified = duplicates._verified

    def counted(pairs: Any, *rest: Any) -> Any:
        compared.append(len(pairs))
        return verified(pairs, *rest)

    monkeypatch.setattr(duplicates, "_verified", counted)
    base = " ".join(FILLERS)
    texts = [f"{base} {i}" for i in range(3000)] + ["something else entirely"]
    assert np.unique(group_near_duplicates(texts)).tolist() == [0, 3000]
    assert 3000 <= sum(compared) <= 2 * duplicates.BANDS * len(texts)  # of four and a half million


def test_the_order_of_the_texts_does_not_change_the_groups() -> None:
    texts = variants(60)
    backwards = group_near_duplicates(texts[::-1])
    forwards = group_near_duplicates(texts)
    same = {frozenset(np.flatnonzero(forwards == g).tolist()) for g in set(forwards.tolist())}
    last = len(texts) - 1
    assert same == {frozenset((last - np.flatnonzero(backwards == g)).tolist()) for g in set(backwards.tolist())}


def test_different_texts_stay_apart() -> None:
    texts = [text for text, _ in labelled_rows(20)]
    assert len(set(group_near_duplicates(texts).tolist())) == len(texts)
