"""The environment of the scheduled report: what it is told, typed and checked before anything else happens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec


class SettingsError(Exception):
    """The environment lacks a setting, or one makes no sense."""


_LONGEST: Final = timedelta(days=31)


class Settings(msgspec.Struct, frozen=True):
    """Each field is read from the environment variable of its name in capitals.

    Attributes:
        stage: of the deployment; a dimension of every metric.
        archive_bucket: that Firehose writes to.
        archive_prefix: under which the streams' folders lie, with a slash at its end.
        labels_prefix: in the same bucket, under which files of true classes arrive, with a slash at its end.
        champion_parameter: name of the pointer's SSM parameter.
        window_hours: how long the current window is.
        label_hours: how far back verdicts are looked up for labels.
        minimum_verdicts: from which distances are given.
        minimum_labels: from which measures of quality are given.
        minimum_class_labels: from which those of one class are given.
        window_start: where the window begins, instead of ``window_hours`` before its end.
        window_end: where it ends, instead of now.
    """

    stage: str
    archive_bucket: str
    champion_parameter: str
    archive_prefix: str = "archive/"
    labels_prefix: str = "labels/"
    window_hours: Annotated[float, msgspec.Meta(gt=0.0, le=24.0 * 31)] = 24.0
    label_hours: Annotated[float, msgspec.Meta(gt=0.0, le=24.0 * 92)] = 168.0
    minimum_verdicts: Annotated[int, msgspec.Meta(ge=50)] = 500
    minimum_labels: Annotated[int, msgspec.Meta(ge=20)] = 200
    minimum_class_labels: Annotated[int, msgspec.Meta(ge=5)] = 30
    window_start: datetime | None = None
    window_end: datetime | None = None

    def window(self, now: datetime) -> tuple[datetime, float]:
        """The end of the window, and its length in hours.

        Raises:
            SettingsError: it ends before it begins, or is longer than a month.
        """
        end = _utc(self.window_end or now)
        if self.window_start is None:
            return end, self.window_hours
        length = end - _utc(self.window_start)
        if not timedelta(0) < length <= _LONGEST:
            raise SettingsError(f"window_start must lie before the end of the window, {_LONGEST.days} days at most")
        return end, length / timedelta(hours=1)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one is missing, or makes no sense.
    """
    environment = os.environ if environment is None else environment
    given = {
        name: environment[name.upper()] for name in Settings.__struct_fields__ if environment.get(name.upper(), "")
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
