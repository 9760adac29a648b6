"""Which neighbouring words may be halves of a known one, for a whole batch at once.

Hardly any are, and asking a dictionary for each pair took a tenth of the time of a batch whose words are known. A
word's sum is a polynomial in its letters, so that of two words run together follows from theirs; whether a known word
has that sum stands in a table of bits. The table errs only towards yes: who asks it looks the few that are left up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PRIME: Final = np.uint64(0x100000001B3)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_BITS: Final = 18
"""One table entry in eighteen is taken by a vocabulary of fifteen thousand words."""


class Halves:
    """Knows which words there are.

    Args:
        words: those that others may be halves of.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._taken: Final = np.zeros(1 << _BITS, np.bool_)
        self._taken[_entries(sums_of(words)[0])] = True

    def may_be(
        self, first: NDArray[np.uint64], powers: NDArray[np.uint64], second: NDArray[np.uint64]
    ) -> NDArray[np.bool_]:
        """Whether pairs of words may be a known word when run together; False is certain.

        Args:
            first: shape (pairs,); the sums of the first words.
            powers: shape (pairs,); the powers of the first words.
            second: shape (pairs,); the sums of the second words.
        """
        return self._taken[_entries(first + powers * second)]


def sums_of(words: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Each word's sum, and the power of the prime that sums of what follows it are multiplied by.

    Args:
        words: none of them empty.
    """
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    lengths = np.fromiter(map(len, encoded), np.intp, len(encoded))
    letters = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64) + np.uint64(1)
    powers = np.ones(lengths.max(initial=0) + 1, np.uint64)
    np.cumprod(np.full(len(powers) - 1, _PRIME), out=powers[1:])
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(letters)) - np.repeat(starts, lengths)
    sums = np.add.reduceat(letters * powers[places], starts) if len(starts) else letters
    return sums, powers[lengths]


def _entries(sums: NDArray[np.uint64]) -> NDArray[np.intp]:
    return (sums * _SPREAD >> np.uint64(64 - _BITS)).astype(np.intp)
