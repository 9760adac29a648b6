"""The moderation dashboard: what is decided about tweets, and what comes of it."""

from __future__ import annotations

from typing import Final

from lambdas.common import metric_names as names
from monitoring import metric_names as watched
from monitoring.dashboards.sources import function, function_by, report
from monitoring.dashboards.spec import Board, Expression, Panel, Row

_DECISIONS: Final = Row(
    "Decisions",
    (
        Panel(
            "Decisions over time",
            "Every verdict is one of the three: the tweet is flagged, referred to a person, or passes.",
            (
                function(names.TWEETS_FLAGGED, "classify", label="flagged"),
                function(names.TWEETS_REFERRED, "classify", label="referred", key="b"),
                function(names.TWEETS_PASSED, "classify", label="passed", key="c"),
            ),
            stacked=True,
        ),
        Panel(
            "Verdicts",
            "Tweets classified, whatever was decided.",
            (function(names.TWEETS_CLASSIFIED, "classify", label="verdicts"),),
        ),
        Panel(
            "Flag and refer rate",
            "Shares of verdicts. A jump without news behind it is a new model, a raid, or a source that changed.",
            (
                function(names.TWEETS_CLASSIFIED, "classify", key="verdicts", hidden=True),
                function(names.TWEETS_FLAGGED, "classify", key="flagged", hidden=True),
                function(names.TWEETS_REFERRED, "classify", key="referred", hidden=True),
                Expression("flagrate", "flagged / verdicts", "flagged"),
                Expression("referrate", "referred / verdicts", "referred"),
            ),
            unit="share",
        ),
        Panel(
            "Classes over time",
            "Shares of the classes in the window of each drift report.",
            (report(watched.CLASS_SHARE),),
            unit="share",
            stacked=True,
            width=12,
        ),
        Panel(
            "Sources",
            "Where the classified tweets came from, in the window of each drift report.",
            (report(watched.SOURCE_SHARE),),
            unit="share",
            stacked=True,
            width=12,
        ),
    ),
)

_WARNINGS: Final = Row(
    "Warnings",
    (
        Panel(
            "Warnings issued and held",
            "Held warnings are those beyond the daily quota: kept, not sent, until a person has looked. Any is a "
            "finding.",
            (
                function(names.WARNINGS_ISSUED, "warn", label="issued"),
                function(names.WARNINGS_HELD, "warn", label="held", key="b"),
            ),
        ),
        Panel(
            "Warnings of the day",
            "What the daily quota counts, by day (UTC). The quota is the stage's daily_warning_quota.",
            (function(names.WARNINGS_ISSUED, "warn", label="issued"),),
            period="day",
        ),
        Panel(
            "Held back by the quota",
            "Mass warnings are more often a mistake of the model than a wave of abuse: the quota gives a person time.",
            (function(names.WARNINGS_HELD, "warn", label="held"),),
            threshold=1,
        ),
        Panel(
            "Referred to a person",
            "Tweets that moderators have been given to decide.",
            (function(names.REFERRALS_RECORDED, "warn", label="referred"),),
        ),
        Panel(
            "Effects that reached their sink",
            "Recorded, sent, announced: one series per sink.",
            (function_by(names.EFFECTS_APPLIED, "warn"),),
            stacked=True,
        ),
        Panel(
            "Effects in total",
            "Of all sinks together; beside it, verdicts on tweets that had been acted upon already.",
            (
                function(names.EFFECTS_APPLIED, "warn", label="effects"),
                function(names.DUPLICATES_SKIPPED, "warn", label="left alone", key="b"),
            ),
        ),
    ),
)

_WITHDRAWALS: Final = Row(
    "Withdrawals",
    (
        Panel(
            "Deletions and edits",
            "What sources took back and was acted upon, and warnings that were taken back with it. Most tweets that "
            "are deleted were never warned of.",
            (
                function(names.WITHDRAWALS_APPLIED, "withdraw", label="acted upon"),
                function(names.WARNINGS_WITHDRAWN, "withdraw", label="warnings taken back", key="b"),
            ),
            width=12,
        ),
        Panel(
            "Withdrawals in trouble",
            "Those that the ledger or a bucket did not take, to be retried, and messages that are no withdrawals.",
            (
                function(names.WITHDRAWALS_FAILED, "withdraw", label="to be retried"),
                function(names.WITHDRAWALS_REFUSED, "withdraw", label="set aside", key="b"),
            ),
            width=12,
        ),
    ),
)

MODERATION: Final = Board(
    "moderation",
    "Cyberbullying: moderation",
    "What is decided about tweets, and what comes of it",
    (_DECISIONS, _WARNINGS, _WITHDRAWALS),
)
