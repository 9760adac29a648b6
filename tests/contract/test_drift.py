"""Messages do not drift: neither from what was agreed on, nor away from what was written before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.schemas import FOLDER, MESSAGES, golden, schema_of

WRITTEN = Path(__file__).parent / "messages"


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_what_was_agreed_on(name: str) -> None:
    assert schema_of(MESSAGES[name]) == golden(name), (
        "the contract changed; if that is meant, and readers can cope, run: python -m tests.contract.schemas"
    )


def test_every_message_has_a_schema_and_a_message_of_its_first_version() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(MESSAGES)
    assert {path.stem for path in WRITTEN.glob("*_1.json")} == {f"{name}_1" for name in MESSAGES}


def written() -> list[Path]:
    return sorted(WRITTEN.glob("*.json"))


def kind_of(path: Path) -> type[msgspec.Struct]:
    return MESSAGES[path.stem.rpartition("_")[0]]


@pytest.mark.parametrize("path", written(), ids=lambda path: path.stem)
def test_what_was_written_before_is_still_read(path: Path) -> None:
    msgspec.json.decode(path.read_bytes(), type=kind_of(path))


@pytest.mark.parametrize("path", written(), ids=lambda path: path.stem)
def test_what_was_written_before_is_the_least_that_is_needed(path: Path) -> None:
    """Each field of the first version's smallest message is needed: without it, the message is refused."""
    message: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    for field in message:
        less = {key: value for key, value in message.items() if key != field}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(less, kind_of(path))


@pytest.mark.parametrize("path", written(), ids=lambda path: path.stem)
def test_fields_from_the_future_are_ignored_on_streams_and_refused_in_the_pointer(path: Path) -> None:
    message = msgspec.json.decode(path.read_bytes()) | {"added_later": 1}
    if path.stem.startswith("champion_pointer"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(message, kind_of(path))
    else:
        msgspec.convert(message, kind_of(path))
