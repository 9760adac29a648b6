"""The layers of our handler, each alone, and the whole of it, by batch size; cold and warm, beside the other two.

*Cold*: the model has just been loaded and has met no word. *Warm*: it has met every word of the batch before. A process
that serves lies between the two, nearer to warm the longer it runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.clock import milliseconds
from benchmarks.job import Job, Values
from benchmarks.sides import ORIGINAL, STUDY, TITLES, Call, Ours, Side, open_side

if TYPE_CHECKING:
    from benchmarks.results import Results

NORMALISER: Final = "normaliser"
FEATURES: Final = "features"
SCORER: Final = "scorer"
SILENT: Final = "handler_without_reasons"
HANDLER: Final = "handler"
_TITLES: Final = {
    NORMALISER: "normaliser: text to words",
    FEATURES: "features: words to hashes",
    SCORER: "scorer: normaliser, features, scores, calibration",
    SILENT: "handler without reasons",
    HANDLER: "handler",
    STUDY: TITLES[STUDY],
    ORIGINAL: TITLES[ORIGINAL],
}
SIDES: Final = tuple(_TITLES)
_REMEMBER_NOTHING: Final = (FEATURES, STUDY, ORIGINAL)
"""Those for which it makes no difference what was met before."""

_TWEETS: Final = 10_000
"""That each warm figure is taken from, in so many batches as that makes; fewer of small ones, more of the largest."""

_SLOW_TWEETS: Final = 1_000
_CALLS: Final = (3, 300)
"""Batches that are timed, at least and at most."""

_COLD_STARTS: Final = {1: 20, 100: 10, 1_000: 3}
"""How often the model is loaded for a batch of that size; once for larger ones."""


class Normaliser:
    """Reading raw text, as the scorer does: with a memory of what pieces of text became."""

    def __init__(self, folder: Path) -> None:
        from moderation import model  # noqa: PLC0415 - the other sides do without it

        self._normaliser = model.load(folder).normaliser
        self.fresh()

    def fresh(self) -> None:
        """Forget every piece of text."""
        from moderation.reading import Reader  # noqa: PLC0415

        self._reader = Reader(self._normaliser)

    def prepared(self, texts: Sequence[str]) -> Call:
        """Read a batch."""
        tweets = list(texts)
        return lambda: self._reader.read(tweets)


class Features:
    """Hashing every distinct word of a batch with its n-grams, and the pairs of neighbours."""

    def __init__(self, folder: Path) -> None:
        from moderation import model  # noqa: PLC0415

        loaded = model.load(folder)
        self._normaliser, self._settings = loaded.normaliser, loaded.manifest.features

    def fresh(self) -> None:
        """There is nothing to forget."""

    def prepared(self, texts: Sequence[str]) -> Call:
        """Hash the words of a batch; they are read by now."""
        from moderation.features import pair_features, word_features  # noqa: PLC0415
        from moderation.reading import Reader  # noqa: PLC0415

        reader = Reader(self._normaliser)
        reading = reader.read(list(texts))

        def hashed() -> object:
            features = word_features(reader.words, self._settings)
            return features, pair_features(reading.tweets, features.hashes[reading.words], self._settings)

        return hashed


class Scorer:
    """From raw text to calibrated probabilities."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fresh()

    def fresh(self) -> None:
        """Load the model anew."""
        from moderation import model  # noqa: PLC0415

        self._model = model.load(self._folder)

    def prepared(self, texts: Sequence[str]) -> Call:
        """Score a batch."""
        tweets = list(texts)
        return lambda: self._model.score(tweets)


def measure(side: str, job: Job, started: float) -> Values:
    """Milliseconds a batch, for each size."""
    del started
    layer = _open(side, job)
    texts = job.read_texts(max(job.scale.sizes))
    values = {}
    for size in job.scale.sizes:
        batches = [texts[first : first + size] for first in range(0, len(texts) - size + 1, size)]
        if side not in _REMEMBER_NOTHING:
            values[f"cold_{size}_ms"] = _cold(layer, batches, _COLD_STARTS.get(size, 1))
        values[f"warm_{size}_ms"] = _warm(layer, batches, _calls(side, size))
    if side == FEATURES:  # what it does is what a word costs that was not met before
        values = {name.replace("warm", "cold"): value for name, value in values.items()}
    return values


def _open(side: str, job: Job) -> Side:
    if side in {STUDY, ORIGINAL}:
        return open_side(side, job)
    folder = Path(job.folders["ours"])
    if side in {SILENT, HANDLER}:
        return Ours(folder, explain=side == HANDLER)
    kinds: dict[str, type[Normaliser | Features | Scorer]] = {
        NORMALISER: Normaliser,
        FEATURES: Features,
        SCORER: Scorer,
    }
    return kinds[side](folder)


def _calls(side: str, size: int) -> int:
    """How many batches are timed; of the slow sides, whose rate depends on the size alone, fewer large ones."""
    least, most = _CALLS
    if side in {STUDY, ORIGINAL}:
        return max(1, min(_SLOW_TWEETS // size, most))
    return max(least, min(_TWEETS // size, most))


def _cold(layer: Side, batches: Sequence[Sequence[str]], starts: int) -> float:
    """The median of the first call after loading."""
    taken = []
    for number in range(starts):
        layer.fresh()
        taken.append(milliseconds(layer.prepared(batches[number % len(batches)])))
    return statistics.median(taken)


def _warm(layer: Side, batches: Sequence[Sequence[str]], calls: int) -> float:
    """The median of calls with batches that it has classified before."""
    prepared = [layer.prepared(batch) for batch in batches[:calls]]
    for call in prepared:
        call()
    return statistics.median(milliseconds(prepared[number % len(prepared)]) for number in range(calls))


def lines(results: Results) -> Iterator[str]:
    """A table of warm batches, one of cold ones, and what the reasons cost."""
    sizes = sorted({int(name.split("_")[1]) for what, _, name in results.values if what == "layers"})
    for state, title in (("warm", "words met before"), ("cold", "no word met before")):
        from benchmarks.results import table  # noqa: PLC0415 - processes that measure do without it

        sides = [side for side in SIDES if results.median("layers", side, f"{state}_{sizes[0]}_ms") is not None]
        rows = ([_TITLES[side], *(_cell(results, side, state, size) for size in sizes)] for side in sides)
        yield from table([f"{state}: {title}", *(f"a batch of {size:,}" for size in sizes)], rows)
        yield ""
    yield _cost_of_reasons(results, sizes)


def _cell(results: Results, side: str, state: str, size: int) -> str:
    from benchmarks.results import number  # noqa: PLC0415

    taken = results.median("layers", side, f"{state}_{size}_ms")
    return "" if taken is None else f"{number(size / taken * 1000.0)}/s ({number(taken)} ms)"


def _cost_of_reasons(results: Results, sizes: Sequence[int]) -> str:
    shares = []
    for size in sizes:
        silent, whole = (results.median("layers", side, f"warm_{size}_ms") for side in (SILENT, HANDLER))
        if silent and whole:
            shares.append(f"{(whole - silent) / silent:+.0%} for a batch of {size:,}")
    return f"What the reasons add to the time of a warm handler: {', '.join(shares)}."
