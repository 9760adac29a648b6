"""Folds: stratified, grouped, and the same every time."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from moderation.labels import LABELS, Label
from training_jobs.folds import FOLDS, assign_folds, text_hashes


def data(rows: int, seed: int = 1) -> tuple[list[str], list[Label], list[int]]:
    chance = random.Random(seed)
    texts = [f"text {chance.random()}" for _ in range(rows)]
    labels = [chance.choice(LABELS) for _ in range(rows)]
    groups = [i if chance.random() < 0.7 else max(0, i - 1) for i in range(rows)]
    groups = [groups[group] for group in groups]
    return texts, labels, groups


def folds_of(texts: list[str], labels: list[Label], groups: list[int]) -> list[int]:
    return [int(fold) for fold in assign_folds(labels, np.array(groups, dtype=np.int64), text_hashes(texts))]


def test_no_group_is_parted() -> None:
    texts, labels, groups = data(600)
    folds = folds_of(texts, labels, groups)
    assert len(set(groups)) < 600
    assert len(set(zip(groups, folds, strict=True))) == len(set(groups))


def test_every_fold_has_its_share_of_every_class() -> None:
    texts, labels, _ = data(600)
    counts = Counter(zip(folds_of(texts, labels, list(range(600))), labels, strict=True))
    for label in LABELS:
        per_fold = [counts[fold, label] for fold in range(FOLDS)]
        assert max(per_fold) - min(per_fold) <= 1


def test_the_order_of_the_rows_does_not_matter() -> None:
    texts, labels, groups = data(300)
    order = random.Random(2).sample(range(300), 300)
    folds = folds_of(texts, labels, groups)
    shuffled = folds_of([texts[i] for i in order], [labels[i] for i in order], [groups[i] for i in order])
    assert shuffled == [folds[i] for i in order]


def test_more_data_moves_hardly_any_row_to_another_fold() -> None:
    texts, labels, _ = data(4000)
    before = folds_of(texts[:3000], labels[:3000], list(range(3000)))
    after = folds_of(texts, labels, list(range(4000)))[:3000]
    moved = sum(one != other for one, other in zip(before, after, strict=True))
    assert moved < 0.1 * 3000  # all of them but a fifth, if folds were dealt anew


def test_ten_rows_of_a_class_reach_every_fold() -> None:
    texts = [f"text {i}" for i in range(60)]
    labels = [LABELS[i % 6] for i in range(60)]
    counts = Counter(zip(folds_of(texts, labels, list(range(60))), labels, strict=True))
    assert all(counts[fold, label] == 2 for fold in range(FOLDS) for label in LABELS)


def test_a_large_group_stays_together_and_the_rest_is_shared() -> None:
    texts = [f"text {i}" for i in range(100)]
    folds = folds_of(texts, [Label.AGE] * 100, [0] * 30 + list(range(30, 100)))
    assert len(set(folds[:30])) == 1
    assert set(folds) >= set(range(FOLDS)) - {folds[0]}


def test_no_rows() -> None:
    assert folds_of([], [], []) == []


def test_hashes_tell_texts_apart_and_stay_the_same() -> None:
    assert len(set(text_hashes([f"text {i}" for i in range(1000)]).tolist())) == 1000
    assert text_hashes(["", "a"]).tolist() == [0xE3B0C44298FC1C14, 0xCA978112CA1BBDCA]  # SHA-256 of both, its start
