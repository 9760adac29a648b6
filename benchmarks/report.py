"""How long a drift report takes, and how much memory, by the number of verdicts in its window.

``python -m benchmarks.report 1000 10000 100000`` writes an archive of that size into a temporary folder, runs
``python -m monitoring report`` on it in a process of its own, and prints a row of a table for each.
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from local import dataset, paths
from local.shift import shifted
from moderation.labels import LABELS
from moderation.messages import ClassificationEvent, Decision, Prediction, Tweet, TweetEvent, encode, timestamp
from moderation.reference import REFERENCE_FILE, ReferenceVerdict, write_reference
from monitoring.archive import TWEETS, VERDICTS, partition

_REFERENCE_ROWS: Final = 5_000
_LABELLED: Final = 5_000
_LINES_PER_OBJECT: Final = 10_000
_SEED: Final = 3
_MEGABYTE: Final = 1024
"""Kilobytes, in which Linux counts the most memory of a process."""


@dataclass(frozen=True)
class Taken:
    """What one report took: seconds on the clock, seconds of processors, and most memory in MB."""

    seconds: float
    cpu: float
    memory: float


def measure(verdicts: int) -> Taken:
    """Make a report on a window of so many verdicts.

    Raises:
        subprocess.CalledProcessError: the report failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, end = Path(name), datetime.now(UTC)
        _write(folder, verdicts, end)
        command = [sys.executable, "-m", "monitoring", "report", "--reference", str(folder / REFERENCE_FILE)]
        command += ["--current", str(folder / "archive"), "--labels", str(folder / "labels.csv"), "--hours", "24"]
        command += ["--end", end.isoformat(), "--out", str(folder / "report")]
        began = time.monotonic()
        with (folder / "said").open("wb") as said:
            # Not waited for by subprocess: only wait4 tells what one child alone has used.
            pid = os.posix_spawn(
                command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
            )
            _, status, used = os.wait4(pid, 0)
        seconds = time.monotonic() - began
        code = os.waitstatus_to_exitcode(status)
        if code:
            raise subprocess.CalledProcessError(code, command, stderr=(folder / "said").read_text())
    return Taken(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / _MEGABYTE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each size that is named; returns 0."""
    sizes = [int(size) for size in (sys.argv[1:] if arguments is None else arguments)]
    print("| verdicts in the window | whole run (s) | CPU (s) | most memory (MB) |\n|---:|---:|---:|---:|")
    for size in sizes:
        taken = measure(size)
        print(f"| {size:,} | {taken.seconds:.1f} | {taken.cpu:.1f} | {taken.memory:.0f} |", flush=True)
    return 0


def _write(folder: Path, verdicts: int, end: datetime) -> None:
    """A reference of the sample's tweets, a window of others, and the true classes of some of them."""
    chance = random.Random(_SEED)  # noqa: S311 - no secret depends on it
    sample = dataset.read(paths.ROOT / "sample" / "tweets.csv")
    reference = [
        ReferenceVerdict(row.text, row.label, row.label, chance.uniform(0.6, 1.0), Decision.PASS)
        for row in chance.choices(sample, k=_REFERENCE_ROWS)
    ]
    write_reference(folder / REFERENCE_FILE, reference)
    rows = chance.choices(shifted(300), k=verdicts)
    moment = end - timedelta(hours=1)
    tweets = (encode(TweetEvent(f"t{number}", Tweet(row.text), lang=row.lang)) for number, row in enumerate(rows))
    said = (_verdict(f"t{number}", chance, moment) for number in range(verdicts))
    for stream, lines in ((TWEETS, list(tweets)), (VERDICTS, list(said))):
        target = folder / "archive" / partition(stream, moment)
        target.mkdir(parents=True)
        for start in range(0, verdicts, _LINES_PER_OBJECT):
            body = b"\n".join(lines[start : start + _LINES_PER_OBJECT])
            (target / f"{start}.jsonl.gz").write_bytes(gzip.compress(body, 1))
    labels = (f"t{number},{row.label.value}" for number, row in enumerate(rows[:_LABELLED]))
    (folder / "labels.csv").write_text("\n".join(("tweet_id,label", *labels)))


def _verdict(tweet_id: str, chance: random.Random, moment: datetime) -> bytes:
    label, confidence = chance.choice(LABELS), chance.uniform(0.3, 1.0)
    scores = {one: confidence if one is label else (1 - confidence) / (len(LABELS) - 1) for one in LABELS}
    prediction = Prediction(tweet_id, label, confidence, scores, Decision.REFER)
    event = ClassificationEvent(
        schema_version=1, model="cyberbullying", version="1", prediction=prediction, classified_at=timestamp(moment)
    )
    return encode(event)


if __name__ == "__main__":
    sys.exit(main())
