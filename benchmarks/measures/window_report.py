"""The monitoring's report on a window of verdicts, as its job makes it, by the number of verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from benchmarks.clock import watched
from benchmarks.job import Values
from benchmarks.sides import OURS, record
from moderation import model
from moderation.classifier import Classifier
from moderation.labels import LABELS
from moderation.messages import Tweet, TweetEvent, encode
from moderation.reference import REFERENCE_FILE, reference_verdicts, write_reference

if TYPE_CHECKING:
    from benchmarks.results import Results

_TWEETS_FILE: Final = "tweets.jsonl"
_VERDICTS_FILE: Final = "verdicts.jsonl"


class NoReportError(Exception):
    """The report was not written."""


def write_window(artefact: Path, texts: Sequence[str], number: int, folder: Path) -> None:
    """Write a reference, and a window of so many verdicts; the texts come again and again, the identifiers do not.

    Args:
        artefact: of the model that makes the verdicts.
        texts: of the tweets.
        number: how many verdicts.
        folder: made for the files.
    """
    folder.mkdir(exist_ok=True)
    loaded = model.load(artefact)
    scores = loaded.score(texts)
    labels = [LABELS[column] for column in np.argmax(scores, axis=1).tolist()]
    write_reference(folder / REFERENCE_FILE, reference_verdicts(texts, labels, scores, loaded.manifest.thresholds))
    verdicts = Classifier(loaded, version="1").classify([TweetEvent("", Tweet(text)) for text in texts])
    with (folder / _TWEETS_FILE).open("wb") as tweets, (folder / _VERDICTS_FILE).open("wb") as out:
        for place in range(number):
            text, verdict = texts[place % len(texts)], verdicts[place % len(texts)]
            prediction = msgspec.structs.replace(verdict.prediction, tweet_id=f"tweet-{place}")
            out.write(encode(msgspec.structs.replace(verdict, prediction=prediction)) + b"\n")
            tweets.write(record(f"tweet-{place}", text) + b"\n")


def measure(folder: Path, number: int, environment: Mapping[str, str] = os.environ) -> Values:
    """Report on the window in a folder.

    Args:
        folder: what :func:`write_window` wrote.
        number: how many verdicts are in it.
        environment: of the program.

    Raises:
        NoReportError: it failed.
    """
    log = folder / "report.log"
    started = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "monitoring", "report", "--reference", str(folder / REFERENCE_FILE)),
                *("--current", str(folder / _VERDICTS_FILE), "--tweets", str(folder / _TWEETS_FILE)),
                *("--out", str(folder / "report")),
            ],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        cpu, memory = watched(process)
    if process.returncode:
        raise NoReportError(f"the report on {number} verdicts failed:\n{log.read_text()[-1_000:]}")
    seconds = time.perf_counter() - started
    return {f"{number}_s": seconds, f"{number}_cpu_s": cpu, f"{number}_mb": memory}


def lines(results: Results) -> Iterator[str]:
    """A line per size of window."""
    from benchmarks.results import number, table  # noqa: PLC0415 - it imports nothing heavy, but is not needed to measure

    sizes = sorted({int(name.split("_")[0]) for what, _, name in results.values if what == "window_report"})

    def cells(size: int) -> Iterator[str]:
        yield f"{size:,}"
        yield from (
            number(results.median("window_report", OURS, f"{size}_{figure}")) for figure in ("s", "cpu_s", "mb")
        )

    head = ["verdicts in the window", "whole program (s)", "processor time (s)", "most memory (MB)"]
    yield from table(head, (list(cells(size)) for size in sizes))
