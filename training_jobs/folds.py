"""Dealing groups of near duplicates into folds, the same way every time.

A fold's rows are those whose group hashes into its share of a class, so the assignment depends on the texts alone: not
on the order of the files, not on a seed, and hardly on what else is in the data. That way a model of last month and a
model of today can be compared on a fold that neither was fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.labels import LABELS, Label

FOLDS: Final = 5
VALIDATION_FOLD: Final = 0
"""The fold that candidates are compared on."""


def text_hashes(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Names of texts that give nothing of them away: the first eight bytes of SHA-256, shape (texts,)."""
    digests = b"".join(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def assign_folds(labels: Sequence[Label], groups: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Deal groups into folds that have each class in the proportion of the whole.

    Args:
        labels: of the rows.
        groups: shape (rows,), the group of each row.
        hashes: shape (rows,), of the rows' texts; the least of a group's names the group.

    Returns:
        Shape (rows,): folds, from 0 to ``FOLDS - 1``; a group is never parted.
    """
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1 if len(group) else 0
    columns = np.array([LABELS.index(label) for label in labels], dtype=np.int64)
    per_class = np.bincount(group * len(LABELS) + columns, minlength=count * len(LABELS)).reshape(count, len(LABELS))
    stratum = per_class.argmax(axis=1)
    sizes = per_class.sum(axis=1)
    names = np.full(count, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(names, group, hashes)
    folds = np.empty(count, dtype=np.int64)
    for column in range(len(LABELS)):
        members = np.flatnonzero(stratum == column)
        members = members[np.argsort(names[members], kind="stable")]
        folds[members] = _shares(sizes[members])
    return np.asarray(folds[group], dtype=np.int64)


def _shares(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut a row of groups into ``FOLDS`` shares of equal weight, each group going where its middle lies."""
    middles = np.cumsum(sizes) - sizes / 2
    return np.minimum((middles * FOLDS / max(int(sizes.sum()), 1)).astype(np.int64), FOLDS - 1)
