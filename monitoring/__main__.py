"""Drift reports from the command line.

``report`` compares a reference with verdicts, both from files or buckets, and writes pages for a person. ``run`` is the
scheduled job: it takes everything from its environment and publishes what it finds.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from moderation.errors import ModerationError
from monitoring import pages
from monitoring.report import Limits, make_report
from monitoring.sources import SourceError, read_current, read_reference_source

log = logging.getLogger("monitoring")

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 if it did what it was told, 1 if it failed, 2 if it was told nonsense.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)  # our own progress, not that of the AWS SDK
    return _run() if options.command == "run" else _report(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m monitoring", description="Reports on drift and quality.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the scheduled job: settings from the environment, numbers to CloudWatch")
    report = commands.add_parser("report", help="compare verdicts with a reference and write pages")
    report.add_argument(
        "--reference", required=True, help="reference.jsonl.gz or the folder it lies in; a path or s3://bucket/key"
    )
    report.add_argument(
        "--current",
        required=True,
        help="an archive (folder or s3://bucket/prefix), or a file of verdicts as JSON lines",
    )
    report.add_argument("--tweets", type=Path, help="a file of tweet events as JSON lines, with a file of verdicts")
    report.add_argument(
        "--labels", type=Path, help="a file or folder of true classes: tweet_id and label, CSV or JSON lines"
    )
    report.add_argument("--out", type=Path, required=True, help="the folder to write to")
    report.add_argument("--hours", type=float, default=24.0, help="length of the window, of an archive (default: 24)")
    report.add_argument("--end", type=_moment, help="end of the window, of an archive: ISO 8601 (default: now)")
    report.add_argument("--minimum", type=int, default=Limits().verdicts, help="verdicts needed for distances")
    report.add_argument("--minimum-labels", type=int, default=Limits().labels, help="labels needed for quality")
    return parser


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _report(options: argparse.Namespace) -> int:
    try:
        reference = read_reference_source(options.reference)
        current = read_current(
            options.current,
            tweets=options.tweets,
            labels=options.labels,
            end=options.end or datetime.now(UTC),
            hours=options.hours,
        )
    except (SourceError, ModerationError, OSError, EOFError) as error:
        log.error("%s", error)  # noqa: TRY400 - a person's mistake needs no traceback
        return EXIT_USAGE
    log.info("%d verdicts, %d reference verdicts", current.verdicts, reference.verdicts)
    limits = Limits(verdicts=options.minimum, labels=options.minimum_labels)
    report = make_report(current, reference, limits, progress=log.info)
    pages.write(report, options.out)
    for sentence in report.missing:
        log.info("%s", sentence)
    for item in report.values:
        if item.metric.beyond(item.value):
            log.info("%s %.3f is beyond its threshold of %g", item.metric.name, item.value, item.metric.threshold)
    log.info("written: %s", options.out / pages.REPORT_PAGE)
    return 0


def _run() -> int:
    # The job alone needs AWS: a person's report starts without it.
    import boto3  # noqa: PLC0415

    from monitoring.job import Clients, base_folder, leave_failure, run  # noqa: PLC0415
    from monitoring.settings import SettingsError, read_settings  # noqa: PLC0415

    base = base_folder()
    try:
        settings = read_settings()
        clients = Clients(boto3.client("s3"), boto3.client("ssm"), boto3.client("cloudwatch"))
        run(settings, clients, base, progress=log.info)
    except SettingsError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says it all
        leave_failure(base, str(error))
        return EXIT_USAGE
    except Exception as error:
        log.exception("the report failed")
        leave_failure(base, f"{type(error).__name__}: {error}")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
