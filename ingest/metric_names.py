"""Every metric that the tweet sources emit: names, units, dimensions, meaning.

The sources count with these, the stack raises alarms on them and the dashboards draw them. Nothing is imported here but
the standard library, so that the stacks can import it too. The namespace is :data:`NAMESPACE`; the dimensions are those
of :data:`DIMENSIONS`, and a metric with ``by`` is emitted once more for each value of that dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "Cyberbullying"
"""Shared with the functions."""

SERVICE: Final = "ingest"
DIMENSIONS: Final = ("service", "stage")
"""``service`` is always :data:`SERVICE`, ``stage`` the stage it runs in."""

Unit = Literal["Count", "Seconds", "Percent", "None"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: CloudWatch's name of it.
        unit: CloudWatch's unit.
        meaning: one line for whoever reads a dashboard.
        by: a further dimension. Such a metric is emitted twice: in total, and for each value of the dimension.
        services: who emits it.
        dimensions: of the total.
    """

    name: str
    unit: Unit
    meaning: str
    by: str | None = None
    services: tuple[str, ...] = (SERVICE,)
    dimensions: tuple[str, ...] = DIMENSIONS


TWEETS_READ: Final = Metric("TweetsRead", "Count", "Tweets that arrived from the source", by="source")
TWEETS_DELIVERED: Final = Metric("TweetsDelivered", "Count", "Tweets that the stream accepted", by="source")
TWEETS_FILTERED: Final = Metric("TweetsFiltered", "Count", "Tweets left out: language, no text, or not of our rules")
TWEETS_REJECTED: Final = Metric("TweetsRejected", "Count", "Tweets larger than a record may be")
DUPLICATES_DROPPED: Final = Metric("DuplicatesDropped", "Count", "Tweets seen shortly before")
WITHDRAWALS_ANNOUNCED: Final = Metric("WithdrawalsAnnounced", "Count", "Deletions and edits put on the event bus")
MALFORMED_MESSAGES: Final = Metric("MalformedMessages", "Count", "Messages of the source that could not be read")
RECONNECTS: Final = Metric("Reconnects", "Count", "Connections to the source that ended or failed")
SOURCE_CONNECTED: Final = Metric("SourceConnected", "Count", "1 while the source can be read, else 0")
CHECKPOINT_GAPS: Final = Metric("CheckpointGaps", "Count", "Pauses too long for the source to give everything back")
DELIVERY_RETRIES: Final = Metric("DeliveryRetries", "Count", "Entries that had to be put again")
DELIVERY_STALLED: Final = Metric("DeliveryStalledSeconds", "Seconds", "How long nothing has been accepted")
CHECKPOINT_FAILED: Final = Metric("CheckpointFailed", "Count", "Checkpoints that could not be written")
BUFFERED_EVENTS: Final = Metric("BufferedEvents", "Count", "Events read and not yet delivered")
TWEET_LAG: Final = Metric("TweetLagSeconds", "Seconds", "From a tweet's creation to its delivery", by="source")
SPEND: Final = Metric("SpendUsd", "None", "US dollars spent on reads since midnight UTC")
BUDGET_USED: Final = Metric("BudgetUsedPercent", "Percent", "Share of the day's budget that is spent")
BUDGET_EXHAUSTED: Final = Metric("BudgetExhausted", "Count", "1 while the source rests because its budget is spent")

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""
