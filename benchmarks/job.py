"""What a process that takes one measurement is told. Light to import: it stands in every cold start."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

Values = dict[str, float]
"""What one measurement came to: figures by name, the unit at the end of the name."""


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        rounds: of each measurement; the medians are reported.
        sizes: tweets a batch, one column of the tables of layers each.
        tweets: that go through our handler in batches, one after the other.
        slow_tweets: the same for those whose rate does not depend on how many there are.
        single_tweets: that are handed over one by one.
        characters: of an adversarial tweet.
        posts: that the tweet source delivers.
        windows: verdicts in a window that the monitoring reports on; each once.
        rounds_of_stages: of what takes its time: the tweet source and the local stage.
    """

    rounds: int = 5
    sizes: tuple[int, ...] = (1, 100, 1_000, 10_000)
    tweets: int = 10_000
    slow_tweets: int = 1_000
    single_tweets: int = 300
    characters: int = 10_000
    posts: int = 50_000
    windows: tuple[int, ...] = (1_000, 10_000, 100_000)
    rounds_of_stages: int = 3


FULL: Final = Scale()
QUICK: Final = Scale(
    rounds=2,
    sizes=(1, 100, 1_000),
    tweets=2_000,
    slow_tweets=300,
    posts=10_000,
    windows=(1_000,),
    rounds_of_stages=1,
)


@dataclass(frozen=True)
class Job:
    """What to measure on.

    Attributes:
        folders: of the models: ``ours``, ``study`` and ``original``.
        texts: a JSON file with a list of tweets, as many as the scale asks for.
        scale: how much to measure.
    """

    folders: dict[str, str]
    texts: str
    scale: Scale = FULL

    def read_texts(self, number: int) -> list[str]:
        """The first so many tweets."""
        texts: list[str] = json.loads(Path(self.texts).read_text(encoding="utf-8"))
        return texts[:number]

    def write(self, file: Path) -> None:
        """Write it for :func:`read`."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read(file: Path) -> Job:
    """Read what :meth:`Job.write` wrote."""
    fields = json.loads(file.read_text(encoding="utf-8"))
    scale = fields.pop("scale")
    lists = {name: tuple(value) for name, value in scale.items() if isinstance(value, list)}
    return Job(**fields, scale=Scale(**{**scale, **lists}))
