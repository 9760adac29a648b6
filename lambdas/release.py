"""Look at warnings that the daily quota held back, and send or drop them: ``python -m lambdas.release --function F``.

Without ``--apply`` or ``--drop`` it only lists them. Each is decided about once: what is not held any more is left
alone, and running the command again finishes what an earlier run began. The quota does not count what a person sends.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from lambdas.common.clients import make_client
from lambdas.common.commands import EXPIRED, PATIENT, explain
from lambdas.common.delivery import RequestFaults
from lambdas.common.settings import SettingsError, read_settings
from lambdas.warn.entries import Entry, Status
from lambdas.warn.held import HeldWarnings, Outcome, Releaser
from lambdas.warn.ledger import DynamoLedger
from lambdas.warn.settings import Settings
from lambdas.warn.sinks import EventSink, NotificationSink
from moderation.effects import DEFAULT_POLICY
from moderation.labels import HARMFUL

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient

TOGETHER: Final = 50
"""Warnings that are settled, sent and marked before the next ones: what an interruption leaves half done at most."""

_ADVICE: Final = {
    "ResourceNotFoundException": "there is no such function or table; it is cyberbullying_<stage>_warn",
    "AccessDeniedException": "these credentials may not do that; the command reads the function's configuration, scans "
    "and updates the table, publishes to the topic and puts events",
    **EXPIRED,
}


def environment_of(client: LambdaClient, function: str) -> Mapping[str, str]:
    """The environment of a deployed function: where its table, its topic and its bus are.

    Raises:
        RequestFaults: there is no such function.
    """
    return client.get_function_configuration(FunctionName=function).get("Environment", {}).get("Variables", {})


def build(settings: Settings) -> Releaser:
    """Everything that `warn` sends with, patient, for a person waits for it."""
    dynamodb: DynamoDBClient = make_client("dynamodb")
    sns: SNSClient = make_client("sns")
    events: EventBridgeClient = make_client("events")
    return Releaser(
        HeldWarnings(dynamodb, settings.warnings_table),
        DynamoLedger(dynamodb, settings.warnings_table, settings.daily_warning_quota),
        (
            NotificationSink(sns, settings.notification_topic_arn, PATIENT),
            EventSink(events, settings.event_bus_name, settings.stage, PATIENT),
        ),
        DEFAULT_POLICY,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 some warnings are not settled, 2 it could not start."""
    options = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False)
    try:
        releaser = build(read_settings(Settings, environment_of(make_client("lambda"), options.function)))
        return _run(releaser, options, console)
    except SettingsError as error:
        console.print(f"{options.function} is not the function that warns: {error}", style="red")
    except RequestFaults as error:
        console.print(explain(error, _ADVICE))
    return 2


def _run(releaser: Releaser, options: argparse.Namespace, console: Console) -> int:
    entries = list(islice(chosen(releaser.held.find(releaser.policy), options), options.limit))
    if not entries:
        console.print("No warning is held back, or none of those asked for.")
        return 0
    _list(entries, options, console)
    if not (options.apply or options.drop):
        console.print("Nothing was changed. --apply sends these, --drop gives them up for good.")
        return 0
    act: Callable[[Sequence[Entry], Outcome], None] = releaser.release if options.apply else releaser.drop
    outcome = Outcome()
    parts = [entries[start : start + TOGETHER] for start in range(0, len(entries), TOGETHER)]
    for part in track(parts, "Sending" if options.apply else "Dropping", console=console):
        act(part, outcome)
    return _report(outcome, options, console)


def chosen(entries: Iterator[Entry], options: argparse.Namespace) -> Iterator[Entry]:
    """The entries that a person asked for."""
    for entry in entries:
        if (
            (not options.tweet or entry.tweet_id in options.tweet)
            and (options.version is None or entry.version == options.version)
            and (options.classification is None or entry.classification.value == options.classification)
            and (options.day is None or entry.recorded_at.startswith(options.day))
        ):
            yield entry


def _list(entries: Sequence[Entry], options: argparse.Namespace, console: Console) -> None:
    counts = Counter((entry.recorded_at[:10], entry.version, entry.classification.value) for entry in entries)
    table = Table("day", "version", "class", "warnings")
    for (day, version, classification), number in sorted(counts.items()):
        table.add_row(day, version, classification, f"{number:,}")
    console.print(table)
    for entry in entries[: options.show]:
        console.print(f"{entry.tweet_id}  {entry.classification.value} {entry.confidence:.2f}  {entry.recorded_at}")
    unfinished = sum(entry.status is Status.ISSUED for entry in entries)
    if unfinished:
        console.print(f"{unfinished:,} of them were released before and still owe an effect; --apply finishes them.")


def _report(outcome: Outcome, options: argparse.Namespace, console: Console) -> int:
    console.print(f"{outcome.settled:,} {'sent' if options.apply else 'dropped'}.")
    if outcome.gone:
        console.print(f"{outcome.gone:,} were not held any more: decided about, or withdrawn, in the meantime.")
    for fault, number in outcome.failed.items():
        console.print(
            f"{number:,} effects failed ({fault}). Run the command again; what is done stays done.", style="red"
        )
    if outcome.unmarked:
        console.print(
            f"{outcome.unmarked:,} were sent, but not remembered as sent: they go out twice then.", style="red"
        )
    return 1 if outcome.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lambdas.release",
        description="List warnings that the daily quota held back; send or drop them. Safe to run twice.",
        epilog="Region, profile and endpoint come from the environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL).",
    )
    parser.add_argument("--function", required=True, help="that warns, e.g. cyberbullying_prod_warn")
    parser.add_argument("--day", metavar="YYYY-MM-DD", help="only warnings recorded on that day (UTC)")
    parser.add_argument("--version", help="only those of that version of the model")
    parser.add_argument("--classification", choices=[label.value for label in HARMFUL], help="only those of that class")
    parser.add_argument("--tweet", action="append", metavar="ID", help="only that tweet's; may be given more than once")
    parser.add_argument("--limit", type=int, help="no more than so many")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="name the first N tweets too")
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--apply", action="store_true", help="send them, each once")
    decision.add_argument("--drop", action="store_true", help="never send them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
