"""The wire messages and their golden schemas.

``python -m tests.contract.schemas`` writes the golden files anew. What that changes is a change of the contract: fields
may be added if they are optional; anything else takes a new schema version, and readers first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from lambdas.common.parking import ParkedRecord
from lambdas.warn.entries import Entry, Notice
from moderation.champion import ChampionPointer
from moderation.messages import AuthorWithdrawn, ClassificationEvent, TweetEvent, TweetWithdrawn
from moderation.tombstones import Tombstone

FOLDER: Final = Path(__file__).parent / "schemas"

MESSAGES: Final[dict[str, type[msgspec.Struct]]] = {
    "tweet_event": TweetEvent,
    "classification_event": ClassificationEvent,
    "champion_pointer": ChampionPointer,
    "notice": Notice,
    "parked_record": ParkedRecord,
    "ledger_entry": Entry,
    "tweet_withdrawn": TweetWithdrawn,
    "author_withdrawn": AuthorWithdrawn,
    "tombstone": Tombstone,
}
"""By name of the golden file."""


def schema_of(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The message's JSON schema, without the prose."""
    schema = msgspec.json.schema(message)
    for definition in schema["$defs"].values():
        definition.pop("description", None)
    return schema


def golden(name: str) -> dict[str, Any]:
    """The schema that was agreed on."""
    schema: dict[str, Any] = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes())
    return schema


if __name__ == "__main__":
    for name, message in MESSAGES.items():
        written = msgspec.json.format(msgspec.json.encode(schema_of(message)), indent=2)
        (FOLDER / f"{name}.json").write_bytes(written + b"\n")
