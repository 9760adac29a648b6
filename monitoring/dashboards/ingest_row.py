"""The tweet sources on the operations dashboard: are they read, how far behind are they, and what do they cost."""

from __future__ import annotations

from typing import Final

from ingest import metric_names as names
from monitoring.dashboards.sources import function, function_by
from monitoring.dashboards.spec import Panel, Query, Row

_PERCENT_OF_BUDGET: Final = 100


def _of(metric: names.Metric, label: str, statistic: str = "Sum", key: str = "a") -> Query:
    return function(metric, names.SERVICE, statistic, label=label, key=key)


TWEET_SOURCES: Final = Row(
    "Tweet sources",
    (
        Panel(
            "Read and delivered",
            "Tweets that came from the source, and those that the stream accepted; between them lie filters and "
            "duplicates.",
            (
                _of(names.TWEETS_READ, "read"),
                _of(names.TWEETS_DELIVERED, "delivered", key="b"),
                _of(names.TWEETS_FILTERED, "filtered", key="c"),
                _of(names.DUPLICATES_DROPPED, "duplicates", key="d"),
                _of(names.TWEETS_REJECTED, "too large", key="e"),
            ),
        ),
        Panel(
            "Delivered, by source",
            "Which sources the tweets come from.",
            (function_by(names.TWEETS_DELIVERED, names.SERVICE),),
            stacked=True,
        ),
        Panel(
            "Read, by source",
            "The same before filters and duplicates.",
            (function_by(names.TWEETS_READ, names.SERVICE),),
            stacked=True,
        ),
        Panel(
            "Lag of the sources",
            "From a tweet's creation to its delivery: the slowest of a hundred, and each source's mean.",
            (_of(names.TWEET_LAG, "p99", "p99"), function_by(names.TWEET_LAG, names.SERVICE, "Average", key="b")),
            unit="seconds",
        ),
        Panel(
            "Connected",
            "1 while the source can be read. Below, nothing arrives; the source reconnects by itself.",
            (_of(names.SOURCE_CONNECTED, "connected", "Minimum"),),
            threshold=0.5,
            worse="below",
        ),
        Panel(
            "Reconnects and gaps",
            "Connections that ended, and pauses too long for the source to give everything back. A gap is lost tweets.",
            (
                _of(names.RECONNECTS, "reconnects"),
                _of(names.CHECKPOINT_GAPS, "gaps", key="b"),
                _of(names.MALFORMED_MESSAGES, "unreadable messages", key="c"),
            ),
        ),
        Panel(
            "Delivery",
            "Entries put again after a throttle, and checkpoints that could not be written: after a restart their "
            "tweets are read once more.",
            (
                _of(names.DELIVERY_RETRIES, "retries"),
                _of(names.CHECKPOINT_FAILED, "checkpoints failed", key="b"),
                _of(names.WITHDRAWALS_ANNOUNCED, "withdrawals announced", key="c"),
            ),
        ),
        Panel(
            "Waiting for the stream",
            "How long the stream has accepted nothing. Meanwhile the source is not read on.",
            (_of(names.DELIVERY_STALLED, "stalled", "Maximum"),),
            unit="seconds",
        ),
        Panel(
            "Read and not yet delivered",
            "Tweets in memory. The number is bounded: a full buffer holds the source back.",
            (_of(names.BUFFERED_EVENTS, "buffered", "Maximum"),),
        ),
        Panel(
            "Spent on reads today",
            "US dollars since midnight UTC, for sources that are paid by the post.",
            (_of(names.SPEND, "spent", "Maximum"),),
            unit="dollars",
        ),
        Panel(
            "Budget used",
            "Per cent of the day's budget. At the line the source rests until the next day.",
            (_of(names.BUDGET_USED, "used", "Maximum"),),
            threshold=_PERCENT_OF_BUDGET,
        ),
        Panel(
            "Resting for want of budget",
            "1 while the source rests because the day's budget is spent.",
            (_of(names.BUDGET_EXHAUSTED, "resting", "Maximum"),),
            threshold=1,
        ),
    ),
)
