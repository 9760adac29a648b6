"""The champion pointer: which model is to be served, and where it lies.

Promotion writes it to one parameter per stage, classifiers read it every minute, and a rollback is an older value
written again.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from moderation.errors import BadArtefactError, NoChampionError

NO_CHAMPION: Final = "none"
"""The value of the parameter before the first promotion."""


class ChampionPointer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the champion lies.

    Attributes:
        version: of the registered model.
        location: the artefact's folder, ``s3://bucket/prefix`` without a trailing slash.
        sha256: hexadecimal digest of the folder's ``manifest.json``, which in turn holds the digest of the arrays.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    location: Annotated[str, msgspec.Meta(pattern=r"^s3://[^/]+/.*[^/]$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


def read_pointer(value: str) -> ChampionPointer:
    """Read the parameter's value.

    Raises:
        NoChampionError: nothing has been promoted yet.
        BadArtefactError: the value is not a pointer.
    """
    if value.strip() == NO_CHAMPION:
        raise NoChampionError("no model has been promoted yet: run the retrain state machine")
    try:
        return msgspec.json.decode(value, type=ChampionPointer)
    except msgspec.DecodeError as error:
        raise BadArtefactError(f"the champion pointer is not readable: {error}") from None


def write_pointer(pointer: ChampionPointer) -> str:
    """The parameter's value for a pointer."""
    return msgspec.json.encode(pointer).decode()
