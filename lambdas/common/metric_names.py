"""Every metric that the functions emit: names, units, dimensions, meaning.

The functions count with these, the stacks raise alarms on them and the dashboards draw them. Nothing is imported here
but the standard library, so that the stacks can import it too. The namespace is :data:`NAMESPACE`; unless a metric says
otherwise its dimensions are those of :data:`DIMENSIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "Cyberbullying"
"""The value of POWERTOOLS_METRICS_NAMESPACE."""

DIMENSIONS: Final = ("service", "stage")
"""``service`` is the function (``classify``, ``warn``, ``withdraw``), ``stage`` the stage it runs in."""

Unit = Literal["Count", "Seconds", "Milliseconds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: CloudWatch's name of it.
        unit: CloudWatch's unit.
        services: which functions emit it.
        meaning: one line for whoever reads a dashboard.
        by: a further dimension. Such a metric is emitted twice: in total, and for each value of the dimension.
        dimensions: of the total.
    """

    name: str
    unit: Unit
    services: tuple[str, ...]
    meaning: str
    by: str | None = None
    dimensions: tuple[str, ...] = DIMENSIONS


_CLASSIFY: Final = ("classify",)
_WARN: Final = ("warn",)
_BOTH: Final = ("classify", "warn")
_WITHDRAW: Final = ("withdraw",)

COLD_START: Final = Metric(
    "ColdStart", "Count", _BOTH, "Execution environments started", dimensions=("function_name", "service")
)
RECORDS_RECEIVED: Final = Metric("RecordsReceived", "Count", _BOTH, "Records handed over by the stream")
RECORDS_PARKED: Final = Metric("RecordsParked", "Count", _BOTH, "Records set aside with their reason", by="reason")
PARKING_FAILED: Final = Metric("ParkingFailed", "Count", _BOTH, "Records that could not be set aside, to be retried")
LATENCY: Final = Metric("LatencyFromArrival", "Milliseconds", _BOTH, "From a record's arrival to its being done with")

TWEETS_CLASSIFIED: Final = Metric("TweetsClassified", "Count", _CLASSIFY, "Verdicts written")
TWEETS_FLAGGED: Final = Metric("TweetsFlagged", "Count", _CLASSIFY, "Verdicts that flag")
TWEETS_REFERRED: Final = Metric("TweetsReferred", "Count", _CLASSIFY, "Verdicts that refer to a person")
TWEETS_PASSED: Final = Metric("TweetsPassed", "Count", _CLASSIFY, "Verdicts that let pass")
SCORING_TIME: Final = Metric("ScoringMilliseconds", "Milliseconds", _CLASSIFY, "Classifying one batch")
VERDICTS_RETRIED: Final = Metric("VerdictsRetried", "Count", _CLASSIFY, "Verdicts put once more after a throttle")
VERDICTS_FAILED: Final = Metric("VerdictsFailed", "Count", _CLASSIFY, "Verdicts not written, to be retried")
CHAMPION_LOADED: Final = Metric("ChampionLoaded", "Count", _CLASSIFY, "Models taken into service")
CHAMPION_REJECTED: Final = Metric("ChampionRejected", "Count", _CLASSIFY, "Models refused; the old one keeps serving")
CHAMPION_UNREACHABLE: Final = Metric(
    "ChampionUnreachable", "Count", _CLASSIFY, "Pointer or artefact could not be fetched; the old model keeps serving"
)
CHAMPION_MISSING: Final = Metric("ChampionMissing", "Count", _CLASSIFY, "Batches turned back for want of any model")
CHAMPION_AGE: Final = Metric(
    "ChampionAgeSeconds", "Seconds", _CLASSIFY, "Since the serving model was last confirmed to be the champion"
)

WARNINGS_ISSUED: Final = Metric("WarningsIssued", "Count", _WARN, "Warnings recorded, to be sent")
WARNINGS_HELD: Final = Metric("WarningsHeld", "Count", _WARN, "Warnings kept back by the daily quota")
REFERRALS_RECORDED: Final = Metric("ReferralsRecorded", "Count", _WARN, "Tweets referred to a person")
EFFECTS_APPLIED: Final = Metric("EffectsApplied", "Count", _WARN, "Effects that reached their sink", by="sink")
SINK_FAILED: Final = Metric("SinkFailed", "Count", _WARN, "Effects that did not reach their sink", by="sink")
DUPLICATES_SKIPPED: Final = Metric(
    "DuplicatesSkipped", "Count", _WARN, "Verdicts on tweets acted upon already, or withdrawn"
)

WITHDRAWALS_APPLIED: Final = Metric("WithdrawalsApplied", "Count", _WITHDRAW, "Deletions and edits acted upon")
WARNINGS_WITHDRAWN: Final = Metric(
    "WarningsWithdrawn", "Count", _WITHDRAW, "Entries of the ledger that were taken back"
)
WITHDRAWALS_FAILED: Final = Metric("WithdrawalsFailed", "Count", _WITHDRAW, "Withdrawals not acted upon, to be retried")
WITHDRAWALS_REFUSED: Final = Metric(
    "WithdrawalsRefused", "Count", _WITHDRAW, "Messages set aside: they withdraw nothing"
)

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""
