"""Which posts of X are asked for: the rules, kept in code, and brought into force when the stream is opened.

Language: docs.x.com, "Build a rule". Every post that a rule matches is paid for, so that a rule is a price. Change them
here, and the next start of the task changes them at X.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ingest.errors import HttpFaultError, SourceRefusedError
from ingest.sources.x_client import XClient

_LOG = logging.getLogger(__name__)

TAG_PREFIX: Final = "cyberbullying:"
"""Rules whose tag starts with this are ours; those of others who share the app are left alone."""

MAX_RULE_CHARACTERS: Final = 1024
MAX_QUERY_CHARACTERS: Final = 512
"""A rule also serves as a query of recent search, which takes 512 characters on every plan."""

_PATH: Final = "/2/tweets/search/stream/rules"

_STREAM_ONLY: Final = re.compile(r"(?<!\w)(sample|bio|bio_name|bio_location):")
"""Operators that recent search lacks (docs.x.com, "Recovery and redundancy")."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: unique among the rules.
        value: in X's language.
    """

    name: str
    value: str

    @property
    def tag(self) -> str:
        """What X calls it."""
        return TAG_PREFIX + self.name

    @property
    def searchable(self) -> bool:
        """Whether recent search knows all of its operators, so that gaps can be filled with it."""
        return _STREAM_ONLY.search(self.value) is None


_REPLIES: Final = "lang:en has:mentions -is:retweet"

RULES: Final = (
    Rule("insults", f"(stupid OR idiot OR moron OR loser OR ugly OR pathetic OR disgusting OR worthless) {_REPLIES}"),
    Rule("exclusion", f'("nobody likes you" OR "no one likes you" OR "go away" OR "shut up" OR "hate you") {_REPLIES}'),
    Rule("named", f"(bully OR bullies OR bullied OR bullying OR cyberbullying OR harassing OR harassed) {_REPLIES}"),
)
"""English posts to somebody, with words that harassment is made of. They find what may be bullying; whether it is, the
model says."""


class _SetRule(msgspec.Struct, frozen=True):
    id: str
    value: str
    tag: str = ""


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None
    summary: dict[str, int] = {}


class _Rules(msgspec.Struct, frozen=True):
    data: tuple[_SetRule, ...] = ()
    meta: _Meta = _Meta()


async def reconcile(client: XClient, rules: tuple[Rule, ...] = RULES) -> None:
    """Make X's rules with our tag the ones in code: what is left over is deleted, what is missing added.

    Raises:
        SourceRefusedError: X does not accept a rule, or there is no room for it.
        IngestError: X could not be reached.
    """
    present = await _present(client)
    ours = [rule for rule in present if rule.tag.startswith(TAG_PREFIX)]
    if len(ours) < len(present):
        _LOG.warning(
            "%d rules of others share this app; their posts are paid for and dropped", len(present) - len(ours)
        )
    wanted = {(rule.tag, rule.value) for rule in rules}
    missing = [rule for rule in rules if (rule.tag, rule.value) not in {(set_.tag, set_.value) for set_ in ours}]
    surplus = [rule.id for rule in ours if (rule.tag, rule.value) not in wanted]
    if surplus:  # first, because X refuses a rule whose value exists already under another tag
        await _change(client, {"delete": {"ids": surplus}})
    if missing:
        await _change(client, {"add": [{"value": rule.value, "tag": rule.tag} for rule in missing]})
    _LOG.info("rules: %d in force, %d added, %d deleted", len(rules), len(missing), len(surplus))


async def _present(client: XClient) -> list[_SetRule]:
    present: list[_SetRule] = []
    parameters: dict[str, str] = {}
    while True:
        page = _decoded(await client.get(_PATH, parameters))
        present.extend(page.data)
        if page.meta.next_token is None:
            return present
        parameters = {"pagination_token": page.meta.next_token}


async def _change(client: XClient, document: dict[str, Any]) -> None:
    summary = _decoded(await client.post(_PATH, document)).meta.summary
    refused = {
        name: count for name, count in summary.items() if name in {"invalid", "not_created", "not_deleted"} and count
    }
    if refused:
        raise SourceRefusedError(f"X does not accept the rules: {refused}")


def _decoded(body: bytes) -> _Rules:
    try:
        return msgspec.json.decode(body, type=_Rules)
    except msgspec.MsgspecError as error:
        raise HttpFaultError(200, "the answer about rules cannot be read") from error
