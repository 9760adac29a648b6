"""Sentences about groups of people: harmless ones, of which none may be flagged, and attacks, which must be caught.

Terms and templates are none of those in ``training_jobs.fitting.augmentation``; a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ADJECTIVES: Final[Mapping[str, tuple[str, ...]]] = {
    "religion": ("Sikh", "Buddhist", "Methodist", "Orthodox", "Quaker", "Sunni"),
    "ethnicity": ("Nigerian", "Korean", "Turkish", "Somali", "Vietnamese", "Brazilian", "Kurdish", "Native American"),
    "gender": ("lesbian", "transgender", "non-binary", "heterosexual", "divorced", "widowed"),
    "age": ("retired", "adolescent", "fifty-year-old", "preschool"),
}
"""Words for groups, by what they are groups of."""

PLURALS: Final[Mapping[str, tuple[str, ...]]] = {
    "religion": ("Sikhs", "Buddhists", "Methodists", "Sunnis"),
    "ethnicity": ("Nigerians", "Koreans", "Turks", "Somalis", "Vietnamese people", "Kurds"),
    "gender": ("lesbians", "transgender people", "wives", "ladies"),
    "age": ("pensioners", "adolescents", "grandmothers", "toddlers"),
}
"""The same for members of groups."""

_HARMLESS: Final = (
    "My {adjective} aunt made soup for the whole street",
    "A {adjective} cyclist won the race yesterday",
    "Our {adjective} dentist is moving to a bigger office",
    "Saw a {adjective} comedian last night, very funny",
    "The {adjective} lady at the bakery knows everybody's name",
    "a {adjective} engineer gave the opening talk",
    "My cousin is {adjective} and teaches maths",
    "I'm {adjective}, nice to meet you all",
)
_HARMLESS_PLURAL: Final = (
    "Some {plural} from our choir are singing on Sunday",
    "The library has a new shelf of stories by {plural}",
    "{plural} were among the visitors of the science fair",
    "Lunch with three {plural} and a lot of laughter",
)
_ATTACKS: Final = (
    "{plural} are scum and should all be deported",
    "I can't stand {plural}, what a bunch of idiots",
    "fuck all {plural}, they are garbage",
    "{plural} are the most stupid people on earth",
    "somebody should shoot those damn {plural}",
    "{plural} are a disease, send them away",
    "every one of these {plural} is a bitch",
    "lol {plural} are retarded and ugly",
)


def harmless() -> list[tuple[str, str]]:
    """Harmless sentences, each with the kind of group that it names."""
    singular = [(s.format(adjective=a), kind) for kind, terms in ADJECTIVES.items() for a in terms for s in _HARMLESS]
    plural = [(s.format(plural=p), kind) for kind, terms in PLURALS.items() for p in terms for s in _HARMLESS_PLURAL]
    return singular + plural


def attacks() -> list[tuple[str, str]]:
    """Attacks, each with the kind of group that it names."""
    return [(s.format(plural=p), kind) for kind, terms in PLURALS.items() for p in terms for s in _ATTACKS]
