"""A ledger and sinks in memory, for tests of the engine alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from lambdas.common.delivery import Delivery
from lambdas.warn.entries import Entry, Known, Status
from lambdas.warn.ledger import LedgerUnavailableError, Recorded, within_quota
from lambdas.warn.sinks import Due
from moderation.effects import Effect


class MemoryLedger:
    def __init__(self, quota: int = 1000) -> None:
        self.quota = quota
        self.entries: dict[str, Entry] = {}
        self.issued: dict[str, int] = {}
        self.lose: set[str] = set()
        self.gone: dict[str, str] = {}
        self.unavailable = False
        self.forgetful = False

    def look_up(self, keys: Sequence[str], authors: Collection[str]) -> tuple[dict[str, Known], dict[str, str]]:
        if self.unavailable:
            raise LedgerUnavailableError("made to happen")
        found: dict[str, Known] = {key: self.entries[key] for key in keys if key in self.entries}
        return found, {author: moment for author, moment in self.gone.items() if author in authors}

    def record(self, entries: Sequence[Entry], day: str) -> Recorded:
        kept = [entry for entry in entries if entry.key not in self.lose]
        made = within_quota(kept, self.quota - self.issued.get(day, 0))
        self.issued[day] = self.issued.get(day, 0) + sum(entry.status is Status.ISSUED for entry in made)
        self.entries.update((entry.key, entry) for entry in made)
        return Recorded(made={entry.key: entry for entry in made}, lost=self.lose & {entry.key for entry in entries})

    def mark(self, done: Mapping[str, Sequence[Effect]]) -> None:
        if self.forgetful:
            raise LedgerUnavailableError("made to happen")
        for key, effects in done.items():
            entry = self.entries[key]
            self.entries[key] = msgspec.structs.replace(entry, done=entry.done | frozenset(effects))


class MemorySink:
    """Remembers what it was sent. ``broken`` lists tweet ids that fail, or is True for everything."""

    def __init__(self, name: str, effects: Iterable[Effect]) -> None:
        self.name = name
        self.effects = frozenset(effects)
        self.broken: set[str] | bool = set()
        self.sent: list[tuple[Effect, str]] = []

    def send(self, due: Sequence[Due]) -> Delivery:
        delivery = Delivery()
        for index, item in enumerate(due):
            if self.broken is True or (self.broken is not False and item.entry.tweet_id in self.broken):
                delivery.failed[index] = "Broken"
            else:
                self.sent.append((item.effect, item.entry.tweet_id))
        return delivery
