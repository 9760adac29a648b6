"""The champion pointer."""

from __future__ import annotations

import pytest

from moderation.champion import NO_CHAMPION, ChampionPointer, read_pointer, write_pointer
from moderation.errors import BadArtefactError, NoChampionError


def test_a_pointer_survives_its_parameter() -> None:
    pointer = ChampionPointer(version="7", location="s3://bucket/models/7", sha256="0" * 64)
    assert read_pointer(write_pointer(pointer)) == pointer


def test_before_the_first_promotion_there_is_no_champion() -> None:
    with pytest.raises(NoChampionError, match="retrain"):
        read_pointer(NO_CHAMPION + "\n")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "7",
        '{"version": "7"}',
        '{"version": "7", "location": "http://example.com/x", "sha256": "' + "0" * 64 + '"}',
        '{"version": "7", "location": "s3://bucket/models/7/", "sha256": "' + "0" * 64 + '"}',
        '{"version": "7", "location": "s3://bucket/models/7", "sha256": "beef"}',
        '{"version": "7", "location": "s3://bucket/models/7", "sha256": "' + "0" * 64 + '", "more": 1}',
    ],
)
def test_what_is_not_a_pointer_is_refused(value: str) -> None:
    with pytest.raises(BadArtefactError):
        read_pointer(value)
