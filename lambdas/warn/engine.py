"""Applies the effects of verdicts: once per tweet and policy, counted, capped, and each sink on its own.

The order is what makes it safe to be killed anywhere and to be given a verdict twice: look the tweets up, record the
new ones (which counts them against the quota), send what is due, remember what was sent. What was recorded but not
sent is due when the verdict comes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.common.metric_names import (
    DUPLICATES_SKIPPED,
    EFFECTS_APPLIED,
    REFERRALS_RECORDED,
    SINK_FAILED,
    WARNINGS_HELD,
    WARNINGS_ISSUED,
    Metric,
)
from lambdas.common.telemetry import Meter, logger
from lambdas.warn.entries import Entry, Known, Status, WithdrawnTweet, new_entry
from lambdas.warn.ledger import Ledger
from lambdas.warn.sending import send_due
from lambdas.warn.sinks import Sink
from moderation.effects import WarningPolicy
from moderation.messages import ClassificationEvent
from moderation.tombstones import written_at

_STATUS_METRICS: dict[Status, Metric] = {
    Status.ISSUED: WARNINGS_ISSUED,
    Status.HELD: WARNINGS_HELD,
    Status.REFERRED: REFERRALS_RECORDED,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Engine:
    """Applies effects by one policy."""

    policy: WarningPolicy
    ledger: Ledger
    sinks: Sequence[Sink]
    meter: Meter
    now: Callable[[], datetime] = _utc_now

    def apply(self, verdicts: Sequence[ClassificationEvent]) -> int | None:
        """Apply the effects of verdicts.

        Returns:
            The position of the first verdict with an effect that failed, or None.

        Raises:
            LedgerUnavailableError: nothing could be looked up, so nothing was done.
            RequestFaults: likewise.
        """
        positions: dict[str, int] = {}
        wanted: dict[str, Entry] = {}
        repeated = 0
        now = self.now()
        for position, verdict in enumerate(verdicts):
            if self.policy.effects_of(verdict):
                entry = new_entry(verdict, self.policy, now)
                repeated += entry.key in wanted
                wanted.setdefault(entry.key, entry)
                positions.setdefault(entry.key, position)
        if not wanted:
            return None
        known, gone = self.ledger.look_up(
            list(wanted), {entry.author_id for entry in wanted.values() if entry.author_id}
        )
        for key in [key for key, position in positions.items() if _is_withdrawn(verdicts[position], gone)]:
            known[key] = WithdrawnTweet(key)
        entries, lost = self._enter(wanted, known, now, repeated)
        failed = lost | self._send(entries.values())
        return min((positions[key] for key in failed), default=None)

    def _enter(
        self, wanted: dict[str, Entry], known: dict[str, Known], now: datetime, repeated: int
    ) -> tuple[dict[str, Entry], set[str]]:
        """Record the tweets that are new; returns all entries, and the keys that were not recorded.

        A tweet that was withdrawn has no entry, and gets none.
        """
        new = [entry for key, entry in wanted.items() if key not in known]
        recorded = self.ledger.record(new, now.date().isoformat())
        statuses = Counter(entry.status for entry in recorded.made.values())
        for status, number in statuses.items():
            self.meter.count(_STATUS_METRICS[status], number)
        if statuses[Status.HELD]:
            logger.error("the daily quota is used up; warnings are held", held=statuses[Status.HELD])
        if recorded.lost:
            logger.error("verdicts were not recorded", lost=len(recorded.lost))
        known |= recorded.found
        entries = {key: found for key, found in known.items() if isinstance(found, Entry)}
        # Of a withdrawn tweet nothing is due either.
        skipped = repeated + len(known) - sum(bool(entry.due(self.policy)) for entry in entries.values())
        if skipped:
            self.meter.count(DUPLICATES_SKIPPED, skipped)
        return entries | recorded.made, recorded.lost

    def _send(self, entries: Iterable[Entry]) -> set[str]:
        """Apply what is due and report on it; returns the keys of which something failed."""
        sent = send_due(entries, self.policy, self.sinks, self.ledger)
        for taken in sent.sinks:
            self._report(taken.sink, taken.applied, taken.faults)
        if sent.forgotten is not None:
            # No reason to report the verdicts as failed: it has been sent, and a retry would send it again.
            self._report("ledger", 0, [sent.forgotten] * len(sent.done))
        return sent.failed

    def _report(self, sink: str, applied: int, faults: Sequence[str]) -> None:
        if applied:
            self.meter.count(EFFECTS_APPLIED, applied, by=sink)
        if faults:
            logger.error("a sink failed", sink=sink, failed=len(faults), faults=sorted(set(faults)))
            self.meter.count(SINK_FAILED, len(faults), by=sink)


def _is_withdrawn(verdict: ClassificationEvent, gone: Mapping[str, str]) -> bool:
    """Whether a verdict is on a tweet that was written before its author's account went."""
    author = verdict.author_id
    return author is not None and author in gone and written_at(verdict) <= gone[author]
