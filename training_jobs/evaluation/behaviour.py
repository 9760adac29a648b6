"""What a model must do whatever it was trained on, and how often it does.

Three kinds of expectation, after Ribeiro et al., "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"
(ACL 2020): what does not change the meaning does not change the decision (invariance); what makes a tweet worse makes
it worse for the model (direction); and what anybody would decide is decided that way (minimum function).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_jobs.evaluation import sentences
from training_jobs.evaluation.findings import Behaviour
from training_jobs.evaluation.judge import Judge

INVARIANCE: Final = "invariance"
DIRECTION: Final = "direction"
MINIMUM_FUNCTION: Final = "minimum function"

_USER: Final = re.compile(r"@\w+")
_LINK: Final = re.compile(r"https?://\S+")

Change = Callable[[str], str]


def _ended(text: str) -> str:
    """With a full stop at its end; without, if there is one."""
    text = text.rstrip()
    return text[:-1] if text.endswith(".") else f"{text}."


def _renamed(text: str) -> str:
    return _LINK.sub("https://example.com/a1", _USER.sub("@somebody_else_example", text))


HARMLESS_CHANGES: Final[dict[str, tuple[str, Change]]] = {
    "capital letters": ("written in capital letters, a tweet is decided as before", str.upper),
    "small letters": ("written in small letters, a tweet is decided as before", str.lower),
    "other names and links": ("with other user names and links for its own, a tweet is decided as before", _renamed),
    "a user name added": ("said to somebody, a tweet is decided as before", lambda text: f"@another_example {text}"),
    "a link added": (
        "with a link at its end, a tweet is decided as before",
        lambda text: f"{text} https://example.com/b2",
    ),
    "a full stop": ("with a full stop put or taken away at its end, a tweet is decided as before", _ended),
    "wider blanks": ("with wider blanks, a tweet is decided as before", lambda text: text.replace(" ", "  ")),
}
"""Changes after which a tweet means what it meant."""


def behaviours(judge: Judge, texts: Sequence[str]) -> list[Behaviour]:
    """Try everything.

    Args:
        judge: the model.
        texts: tweets that it has not seen, of any class, for the changes that any tweet can undergo; at least one.
    """
    return [*invariance(judge, texts), *direction(judge), *minimum_function(judge)]


def invariance(judge: Judge, texts: Sequence[str]) -> list[Behaviour]:
    """What does not change the meaning does not change the decision."""
    before = judge(texts).decisions
    found = [
        _behaviour(
            INVARIANCE, name, expectation, judge([change(text) for text in texts]).decisions == before, least=0.9
        )
        for name, (expectation, change) in HARMLESS_CHANGES.items()
    ]
    return [*found, _places(judge)]


def direction(judge: Judge) -> list[Behaviour]:
    """What makes a tweet worse makes it worse for the model."""
    plain = [text for text in (*sentences.EVERYDAY, *sentences.GREETINGS) for _ in sentences.ADDED_INSULTS]
    insults = [insult for _ in (*sentences.EVERYDAY, *sentences.GREETINGS) for insult in sentences.ADDED_INSULTS]
    harm = judge(plain).harm
    after = judge([f"{text}, {insult}" for text, insult in zip(plain, insults, strict=True)]).harm
    before = judge([f"{insult.capitalize()}. {text}" for text, insult in zip(plain, insults, strict=True)]).harm
    insulting, kind = (judge(list(side)).harm for side in zip(*sentences.SWAPPED, strict=True))
    return [
        _behaviour(DIRECTION, "an insult added", "an insult at the end of an everyday sentence raises the probability "
                   "of harm", after > harm, least=0.95),
        _behaviour(DIRECTION, "an insult taken out", "an everyday sentence is less likely to be harm without the "
                   "insult before it", harm < before, least=0.95),
        _behaviour(DIRECTION, "praise for an insult", "of two sentences alike but for an insult in one and praise in "
                   "the other, the insult is the likelier harm", insulting > kind, least=0.95),
    ]  # fmt: skip


def minimum_function(judge: Judge) -> list[Behaviour]:
    """What anybody would decide is decided that way."""

    def caught(name: str, texts: Sequence[str], least: float) -> Behaviour:
        return _behaviour(MINIMUM_FUNCTION, name, "is flagged or goes to a person", judge(texts).caught, least=least)

    def not_flagged(name: str, texts: Sequence[str], least: float) -> Behaviour:
        return _behaviour(MINIMUM_FUNCTION, name, "is not flagged", ~judge(texts).flagged, least=least)

    return [
        caught("a plain insult", sentences.INSULTS, 0.9),
        caught("a plain threat", sentences.THREATS, 0.9),
        not_flagged("a greeting", sentences.GREETINGS, 1.0),
        not_flagged("an everyday sentence", sentences.EVERYDAY, 1.0),
        not_flagged("criticism of a thing", sentences.CRITICISM, 0.75),
        not_flagged("swearing at nobody", sentences.SWEARING, 0.75),
        not_flagged("standing up against attacks", sentences.SUPPORT, 0.75),
    ]


def _places(judge: Judge) -> Behaviour:
    """One place for another: every sentence is to be decided as most often."""
    decided = np.array(
        [
            judge([template.format(place=place) for place in sentences.PLACES]).decisions
            for template in sentences.PLACE_TEMPLATES
        ]
    )
    usual = [np.bincount(row).argmax() for row in decided]
    same = decided == np.array(usual)[:, None]
    return _behaviour(
        INVARIANCE, "another place", "with one place named for another, a sentence is decided as before", same.ravel(),
        least=0.9,
    )  # fmt: skip


def _behaviour(kind: str, name: str, expectation: str, held: NDArray[np.bool_], *, least: float) -> Behaviour:
    return Behaviour(
        kind=kind, name=name, expectation=expectation, cases=len(held), share=float(held.mean()), least=least
    )
