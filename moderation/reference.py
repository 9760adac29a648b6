"""What the champion said of tweets whose class is known: the data its later behaviour is held against.

Evaluation writes the file beside the model (the verdicts come from the model that never saw these tweets), promotion
copies it with the artefact, and monitoring compares what is being classified now with it. It holds tweets, so it
belongs only where the labelled tweets themselves may lie.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.labels import LABELS, Label
from moderation.messages import Decision
from moderation.policy import DECISIONS, Thresholds, decide

REFERENCE_FILE: Final = "reference.jsonl.gz"
"""The file's name, in the folder of the artefact."""

_GZIP_MAGIC: Final = b"\x1f\x8b"


class ReferenceVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """One labelled tweet and the verdict on it."""

    text: str
    label: Label
    classification: Label
    confidence: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    decision: Decision
    lang: str | None = None


def reference_verdicts(
    texts: Iterable[str], labels: Iterable[Label], scores: NDArray[np.floating], thresholds: Thresholds
) -> Iterator[ReferenceVerdict]:
    """The verdicts on a validation set.

    Args:
        texts: the tweets, raw.
        labels: their true classes.
        scores: shape (tweets, classes), calibrated, columns in the order of ``LABELS``, of a model that was not
            fitted on these tweets.
        thresholds: of the model that made the scores.
    """
    classes, decisions = decide(scores, thresholds)
    confidences = scores[np.arange(len(scores)), classes]
    for text, label, column, confidence, decision in zip(texts, labels, classes, confidences, decisions, strict=True):
        yield ReferenceVerdict(
            text=text,
            label=label,
            classification=LABELS[int(column)],
            confidence=min(1.0, max(0.0, float(confidence))),
            decision=DECISIONS[int(decision)],
        )


def write_reference(path: Path, verdicts: Iterable[ReferenceVerdict]) -> int:
    """Write a reference file: JSON lines, compressed, the same bytes for the same verdicts.

    Returns:
        How many verdicts were written.
    """
    count = 0
    encoder = msgspec.json.Encoder()
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
        for count, verdict in enumerate(verdicts, start=1):  # noqa: B007 - the last count is the result
            file.write(encoder.encode(verdict) + b"\n")
    return count


def read_reference(file: IO[bytes]) -> Iterator[ReferenceVerdict]:
    """Read a reference file, compressed or not, one verdict at a time.

    Args:
        file: opened for reading bytes, seekable.

    Raises:
        BadArtefactError: a line is not a reference verdict, or the file is cut off. No line is quoted.
    """
    compressed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    lines: Iterable[bytes] = gzip.GzipFile(fileobj=file, mode="rb") if compressed else file
    decoder = msgspec.json.Decoder(ReferenceVerdict)
    number = 0
    try:
        for number, line in enumerate(lines, start=1):  # noqa: B007 - the failures name it
            if line.strip():
                yield decoder.decode(line)
    except msgspec.DecodeError:
        raise BadArtefactError(f"line {number} of the reference is not a verdict") from None
    except (EOFError, OSError) as error:
        raise BadArtefactError(f"the reference is damaged after line {number}: {type(error).__name__}") from error
