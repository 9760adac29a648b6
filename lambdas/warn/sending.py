"""Sending what entries owe, sink by sink, and remembering it: as `warn` does it, and whoever releases held warnings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lambdas.common.delivery import RequestFaults, fault_code
from lambdas.warn.entries import Entry
from lambdas.warn.ledger import Ledger, LedgerUnavailableError
from lambdas.warn.sinks import Due, Sink
from moderation.effects import Effect, WarningPolicy


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sink made of what it was given: how many effects it applied, and the faults of the others."""

    sink: str
    applied: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the effects that were due.

    Attributes:
        sinks: what each sink made of them.
        failed: the keys of the entries of which something was not applied.
        done: effects that were applied, by entry's key.
        forgotten: why the ledger did not take note of ``done``; None if it did. Sent again, those come twice.
    """

    sinks: list[Taken] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    done: dict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    forgotten: str | None = None


def send_due(entries: Iterable[Entry], policy: WarningPolicy, sinks: Sequence[Sink], ledger: Ledger) -> Sent:
    """Apply what entries owe and remember it. A sink that fails holds up none of the others, and nothing is raised."""
    due = [Due(effect, entry) for entry in entries for effect in entry.due(policy)]
    sent = Sent()
    for sink in sinks:
        some = [item for item in due if item.effect in sink.effects]
        delivery = sink.send(some)
        for position, item in enumerate(some):
            if position in delivery.failed:
                sent.failed.add(item.entry.key)
            else:
                sent.done[item.entry.key].append(item.effect)
        sent.sinks.append(Taken(sink.name, len(some) - len(delivery.failed), tuple(delivery.failed.values())))
    return replace(sent, forgotten=_remember(ledger, sent.done))


def _remember(ledger: Ledger, done: dict[str, list[Effect]]) -> str | None:
    try:
        ledger.mark(done)
    except (LedgerUnavailableError, *RequestFaults) as error:
        return fault_code(error)
    return None
