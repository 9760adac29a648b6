"""Put failed records back into their stream: ``python -m lambdas.redrive --bucket B --prefix P --stream S``.

Reads what the functions parked and what Lambda's own failure destination wrote. An object whose records are all back
in the stream is moved under ``redriven/``; one that could not be finished stays where it is, and running the command
again is safe, because whoever consumes the streams acts once per tweet however often it comes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.progress import track
from rich.table import Table

from lambdas.common.clients import make_client
from lambdas.common.commands import EXPIRED, PATIENT, explain
from lambdas.common.delivery import Delivery, RequestFaults
from lambdas.common.failed_records import FailedRecord, UnreadableObjectError, read_object
from lambdas.common.streams import Outgoing, StreamWriter

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

DONE_PREFIX: Final = "redriven/"

_ADVICE: Final = {
    "NoSuchBucket": "there is no such bucket; the storage stack's outputs name it",
    "ResourceNotFoundException": "there is no such stream; the streaming stack's outputs name it",
    "AccessDenied": "these credentials may not do that; the command lists, reads, copies and deletes in the bucket",
    "AccessDeniedException": "these credentials may not do that; the command needs kinesis:PutRecords on the stream",
    **EXPIRED,
}


class Writer(Protocol):
    """Writes to the stream."""

    def put(self, records: Sequence[Outgoing]) -> Delivery:
        """Write records in order; nothing follows one that could not be written."""


@dataclass(slots=True)
class Report:
    """What became of the objects.

    Attributes:
        reasons: of the records that were put back, or would be.
        moved: objects that are done.
        elsewhere: objects with records of another stream, by its name.
        problems: what is to be done about objects that stay, by key.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    elsewhere: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redriver:
    """Puts the records of objects back into one stream."""

    s3: S3Client
    writer: Writer
    bucket: str
    stream: str
    dry_run: bool = False

    def keys(self, prefix: str) -> list[str]:
        """The objects under a prefix, without those that are done."""
        return [key for key in self._listed(prefix) if not key.startswith(DONE_PREFIX)]

    def redrive(self, key: str, report: Report) -> None:
        """Put one object's records back, and move it away if that worked.

        Raises:
            RequestFaults: the bucket cannot be read or written.
        """
        try:
            records = read_object(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except UnreadableObjectError as error:
            report.problems[key] = f"left alone: {error}. Mend it, or move it out of the prefix"
            return
        others = {record.stream for record in records} - {self.stream}
        if others:
            report.elsewhere.update(others)
            return
        if not self.dry_run and not self._put(key, records, report):
            return
        report.reasons.update(record.reason for record in records)
        report.moved += 1

    def _put(self, key: str, records: Sequence[FailedRecord], report: Report) -> bool:
        delivery = self.writer.put([Outgoing(record.partition_key, record.data) for record in records])
        if delivery.failed:
            faults = ", ".join(sorted(set(delivery.failed.values())))
            advice = next(
                (_ADVICE[code] for code in delivery.failed.values() if code in _ADVICE), "run this again later"
            )
            report.problems[key] = f"{len(delivery.failed)} of {len(records)} not written ({faults}): {advice}"
            return False
        source: CopySourceTypeDef = {"Bucket": self.bucket, "Key": key}
        self.s3.copy_object(Bucket=self.bucket, Key=f"{DONE_PREFIX}{key}", CopySource=source)
        self.s3.delete_object(Bucket=self.bucket, Key=key)
        return True

    def _listed(self, prefix: str) -> Iterator[str]:
        last = ""
        while True:
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, StartAfter=last)
            for item in page.get("Contents", []):
                last = item["Key"]
                yield last
            if not page.get("IsTruncated"):
                return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 some objects stay, 2 it could not start."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        s3: S3Client = make_client("s3")
        kinesis: KinesisClient = make_client("kinesis")
        redriver = Redriver(
            s3, StreamWriter(kinesis, options.stream, PATIENT), options.bucket, options.stream, options.dry_run
        )
        return _run(redriver, options.prefix, console)
    except RequestFaults as error:
        console.print(explain(error, _ADVICE))
    return 2


def _run(redriver: Redriver, prefix: str, console: Console) -> int:
    report = Report()
    keys = redriver.keys(prefix)
    if not keys:
        console.print(f"Nothing under s3://{redriver.bucket}/{prefix}.")
        return 0
    for key in track(keys, "Reading" if redriver.dry_run else "Redriving", console=console):
        redriver.redrive(key, report)
    _print(redriver, report, console)
    return 1 if report.problems else 0


def _print(redriver: Redriver, report: Report, console: Console) -> None:
    verb, moved = ("would go", "") if redriver.dry_run else ("went", f", now under {DONE_PREFIX}")
    console.print(f"{_count(report.moved, 'object')}{moved}; into {redriver.stream} {verb}:")
    table = Table("reason", "records")
    for reason, number in report.reasons.most_common():
        table.add_row(reason, f"{number:,}")
    table.add_row("all", f"{report.reasons.total():,}", style="bold")
    console.print(table)
    for stream, number in report.elsewhere.items():
        console.print(f"{_count(number, 'object')} with records of {stream}: for those, use --stream {stream}")
    for key, problem in report.problems.items():
        console.print(f"{key}: {problem}.", style="red")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lambdas.redrive",
        description="Put failed records back into their stream. Safe to run twice.",
        epilog="Region, profile and endpoint come from the environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL).",
    )
    parser.add_argument("--bucket", required=True, help="bucket with the failed records")
    parser.add_argument("--prefix", default="", help="only objects whose keys begin so, e.g. classify/poison/")
    parser.add_argument("--stream", required=True, help="name of the stream to put them into")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
