"""Typed settings from the environment.

A function's settings are a ``msgspec.Struct`` whose fields, upper-cased, are the names of its environment variables.
Everything that is wrong is said at once, before the first record is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(Exception):
    """The environment does not fit the function's settings. Its message names every variable at fault."""


def environment_keys(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The environment variables that a kind of settings reads, optional ones included."""
    return tuple(field.name.upper() for field in msgspec.structs.fields(kind))


def read_settings(kind: type[S], environment: Mapping[str, str]) -> S:
    """Read the settings of a function.

    Args:
        kind: the struct; values are converted to its fields' types and checked against their constraints.
        environment: usually ``os.environ``. Variables that are no field of ``kind`` are ignored.

    Raises:
        SettingsError: variables are missing or have values of the wrong form.
    """
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(kind):
        key = field.name.upper()
        if key in environment:
            try:
                values[field.name] = msgspec.convert(environment[key], field.type, strict=False)
            except msgspec.ValidationError as error:
                problems.append(f"{key}: {error}")
        elif field.required:
            problems.append(f"{key}: is not set")
    if problems:
        raise SettingsError(f"the environment does not fit {kind.__module__}.{kind.__name__}: {'; '.join(problems)}")
    return kind(**values)
