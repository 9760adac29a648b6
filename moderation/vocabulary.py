"""The words of the training tweets: how often each was seen, and which ones tell a class.

It is what lets the normaliser repair a word instead of guessing: only what becomes a known word is undone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

LEAST: Final = 2
MOST: Final = 25_000
TELLING: Final = 2_500
_TELLING_LEAST: Final = 8
_LONGEST: Final = 20


class Vocabulary(msgspec.Struct, frozen=True):
    """The words of the training tweets.

    Attributes:
        words: most frequent first.
        counts: tweets that hold the word; as long as ``words``.
        telling: 1 for words that set a class apart, else 0; as long as ``words``.
        tweets: how many tweets were counted.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    telling: tuple[int, ...]
    tweets: int


EMPTY: Final = Vocabulary((), (), (), 0)


def learn(tweets: Iterable[Sequence[str]], classes: Iterable[int]) -> Vocabulary:
    """Count the words of the training tweets.

    Words in a single tweet are left out, and so is all that is not letters only.

    Args:
        tweets: the words of each, not repaired.
        classes: of each.
    """
    counts: Counter[str] = Counter()
    by_class: dict[int, Counter[str]] = {}
    sizes: Counter[int] = Counter()
    for words, label in zip(tweets, classes, strict=True):
        distinct = set(words)
        counts.update(distinct)
        by_class.setdefault(label, Counter()).update(distinct)
        sizes[label] += 1
    kept = [item for item in counts.items() if item[1] >= LEAST and item[0].isalpha() and len(item[0]) <= _LONGEST]
    kept.sort(key=lambda item: (-item[1], item[0]))
    kept = kept[:MOST]
    telling = _telling(kept, by_class, sizes)
    return Vocabulary(
        tuple(word for word, _ in kept),
        tuple(count for _, count in kept),
        tuple(int(word in telling) for word, _ in kept),
        sizes.total(),
    )


def _telling(kept: Sequence[tuple[str, int]], by_class: dict[int, Counter[str]], sizes: Counter[int]) -> set[str]:
    """The words whose presence says most about the class, by the G statistic of word against class."""
    total = sizes.total()
    gains: dict[str, float] = {}
    for word, count in kept:
        if count >= _TELLING_LEAST and len(word) > 2:  # noqa: PLR2004 - shorter words are too easily hit by chance
            gains[word] = sum(
                seen * math.log(seen * total / (count * sizes[label]))
                for label, words in by_class.items()
                if (seen := words[word])
            )
    return set(sorted(gains, key=lambda word: (-gains[word], word))[:TELLING])
