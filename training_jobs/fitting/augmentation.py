"""Tweets made up for training: disguised copies of real ones, and sentences about groups of people and to single ones.

A model that has only seen groups named in attacks takes the name for the attack. So it is also shown people of many
groups doing ordinary things, people who like them or stand up for them, and ordinary tweets without any group (all
harmless), and people who speak of abuse to condemn, deny or report it; and attacks and threats, lest it learn that a
group's name is always harmless, and that what its training data has little of is none. Beside cruelty to one person,
which often has no bad word, stand praise, comfort and teasing on the same subjects. Many of these sentences stand
beside an ordinary one, as they do in tweets, so that neither length nor a word by the way decides what a tweet is. All
of it comes from a seed. The terms and templates are none of those by which models are tested
(``training_jobs.evaluation``).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from moderation.labels import HARMLESS, Label
from training_jobs.fitting.disguises import disguise
from training_jobs.fitting.phrases import OF_THE_GROUP, Kind, fill, grammar, prominence


class MadeUp(NamedTuple):
    """Tweets for training.

    Attributes:
        texts: raw tweets.
        labels: as many.
        weights: as many; how much each counts beside a real tweet's 1.
        origins: as many; the index of the real tweet that it is a copy of, or below zero, one number for each template.
    """

    texts: list[str]
    labels: list[Label]
    weights: list[float]
    origins: list[int]

    def add(self, text: str, label: Label, weight: float, origin: int) -> None:
        """Add a tweet."""
        self.texts.append(text)
        self.labels.append(label)
        self.weights.append(weight)
        self.origins.append(origin)


DISGUISED_SHARE: Final = 0.25
DISGUISED_WEIGHT: Final = 0.4

_FULL_SCALE: Final = 20_000
"""Beside fewer real tweets than this, fewer sentences are made, in proportion."""

_LEAST_SCALE: Final = 0.1
"""But a tenth at least: a few hundred tweets alone teach next to nothing about groups."""

_SMALL_LETTERS: Final = 0.4
"""The share of sentences that begin with a small letter and have no other capitals."""


_IN_COMPANY: Final = 0.6
"""The share of sentences that stand beside another. Attacks in unknown words are told from harmless sentences better
than with .35, and with .35 much better than with none; .8 is no better."""

_POWER_IN_ATTACKS: Final = 0.5
_POWER_OTHERWISE: Final = 0.75
"""See :func:`training_jobs.fitting.phrases.prominence`: a group that tweets attack often is shown in ordinary life more
often than in attacks. With 0.75 for both, and linear models that heeded made-up sentences less, attacks on rarely named
groups were caught five points less often, and a quarter more harmless sentences about often named ones flagged."""

_BETWEEN: Final = (". ", ". ", " ", ", ", " - ", "! ", "... ", "\n")


def make_up(texts: Sequence[str], labels: Sequence[Label], seed: int) -> MadeUp:
    """Tweets to train on beside the real ones, in proportion to them.

    Args:
        texts: real tweets.
        labels: as many.
        seed: the same seed gives the same tweets.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    made = MadeUp([], [], [], [])
    for place in sorted(chance.sample(range(len(texts)), int(DISGUISED_SHARE * len(texts)))):
        made.add(disguise(texts[place], chance), labels[place], DISGUISED_WEIGHT, place)
    scale = min(1.0, max(_LEAST_SCALE, len(texts) / _FULL_SCALE))
    in_attacks, otherwise = prominence(texts, _POWER_IN_ATTACKS), prominence(texts, _POWER_OTHERWISE)
    template_number = -1
    for kind in grammar().kinds:
        for template in kind.templates:
            for label, group in _labels(kind):
                names = otherwise if label == HARMLESS else in_attacks
                for _ in range(_times(kind, scale, chance)):
                    text = _in_company(_cased(fill(template, chance, group, names), chance), chance)
                    made.add(text, label, kind.weight, template_number)
            template_number -= 1
    return made


def _times(kind: Kind, scale: float, chance: random.Random) -> int:
    """How many sentences to make of a template, as many on average as the scale says."""
    whole, part = divmod(kind.times * scale, 1)
    return int(whole) + (part > 0 and chance.random() < part)


def _labels(kind: Kind) -> Iterable[tuple[Label, Label | None]]:
    """The classes of a kind's sentences, and of the groups that these name; None for any group."""
    if kind.label == OF_THE_GROUP:
        return [(label, label) for label in grammar().groups]
    return [(Label(kind.label), None)]


def _in_company(text: str, chance: random.Random) -> str:
    """A sentence, beside another that is harmless and names no group if chance has it so."""
    if chance.random() >= _IN_COMPANY:
        return text
    kinds = grammar().kinds
    kind = chance.choices(kinds, [kind.company for kind in kinds])[0]
    other = _cased(fill(chance.choice(kind.templates), chance), chance)
    first, second = (text, other) if chance.random() < 0.5 else (other, text)  # noqa: PLR2004 - either is as likely
    return first + (chance.choice(_BETWEEN) if first[-1].isalnum() else " ") + second


def _cased(text: str, chance: random.Random) -> str:
    return text.lower() if chance.random() < _SMALL_LETTERS else text[0].upper() + text[1:]
