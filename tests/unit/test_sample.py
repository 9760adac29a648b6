"""The sample that ships with the project: balanced, unique, mild in its references, readable as the Kaggle file is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from moderation.labels import LABELS

SAMPLE = Path(__file__).parents[2] / "sample" / "tweets.csv"
ROWS_PER_CLASS = 100
LONGEST_POST = 280
LONGEST_REAL_HANDLE = 15

HANDLE = re.compile(r"(?<!\w)@(\w+)")
URL = re.compile(r"\S+://\S+")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", errors="strict", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_columns_are_those_of_the_kaggle_file(rows: list[dict[str, str]]) -> None:
    assert all(list(row) == ["tweet_text", "cyberbullying_type"] for row in rows)


def test_every_class_has_the_same_number_of_rows(rows: list[dict[str, str]]) -> None:
    assert Counter(row["cyberbullying_type"] for row in rows) == {label.value: ROWS_PER_CLASS for label in LABELS}


def test_no_text_stands_twice_whatever_its_case_and_punctuation(rows: list[dict[str, str]]) -> None:
    texts = Counter(re.sub(r"\W+", " ", row["tweet_text"]).strip().casefold() for row in rows)
    assert [text for text, count in texts.items() if count > 1] == []


def test_every_text_could_be_a_tweet(rows: list[dict[str, str]]) -> None:
    texts = [row["tweet_text"] for row in rows]
    assert all(text == text.strip() and text.isprintable() for text in texts)
    assert all(10 <= len(text) <= LONGEST_POST for text in texts)


def test_no_handle_can_be_a_real_account(rows: list[dict[str, str]]) -> None:
    handles = {handle for row in rows for handle in HANDLE.findall(row["tweet_text"])}
    assert handles, "the sample should show mentions"
    assert [name for name in handles if not (name.endswith("_example") and len(name) > LONGEST_REAL_HANDLE)] == []


def test_every_url_points_to_the_reserved_domain(rows: list[dict[str, str]]) -> None:
    urls = [url for row in rows for url in URL.findall(row["tweet_text"])]
    assert urls, "the sample should show URLs"
    assert {urlsplit(url).hostname for url in urls} == {"example.com"}


def test_no_sign_of_mangled_encoding(rows: list[dict[str, str]]) -> None:
    assert [row["tweet_text"] for row in rows if re.search("\ufffd|â€|Ã[\x80-\xbf]", row["tweet_text"])] == []
