"""The scheduled report: a SageMaker processing job, or the same as a process.

It finds the champion by its pointer, compares the last hours with its reference, publishes the numbers and leaves the
pages where SageMaker takes them from: ``processing/output/report`` and once more ``processing/output/latest``, under
``/opt/ml`` or the folder that SAGEMAKER_BASE_DIR names. Its last word, a line of JSON, goes to ``output/message``,
which SageMaker hands on as the job's exit message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from botocore.exceptions import ClientError

from moderation.champion import ChampionPointer, read_pointer
from moderation.errors import NoChampionError
from moderation.reference import REFERENCE_FILE, read_reference
from monitoring import metric_names as names
from monitoring import pages
from monitoring.archive import S3Store
from monitoring.publisher import publish
from monitoring.report import Limits, Report, make_report
from monitoring.settings import Settings
from monitoring.windows import Window, current_window, reference_window

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

_MESSAGE_BYTES: Final = 1024
_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})


@dataclass(frozen=True, slots=True)
class Clients:
    """The AWS services that the report talks to."""

    s3: S3Client
    ssm: SSMClient
    cloudwatch: CloudWatchClient


class Message(msgspec.Struct, frozen=True):
    """The job's last word."""

    verdicts: int
    drifted_share: float | None
    macro_f1_drop: float | None
    not_enough_data: list[str]


def base_folder(environment: Mapping[str, str] | None = None) -> Path:
    """SageMaker's folder."""
    environment = os.environ if environment is None else environment
    return Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def run(
    settings: Settings,
    clients: Clients,
    base: Path,
    *,
    now: datetime | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Make the report, write it and publish it.

    Raises:
        SettingsError: the window makes no sense.
        BadArtefactError: the pointer or the reference is damaged.
        botocore.exceptions.ClientError: AWS refused something.
    """
    end, hours = settings.window(now or datetime.now(UTC))
    champion = _champion(settings, clients)
    progress(f"champion: version {champion.version}" if champion else "no champion yet")
    reference = _reference(clients, champion) if champion else None
    progress("reading the archive")
    current = current_window(
        S3Store(clients.s3, settings.archive_bucket, settings.archive_prefix),
        S3Store(clients.s3, settings.archive_bucket, settings.labels_prefix),
        end=end,
        hours=hours,
        label_hours=settings.label_hours,
    )
    progress(f"{current.verdicts} verdicts in the window, {len(current.labelled)} labels")
    limits = Limits(
        verdicts=settings.minimum_verdicts,
        labels=settings.minimum_labels,
        class_labels=settings.minimum_class_labels,
    )
    report = make_report(current, reference, limits, progress=progress)
    if champion and champion.version.isdecimal():
        report.add(names.CHAMPION_VERSION, float(champion.version))
    for folder in ("report", "latest"):
        pages.write(report, base / "processing" / "output" / folder)
    published = publish(clients.cloudwatch, settings.stage, end, report.values)
    progress(f"{published} numbers published")
    _leave_message(report, base)
    return report


def leave_failure(base: Path, reason: str) -> None:
    """Leave the reason of a failure where SageMaker looks for it."""
    folder = base / "output"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("failure", "message"):
        (folder / name).write_text(reason[:_MESSAGE_BYTES], encoding="utf-8")


def _champion(settings: Settings, clients: Clients) -> ChampionPointer | None:
    value = clients.ssm.get_parameter(Name=settings.champion_parameter)["Parameter"]["Value"]
    try:
        return read_pointer(value)
    except NoChampionError:
        return None


def _reference(clients: Clients, champion: ChampionPointer) -> Window | None:
    bucket, _, folder = champion.location.removeprefix("s3://").partition("/")
    try:
        file = S3Store(clients.s3, bucket).open(f"{folder}/{REFERENCE_FILE}")
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise
    with file:
        return reference_window(read_reference(file))


def _leave_message(report: Report, base: Path) -> None:
    message = Message(
        verdicts=report.current.verdicts,
        drifted_share=report.value(names.DRIFTED_SHARE),
        macro_f1_drop=report.value(names.MACRO_F1_DROP),
        not_enough_data=report.missing,
    )
    folder = base / "output"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "message").write_bytes(msgspec.json.encode(message))
