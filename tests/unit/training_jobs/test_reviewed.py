"""Reviewed labels: both forms, and everything that is refused, each with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.labels import HARMLESS, LABELS
from tests.fakes.training import labelled_rows, write_csv
from training_jobs.errors import InputError
from training_jobs.reviewed import LEAST_PER_CLASS, read_reviewed

TWO_WAY = ("tweet_text", "harmful")


def two_way(count: int) -> list[tuple[str, str]]:
    return [(f"tweet {number}", "yes" if number % 2 else "no") for number in range(count)]


def test_classes_allow_themselves_alone(tmp_path: Path) -> None:
    tweets = read_reviewed(write_csv(tmp_path / "a.csv", labelled_rows(LEAST_PER_CLASS)))
    assert not tweets.two_way
    assert len(tweets.texts) == 6 * LEAST_PER_CLASS
    allowed = tweets.allowed()
    assert (allowed.sum(axis=1) == 1).all()
    assert [LABELS[column].value for column in allowed.argmax(axis=1)] == tweets.labels


def test_harmful_allows_every_harmful_class(tmp_path: Path) -> None:
    tweets = read_reviewed(write_csv(tmp_path / "a.csv", two_way(2 * LEAST_PER_CLASS), TWO_WAY))
    assert tweets.two_way
    allowed = tweets.allowed()
    for row, label in zip(allowed, tweets.labels, strict=True):
        assert row.sum() == (5 if label == "harmful" else 1)
        assert row[LABELS.index(HARMLESS)] == (label == "harmless")


def test_the_digest_is_of_the_labels_and_not_of_their_order(tmp_path: Path) -> None:
    rows = two_way(60)
    one, other = (write_csv(tmp_path / f"{n}.csv", r, TWO_WAY) for n, r in enumerate((rows, rows[::-1])))
    changed = write_csv(tmp_path / "c.csv", [("tweet 0", "yes"), *rows[1:]], TWO_WAY)
    assert read_reviewed(one).sha256 == read_reviewed(other).sha256 != read_reviewed(changed).sha256


def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    rows = two_way(60)
    assert len(read_reviewed(write_csv(tmp_path / "a.csv", [*rows, rows[0]], TWO_WAY)).texts) == 60


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([], TWO_WAY, "has no rows"),
        (two_way(60), ("tweet_text", "verdict"), "row 1 must name the columns tweet_text and cyberbullying_type, or"),
        ([*two_way(60), ("more", "perhaps")], TWO_WAY, "row 62 without a text or with a harmful that is none of yes"),
        ([*two_way(60), ("  ", "yes")], TWO_WAY, "row 62 without a text"),
        ([*two_way(60), ("tweet 3", "no")], TWO_WAY, "row 62 with a text that another row labels otherwise"),
        (two_way(30), TWO_WAY, r"fewer than 25 reviewed tweets of harmful \(15\), harmless \(15\): review more$"),
        (labelled_rows(8), ("tweet_text", "cyberbullying_type"), r"age \(8\).*or label them only harmful yes or no"),
        ([("a", "spam")] * 12, ("tweet_text", "cyberbullying_type"), "rows 2, 3, .* and 2 more .* none of age"),
    ],
)
def test_what_is_refused_is_said(
    tmp_path: Path, rows: list[tuple[str, str]], header: tuple[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_reviewed(write_csv(tmp_path / "a.csv", rows, header))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_reviewed(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="is a folder; name a CSV file"):
        read_reviewed(tmp_path)
    looped = tmp_path / "looped.csv"
    looped.symlink_to(looped)
    with pytest.raises(InputError, match="cannot be read"):
        read_reviewed(looped)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("tweet_text,harmful\ncaf\u00e9,yes\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_reviewed(latin)
