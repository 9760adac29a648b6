"""`python -m moderation classify --model DIR`: tweets in, verdicts out, as JSON lines.

Lines on standard input are tweet events, lines on standard output classification events, in the same order. A line
that is not a tweet event yields an error event ``{"error": {"line", "reason", "detail"}}`` in its place, and the run
goes on.

Exit codes: 0 all lines have a verdict; 1 some lines yielded errors; 2 wrong usage, or the model cannot be loaded;
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from moderation.classifier import Classifier
from moderation.errors import BadArtefactError, PoisonRecordError
from moderation.messages import TweetEvent, decode_tweet_event, encode
from moderation.model import load

_BATCH: Final = 1000
_FAULTY_LINES: Final = 1
_UNUSABLE: Final = 2
_INTERRUPTED: Final = 130


class LineError(msgspec.Struct, frozen=True):
    """What was wrong with a line: its number, counted from 1, the kind of fault and a sentence."""

    line: int
    reason: str
    detail: str


class ErrorEvent(msgspec.Struct, frozen=True):
    """What stands in the output for a line that got no verdict."""

    error: LineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        classifier = Classifier(load(options.model), version=options.version, explain=options.explain)
    except BadArtefactError as error:
        print(f"{options.model} cannot be used: {error}", file=sys.stderr)
        return _UNUSABLE
    try:
        return _classify(classifier, sys.stdin.buffer, sys.stdout.buffer, options.batch)
    except BrokenPipeError:
        # The reader has seen enough. Python would complain once more when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moderation", description="Classify tweets without a cloud.")
    commands = parser.add_subparsers(required=True, metavar="command")
    classify = commands.add_parser(
        "classify",
        help="tweet events on standard input, verdicts on standard output",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    classify.add_argument("--model", type=Path, required=True, metavar="DIR", help="the artefact's folder")
    classify.add_argument("--version", default="local", help="what verdicts call the model's version (%(default)s)")
    classify.add_argument(
        "--batch", type=_positive, default=_BATCH, metavar="N", help="tweets scored at once (%(default)s)"
    )
    classify.add_argument("--no-explain", dest="explain", action="store_false", help="leave the reasons out: faster")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _classify(classifier: Classifier, lines: BinaryIO, output: BinaryIO, size: int) -> int:
    faulty = False
    for first, batch in _batches(lines, size):
        decoded = [_decode(line, number) for number, line in enumerate(batch, start=first)]
        verdicts = iter(classifier.classify([item for item in decoded if isinstance(item, TweetEvent)]))
        for item in decoded:
            if isinstance(item, ErrorEvent):
                faulty = True
                output.write(msgspec.json.encode(item) + b"\n")
            else:
                output.write(encode(next(verdicts)) + b"\n")
        output.flush()
    return _FAULTY_LINES if faulty else 0


def _batches(lines: BinaryIO, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Runs of lines with the number of the first, counted from 1. Whatever a pipe holds is not waited beyond."""
    first = 1
    while batch := list(islice(lines, size)):
        yield first, batch
        first += len(batch)


def _decode(line: bytes, number: int) -> TweetEvent | ErrorEvent:
    try:
        return decode_tweet_event(line.strip())
    except PoisonRecordError as error:
        return ErrorEvent(LineError(number, error.rejection.value, error.detail))


if __name__ == "__main__":
    sys.exit(main())
