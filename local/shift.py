"""Tweets that are not what the champion was validated on: other languages, another topic, longer posts.

They are put together from sentences that were written for this project (``sample/shift.json``), mild like the sample.
Each is one sentence of a known class amid talk of a strike and a cup final, so its label is known as well.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import cycle, islice
from typing import Final

from local import paths
from local.dataset import Row
from moderation.labels import LABELS

SENTENCES: Final = paths.ROOT / "sample" / "shift.json"
CHATTER: Final = "chatter"

_SEED: Final = 11
_CHATTER_EACH: Final = (2, 3)
"""At least and at most so many sentences of chatter in a post."""


def shifted(number: int) -> list[Row]:
    """Labelled tweets, classes and languages in equal shares; the same ones every time."""
    chance = random.Random(_SEED)  # noqa: S311 - no secret depends on it
    languages = sorted(_sentences())
    pairs = cycle((label, language) for label in LABELS for language in languages)
    return [
        Row(_post(chance, _sentences()[language], label.value), label, language)
        for label, language in islice(pairs, number)
    ]


def _post(chance: random.Random, sentences: Mapping[str, Sequence[str]], label: str) -> str:
    chatter = chance.sample(sentences[CHATTER], chance.randint(*_CHATTER_EACH))
    chatter.insert(chance.randrange(len(chatter) + 1), chance.choice(sentences[label]))
    return " ".join(chatter)


@cache
def _sentences() -> Mapping[str, Mapping[str, Sequence[str]]]:
    found: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(SENTENCES.read_text(encoding="utf-8"))
    return found
