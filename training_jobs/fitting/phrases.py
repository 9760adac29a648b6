"""Sentences from the grammar in the folder ``grammar``: its kinds, and how a template is filled."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from moderation.labels import Label

OF_THE_GROUP: Final = "group"
"""A kind with this for a label has the label of the group that is named."""

_SLOT: Final = re.compile(r"\{(\w+)\}")
_ARTICLE: Final = re.compile(r"\ba (?=(?!eu|once|one\b|uni|use|ut)[aeiou])", re.IGNORECASE)
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
        company: how often its sentences stand beside one of any kind, in proportion to the others'; nought for never.
    """

    name: str
    label: str
    weight: float
    times: int
    templates: Words
    company: int = 0


class Grammar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        words: what a slot may be filled with.
        groups: by label.
        kinds: in the order of the files' names and in each of the file.
    """

    words: Mapping[str, Words]
    groups: Mapping[Label, Group]
    kinds: tuple[Kind, ...]


@cache
def grammar() -> Grammar:
    """The grammar, read once: ``words.toml`` holds words and groups, every other file kinds."""
    files = sorted(Path(__file__).with_name("grammar").glob("*.toml"))
    read = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in files}
    whole = {**read.pop("words"), "kinds": [kind for kinds in read.values() for kind in kinds["kinds"]]}
    return msgspec.convert(whole, Grammar, strict=False)


def prominence(texts: Sequence[str], power: float) -> dict[str, float]:
    """How much likelier than an unknown group each is to be named in a made-up sentence.

    Tweets that attack a group teach a model that its name is harm, the more of them the more firmly; so what the name
    stands for otherwise must be shown more often, too. A power below one keeps room for those whom the tweets do not
    name at all.

    Args:
        texts: raw tweets.
        power: of one more than how often each name of a group stands in the tweets between spaces.
    """
    together = f" {' '.join(texts).lower()} "
    names = (name for group in grammar().groups.values() for name in (*group.members, *group.plurals))
    return {name: (1 + together.count(f" {name.lower()} ")) ** power for name in names}


def fill(
    template: str, chance: random.Random, label: Label | None = None, names: Mapping[str, float] | None = None
) -> str:
    """A sentence.

    Args:
        template: with slots.
        chance: what chooses the words.
        label: that of the groups which are named; each is of any if None.
        names: how likely each name of a group is, from :func:`prominence`; all the same if None.

    Raises:
        KeyError: there are no words for a slot.
    """

    def word(slot: re.Match[str]) -> str:
        name = slot.group(1)
        if name not in (_MEMBER, _MEMBERS):
            return chance.choice(grammar().words[name])
        group = grammar().groups[label or chance.choice(list(grammar().groups))]
        among = group.members if name == _MEMBER else group.plurals
        return chance.choices(among, [names[one] for one in among] if names else None)[0]

    return _ARTICLE.sub(lambda article: f"{article.group()[0]}n ", _SLOT.sub(word, template))
