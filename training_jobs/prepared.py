"""The prepared data set: what `prepare` hands to every later job.

A folder with ``tweets.jsonl`` (the rows to learn from, with group and fold), ``rejected.jsonl`` (the rows that were set
aside, each with its reason) and ``prepared.json`` (counts, the hash of the data, the run it belongs to).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.labels import Label
from training_jobs.dataset import LabelledTweet, RejectedTweet
from training_jobs.errors import InputError
from training_jobs.folds import text_hashes

TWEETS_FILE: Final = "tweets.jsonl"
REJECTED_FILE: Final = "rejected.jsonl"
SUMMARY_FILE: Final = "prepared.json"
SCHEMA_VERSION: Final = 1

REVIEWED_FOLDER: Final = "reviewed/"
"""Where, within the data set, the tweets lie that the deployment's own people have reviewed."""

T = TypeVar("T")


class PreparedTweet(msgspec.Struct, frozen=True):
    """A row to learn from, with its group of near duplicates and its fold."""

    text: str
    label: Label
    group: int
    fold: int
    file: str
    row: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or a later job wants to know of the data as a whole.

    Attributes:
        data_sha256: of the rows to learn from, whatever their order and files.
        rows: how many there are.
        read: how many rows were read.
        rejected: how many were set aside, by reason.
        groups: how many groups of near duplicates the rows form.
        classes: rows by class.
        folds: rows by fold.
        run_id: the tracking run of this execution; empty without a tracking server.
    """

    schema_version: int = SCHEMA_VERSION
    data_sha256: str
    rows: int
    read: int
    rejected: dict[str, int]
    groups: int
    classes: dict[str, int]
    folds: list[int]
    run_id: str = ""


class Prepared:
    """A prepared data set in memory.

    Attributes:
        summary: of the whole.
        texts: of the rows.
        labels: of the rows.
        groups: shape (rows,).
        folds: shape (rows,).
        reviewed: shape (rows,); whether a row comes from the folder of the deployment's own reviewed tweets.
    """

    def __init__(self, summary: Summary, tweets: Sequence[PreparedTweet]) -> None:
        self.summary: Final = summary
        self.texts: Final = [tweet.text for tweet in tweets]
        self.labels: Final = [tweet.label for tweet in tweets]
        self.groups: Final = np.array([tweet.group for tweet in tweets], dtype=np.int64)
        self.folds: Final = np.array([tweet.fold for tweet in tweets], dtype=np.int64)
        self.reviewed: Final = np.array([tweet.file.startswith(REVIEWED_FOLDER) for tweet in tweets], dtype=np.bool_)

    def texts_at(self, rows: NDArray[np.int64]) -> list[str]:
        """The texts of some rows."""
        return [self.texts[row] for row in rows.tolist()]

    def unseen(self, rows: NDArray[np.int64], trained_on: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of some rows a model has not been fitted on, nor on near duplicates of them.

        Args:
            rows: indices.
            trained_on: hashes of the texts that the model was fitted on.
        """
        seen = np.isin(text_hashes(self.texts), trained_on)
        return np.asarray(~np.isin(self.groups[rows], self.groups[seen]))

    def labels_at(self, rows: NDArray[np.int64]) -> list[Label]:
        """The labels of some rows."""
        return [self.labels[row] for row in rows.tolist()]


def data_sha256(tweets: Iterable[LabelledTweet]) -> str:
    """The hash of the rows as a set: neither their order nor the names of their files change it."""
    rows = sorted(f"{tweet.label.value}\0{tweet.text}" for tweet in tweets)
    digest = hashlib.sha256()
    for row in rows:
        encoded = row.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()


def write_prepared(
    folder: Path, summary: Summary, tweets: Iterable[PreparedTweet], rejected: Iterable[RejectedTweet]
) -> None:
    """Write a prepared data set; the summary last, so that a folder that has one is whole."""
    encoder = msgspec.json.Encoder()
    (folder / TWEETS_FILE).write_bytes(encoder.encode_lines(list(tweets)))
    (folder / REJECTED_FILE).write_bytes(encoder.encode_lines(list(rejected)))
    (folder / SUMMARY_FILE).write_bytes(msgspec.json.format(encoder.encode(summary)))


def read_summary(folder: Path) -> Summary:
    """Read the summary alone.

    Raises:
        InputError: the folder is not a prepared data set of this version.
    """
    summary: Summary = _decoded(folder / SUMMARY_FILE, msgspec.json.Decoder(Summary))
    if summary.schema_version != SCHEMA_VERSION:
        raise InputError(f"the prepared data is of version {summary.schema_version}; this code reads {SCHEMA_VERSION}")
    return summary


def read_prepared(folder: Path) -> Prepared:
    """Read a prepared data set.

    Raises:
        InputError: a file is missing or not to the form, or rows are missing.
    """
    summary = read_summary(folder)
    decoder = msgspec.json.Decoder(PreparedTweet)
    file = folder / TWEETS_FILE
    try:
        tweets = decoder.decode_lines(file.read_bytes())
    except FileNotFoundError:
        raise InputError(f"the prepared data has no {TWEETS_FILE}") from None
    except msgspec.DecodeError:
        raise InputError(f"{TWEETS_FILE} of the prepared data is damaged") from None
    if len(tweets) != summary.rows:
        raise InputError(f"{TWEETS_FILE} has {len(tweets)} rows where {SUMMARY_FILE} counts {summary.rows}")
    return Prepared(summary, tweets)


def _decoded(file: Path, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(file.read_bytes())
    except FileNotFoundError:
        raise InputError(f"the prepared data has no {file.name}") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{file.name} of the prepared data is not readable: {error}") from None
