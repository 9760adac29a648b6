"""The operations dashboard: does every tweet arrive, in time, without loss, and at what cost."""

from __future__ import annotations

from typing import Final

from lambdas.common import metric_names as names
from monitoring.dashboards.ingest_row import TWEET_SOURCES
from monitoring.dashboards.sources import aws_lambda, function, function_by, kinesis
from monitoring.dashboards.spec import CLASSIFY_MEMORY, WARN_MEMORY, Board, Expression, Panel, Row

ITERATOR_AGE_LIMIT: Final = 300_000
"""Milliseconds; a test holds it to the stages' alarm."""

_GB_SECOND: Final = "0.0000166667"
_REQUEST: Final = "0.0000002"

_ARRIVAL: Final = Row(
    "Arrival",
    (
        Panel(
            "Records put into the streams",
            "Tweets that arrive and verdicts that are written. The two lines run together; verdicts that stay behind "
            "are late, parked or failed.",
            (
                kinesis("IncomingRecords", "tweet_events", label="tweets"),
                kinesis("IncomingRecords", "tweet_classification", label="verdicts", key="b"),
            ),
        ),
        Panel(
            "Records handed to the functions",
            "What each function was given, repeated deliveries included. Much more than what arrived means that "
            "batches fail and are delivered again.",
            (function(names.RECORDS_RECEIVED, "classify"), function(names.RECORDS_RECEIVED, "warn", key="b")),
        ),
        Panel(
            "Bytes put into the streams",
            "A provisioned shard takes 1 MB a second.",
            (
                kinesis("IncomingBytes", "tweet_events", label="tweets"),
                kinesis("IncomingBytes", "tweet_classification", label="verdicts", key="b"),
            ),
            unit="bytes",
        ),
        Panel(
            "Throttled by the streams",
            "Writes and reads that Kinesis refused for want of capacity. They are repeated, so some cost only time; "
            "many in a row call for more shards or on-demand capacity.",
            (
                kinesis("WriteProvisionedThroughputExceeded", "tweet_events", "Sum", label="tweets, write"),
                kinesis(
                    "WriteProvisionedThroughputExceeded",
                    "tweet_classification",
                    "Sum",
                    label="verdicts, write",
                    key="b",
                ),
                kinesis("ReadProvisionedThroughputExceeded", "tweet_events", "Sum", label="tweets, read", key="c"),
                kinesis(
                    "ReadProvisionedThroughputExceeded", "tweet_classification", "Sum", label="verdicts, read", key="d"
                ),
            ),
            threshold=1,
        ),
    ),
)

_DELAY: Final = Row(
    "Delay",
    (
        Panel(
            "Iterator age",
            "How old the last record of each batch was when its function got it. Beyond the line somebody is told: the "
            "function is too slow, fails again and again, or has been stopped.",
            (
                aws_lambda("IteratorAge", "classify", "Maximum"),
                aws_lambda("IteratorAge", "warn", "Maximum", key="b"),
            ),
            unit="milliseconds",
            threshold=ITERATOR_AGE_LIMIT,
        ),
        Panel(
            "From arrival to done",
            "From a record's arrival in its stream to the end of its batch: the median, and the slowest of a hundred.",
            (
                function(names.LATENCY, "classify", "p50", label="classify p50"),
                function(names.LATENCY, "classify", "p99", label="classify p99", key="b"),
                function(names.LATENCY, "warn", "p50", label="warn p50", key="c"),
                function(names.LATENCY, "warn", "p99", label="warn p99", key="d"),
            ),
            unit="milliseconds",
        ),
        Panel(
            "Scoring one batch",
            "Time in the model alone. It grows with the length of tweets and the size of batches.",
            (
                function(names.SCORING_TIME, "classify", "p50", label="p50"),
                function(names.SCORING_TIME, "classify", "p99", label="p99", key="b"),
            ),
            unit="milliseconds",
        ),
    ),
)

_FUNCTIONS: Final = Row(
    "Functions",
    (
        Panel(
            "Invocations",
            "Batches handled by each function.",
            (aws_lambda("Invocations", "classify"), aws_lambda("Invocations", "warn", key="b")),
        ),
        Panel(
            "Errors",
            "Batches that failed as a whole and are delivered again. A record that cannot be processed is not among "
            "them: it is parked.",
            (aws_lambda("Errors", "classify"), aws_lambda("Errors", "warn", key="b")),
            threshold=1,
        ),
        Panel(
            "Throttles",
            "Invocations that Lambda refused, the function's concurrency being used up. The stream waits for them.",
            (aws_lambda("Throttles", "classify"), aws_lambda("Throttles", "warn", key="b")),
            threshold=1,
        ),
        Panel(
            "Duration",
            "Of an invocation. The functions are stopped after 60 seconds.",
            (
                aws_lambda("Duration", "classify", "p50", label="classify p50"),
                aws_lambda("Duration", "classify", "p99", label="classify p99", key="b"),
                aws_lambda("Duration", "warn", "p50", label="warn p50", key="c"),
                aws_lambda("Duration", "warn", "p99", label="warn p99", key="d"),
            ),
            unit="milliseconds",
        ),
        Panel(
            "Cold starts",
            "Execution environments started. A burst follows a deployment or a jump in traffic.",
            (function(names.COLD_START, "classify"), function(names.COLD_START, "warn", key="b")),
        ),
        Panel(
            "Concurrent executions",
            "At most one for each shard and unit of parallelization.",
            (
                aws_lambda("ConcurrentExecutions", "classify", "Maximum"),
                aws_lambda("ConcurrentExecutions", "warn", "Maximum", key="b"),
            ),
        ),
    ),
)

_FAILURES: Final = Row(
    "What failed",
    (
        Panel(
            "Parked records",
            "Records that can never be processed as they stand, set aside whole with their reason, to be looked at and "
            "put back.",
            (function(names.RECORDS_PARKED, "classify"), function(names.RECORDS_PARKED, "warn", key="b")),
            threshold=1,
        ),
        Panel(
            "Parked, by reason",
            "One series per reason, of the classifier.",
            (function_by(names.RECORDS_PARKED, "classify"),),
            stacked=True,
        ),
        Panel(
            "Parking failed",
            "Records that could not even be set aside. They stay in the stream and are tried again.",
            (function(names.PARKING_FAILED, "classify"), function(names.PARKING_FAILED, "warn", key="b")),
            threshold=1,
        ),
        Panel(
            "Given up and not kept",
            "Records that were tried too often or got too old, and could not even be written to the failure "
            "destination. These are lost.",
            (
                aws_lambda("DestinationDeliveryFailures", "classify"),
                aws_lambda("DestinationDeliveryFailures", "warn", key="b"),
            ),
            threshold=1,
        ),
        Panel(
            "Verdicts not written at once",
            "Verdicts that the second stream throttled: put once more, or given back to the first stream.",
            (
                function(names.VERDICTS_RETRIED, "classify", label="retried"),
                function(names.VERDICTS_FAILED, "classify", label="failed", key="b"),
            ),
        ),
        Panel(
            "Effects that did not reach their sink",
            "A warning that could not be recorded, sent or announced. It is tried again; the other sinks go on.",
            (function(names.SINK_FAILED, "warn", label="all sinks"),),
            threshold=1,
        ),
        Panel(
            "Failed effects, by sink",
            "Which sink it was: the ledger, the notices or the announcements.",
            (function_by(names.SINK_FAILED, "warn"),),
            stacked=True,
        ),
    ),
)

_CHAMPION: Final = Row(
    "The model in service",
    (
        Panel(
            "Models taken into service, and refused",
            "A new champion is loaded by every execution environment. A refused one was damaged or written for other "
            "code; the old one keeps serving.",
            (
                function(names.CHAMPION_LOADED, "classify", label="loaded"),
                function(names.CHAMPION_REJECTED, "classify", label="refused", key="b"),
                function(names.CHAMPION_UNREACHABLE, "classify", label="unreachable", key="c"),
            ),
        ),
        Panel(
            "Age of the last look at the champion",
            "Classifiers look every minute. A growing age means that they cannot reach the pointer.",
            (function(names.CHAMPION_AGE, "classify", "Maximum"),),
            unit="seconds",
        ),
        Panel(
            "Batches turned back for want of a model",
            "Before the first promotion nothing can be classified; tweets wait in the stream.",
            (function(names.CHAMPION_MISSING, "classify"),),
            threshold=1,
        ),
    ),
)

_COST: Final = Row(
    "Cost",
    (
        Panel(
            "Lambda's cost of a million tweets",
            "Time of both functions at their memory, and requests, by the list price of us-east-1 (x86); streams and "
            "storage are not in it. Small batches make it dear.",
            (
                aws_lambda("Duration", "classify", key="cd", hidden=True),
                aws_lambda("Duration", "warn", key="wd", hidden=True),
                aws_lambda("Invocations", "classify", key="ci", hidden=True),
                aws_lambda("Invocations", "warn", key="wi", hidden=True),
                function(names.TWEETS_CLASSIFIED, "classify", key="tweets", hidden=True),
                Expression(
                    "cost",
                    f"1000000 * ((cd * {CLASSIFY_MEMORY} + wd * {WARN_MEMORY}) / 1000 * {_GB_SECOND} "
                    f"+ (ci + wi) * {_REQUEST}) / tweets",
                    "dollars per million",
                ),
            ),
            unit="dollars",
            width=12,
        ),
    ),
)

OPERATIONS: Final = Board(
    "operations",
    "Cyberbullying: operations",
    "Does every tweet arrive, in time, without loss, and at what cost",
    (_ARRIVAL, TWEET_SOURCES, _DELAY, _FUNCTIONS, _FAILURES, _CHAMPION, _COST),
)
