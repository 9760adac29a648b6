"""The environment of the scheduled report: what it is told, typed and checked before anything else happens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec


class SettingsError(Exception):
    """The environment lacks a setting, or one makes no sense."""


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
