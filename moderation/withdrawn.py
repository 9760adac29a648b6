"""Which tweets were withdrawn, for whoever reads data that is older than their withdrawal."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.tombstones import REVISION, Tombstone

_decoder: Final = msgspec.json.Decoder(Tombstone)


class Withdrawn:
    """The withdrawn tweets and authors that some tombstones tell of.

    Tweets are kept as digests of 64 bits, sorted: 8 bytes each, so that a week of a whole network's deletions (some
    millions) takes some tens of MB. The chance that any of a million tweets is taken for one of ten million withdrawn
    ones is one in two million.

    Attributes:
        tombstones: how many were read.
        unreadable: lines that are none.
    """

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        tweets, families = array("Q"), array("Q")
        self._authors: dict[str, str] = {}
        self.tombstones = self.unreadable = 0
        for line in lines:
            try:
                tombstone = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.unreadable += 1
                continue
            self.tombstones += 1
            if tombstone.tweet_id is not None:
                tweets.append(_digest(tombstone.tweet_id))
                if tombstone.revisions:
                    families.append(_digest(tombstone.tweet_id))
            elif tombstone.author_id is not None:
                until = self._authors.get(tombstone.author_id, "")
                self._authors[tombstone.author_id] = max(until, tombstone.withdrawn_at)
        self._tweets, self._families = _sorted(tweets), _sorted(families)

    def holds(self, tweet_id: str, author_id: str | None = None, moment: str = "") -> bool:
        """Whether a tweet was withdrawn.

        Args:
            tweet_id: of the tweet.
            author_id: of its author, if known.
            moment: when it was written, as on the wire (``tombstones.written_at``). An account that comes back writes
                new tweets, so of an author only those are withdrawn that are not later than the withdrawal.
        """
        if not self.tombstones:
            return False
        if author_id is not None and moment <= self._authors.get(author_id, "") != "":
            return True
        if _contains(self._tweets, _digest(tweet_id)):
            return True
        family, separator, _ = tweet_id.rpartition(REVISION)
        return bool(separator) and _contains(self._families, _digest(family))


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _sorted(digests: array[int]) -> NDArray[np.uint64]:
    return np.unique(np.frombuffer(digests, np.uint64)) if digests else np.zeros(0, np.uint64)


def _contains(digests: NDArray[np.uint64], digest: int) -> bool:
    place = int(np.searchsorted(digests, np.uint64(digest)))
    return place < len(digests) and int(digests[place]) == digest
