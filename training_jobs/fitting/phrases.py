"""Sentences from the grammar in ``phrases.toml``: its kinds, and how a template is filled."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from moderation.labels import Label

OF_THE_GROUP: Final = "group"
"""A kind with this for a label has the label of the group that is named."""

_SLOT: Final = re.compile(r"\{(\w+)\}")
_MEMBER: Final = "member"
_MEMBERS: Final = "members"

Words = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of people, by what makes them a group.

    Attributes:
        members: adjectives of one of them.
        plurals: of several.
    """

    members: Words
    plurals: Words


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences that do one thing.

    Attributes:
        name: what they do.
        label: their class, or :data:`OF_THE_GROUP`.
        weight: how much one counts beside a real tweet's 1.
        times: how many are made of each template; of each group, if the label is that of the group.
        templates: with slots.
    """

    name: str
    label: str
    weight: float
    times: int
    templates: Words


class Grammar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        words: what a slot may be filled with.
        groups: by label.
        kinds: in the order of the file.
    """

    words: Mapping[str, Words]
    groups: Mapping[Label, Group]
    kinds: tuple[Kind, ...]


@cache
def grammar() -> Grammar:
    """The grammar, read once."""
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return msgspec.convert(read, Grammar, strict=False)


def fill(template: str, chance: random.Random, label: Label | None = None) -> str:
    """A sentence.

    Args:
        template: with slots.
        chance: what chooses the words.
        label: that of the groups which are named; each is of any if None.

    Raises:
        KeyError: there are no words for a slot.
    """

    def word(slot: re.Match[str]) -> str:
        name = slot.group(1)
        if name not in (_MEMBER, _MEMBERS):
            return chance.choice(grammar().words[name])
        group = grammar().groups[label or chance.choice(list(grammar().groups))]
        return chance.choice(group.members if name == _MEMBER else group.plurals)

    return _SLOT.sub(word, template)
