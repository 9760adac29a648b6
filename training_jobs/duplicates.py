"""Finding near duplicates: retweets with a word added, copies with another name in front, quotes cut short.

A near duplicate on both sides of a split is an answer given away, so groups of them must never straddle one. Texts
are compared as sets of character 5-grams; MinHash with banding (Broder, "On the resemblance and containment of
documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3) proposes pairs, and every
pair is then verified by its true Jaccard similarity. All of it is arithmetic on whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIMILARITY: Final = 0.85
"""The Jaccard similarity from which two texts count as one."""

GRAM: Final = 5
BANDS: Final = 20
BAND_ROWS: Final = 5
"""At a similarity of 0.85 a pair shares one of 20 bands of 5 with a probability of 1 - (1 - 0.85^5)^20 > 0.99999."""

_ALL_PAIRS_UP_TO: Final = 40
_CHUNK_GRAMS: Final = 1 << 17
_PAIRS_AT_ONCE: Final = 1 << 15
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_HASHES: Final = BANDS * BAND_ROWS

Grams = NDArray[np.uint64]
Pairs = NDArray[np.int64]


def group_near_duplicates(texts: Sequence[str]) -> NDArray[np.int64]:
    """Group texts whose character 5-grams are alike, directly or through others.

    Args:
        texts: any number of texts; case and white space do not count.

    Returns:
        Shape (texts,): for each text the index of the first text of its group.
    """
    if not texts:
        return np.empty(0, dtype=np.int64)
    grams, starts = _grams(texts)
    pairs = _candidate_pairs(_signatures(grams, starts))
    return _components(len(texts), _verified(pairs, grams, starts))


def _grams(texts: Sequence[str]) -> tuple[Grams, NDArray[np.int64]]:
    """Hashes of every 5-gram, and where each text's begin. Shorter texts are padded, so each has at least one."""
    plain = [" ".join(text.lower().split()).ljust(GRAM, "\0") for text in texts]
    lengths = np.array([len(text) for text in plain])
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(len(codes) - GRAM + 1, dtype=np.uint64)
    for offset in range(GRAM):
        hashes = hashes * np.uint64(0x100000001B3) + codes[offset : len(hashes) + offset]
    ends = np.cumsum(lengths)
    within = np.ones(len(codes), dtype=bool)
    for offset in range(1, GRAM):
        within[ends - offset] = False  # these would reach into the next text
    starts = np.concatenate(([0], np.cumsum(lengths - GRAM + 1)[:-1]))
    return _mixed(hashes[within[: len(hashes)]]), starts


def _signatures(grams: Grams, starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """MinHash signatures, shape (texts, hashes); in chunks that stay in the processor's cache."""
    generator = np.random.default_rng(20)
    factors = generator.integers(0, 1 << 63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    signatures = np.empty((len(starts), _HASHES), dtype=np.uint32)
    bounds = np.append(starts, len(grams))
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + _CHUNK_GRAMS, side="right")) - 1)
        chunk = grams[bounds[first] : bounds[last]]
        offsets = bounds[first:last] - bounds[first]
        for column, factor in enumerate(factors):
            hashed = (chunk * factor) >> np.uint64(32)
            signatures[first:last, column] = np.minimum.reduceat(hashed, offsets)
        first = last
    return signatures


def _candidate_pairs(signatures: NDArray[np.uint32]) -> Pairs:
    """Pairs that share a band, shape (pairs, 2), each once, the smaller index first."""
    found = [_pairs_of_band(_band_keys(signatures, band)) for band in range(BANDS)]
    pairs = np.concatenate(found)
    return np.unique(pairs, axis=0) if len(pairs) else pairs


def _band_keys(signatures: NDArray[np.uint32], band: int) -> Grams:
    keys = np.zeros(len(signatures), dtype=np.uint64)
    for column in range(band * BAND_ROWS, (band + 1) * BAND_ROWS):
        keys = _mixed(keys ^ signatures[:, column].astype(np.uint64))
    return keys


def _pairs_of_band(keys: Grams) -> Pairs:
    order = np.argsort(keys, kind="stable")
    changes = np.flatnonzero(np.diff(keys[order])) + 1
    begins = np.concatenate(([0], changes))
    sizes = np.diff(np.append(begins, len(order)))
    found = [np.empty((0, 2), dtype=np.int64)]
    for begin, size in zip(begins[sizes > 1], sizes[sizes > 1], strict=True):
        found.append(_pairs_of_bucket(order[begin : begin + size]))
    return np.concatenate(found)


def _pairs_of_bucket(members: NDArray[np.int64]) -> Pairs:
    """Every pair of a small bucket; of a large one each member with the first and with its neighbour.

    Members of a large bucket are nearly all copies of one text, so this joins them without comparing all with all.
    """
    if len(members) <= _ALL_PAIRS_UP_TO:
        left, right = np.triu_indices(len(members), k=1)
        return np.column_stack((members[left], members[right]))
    star = np.column_stack((np.broadcast_to(members[0], len(members) - 1), members[1:]))
    chain = np.column_stack((members[:-1], members[1:]))
    return np.concatenate((star, chain))


def _verified(pairs: Pairs, grams: Grams, starts: NDArray[np.int64]) -> Pairs:
    """The pairs whose true Jaccard similarity reaches the threshold."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - half a second that the other entry points need not wait for

    if not len(pairs):
        return pairs
    columns = (grams >> np.uint64(33)).astype(np.int32)
    sets = csr_array(
        (np.ones(len(grams), dtype=np.int32), columns, np.append(starts, len(grams))), shape=(len(starts), 1 << 31)
    )
    sets.sum_duplicates()
    sets.data[:] = 1
    sizes = np.diff(sets.indptr)
    kept = []
    for begin in range(0, len(pairs), _PAIRS_AT_ONCE):
        left, right = pairs[begin : begin + _PAIRS_AT_ONCE].T
        shared = np.asarray(sets[left].multiply(sets[right]).sum(axis=1))
        kept.append(shared >= SIMILARITY * (sizes[left] + sizes[right] - shared))
    return np.asarray(pairs[np.concatenate(kept)])


def _components(count: int, pairs: Pairs) -> NDArray[np.int64]:
    from scipy.sparse import csr_array  # noqa: PLC0415 - as above
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - as above

    graph = csr_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def _mixed(values: Grams) -> Grams:
    """Spread the bits of hashes (the finaliser of SplitMix64)."""
    values = (values + _MIX) & np.uint64(0xFFFFFFFFFFFFFFFF)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
