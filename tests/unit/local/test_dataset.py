"""What is held out is never trained on, and the same file is always split the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import dataset
from local.dataset import Row, Split
from local.errors import LocalError
from moderation.labels import Label

HEADER = "tweet_text,cyberbullying_type\n"


def rows(number: int) -> list[Row]:
    return [Row(f"tweet number {n}", Label.AGE) for n in range(number)]


def written(folder: Path, text: str) -> Path:
    file = folder / "tweets.csv"
    file.write_text(text)
    return file


def test_a_file_is_read_and_written_alike(tmp_path: Path) -> None:
    given_rows = [Row('with, comma and "quotes"\nand a line', Label.GENDER), Row("plain", Label.RELIGION)]
    dataset.write(given_rows, tmp_path / "tweets.csv")
    assert dataset.read(tmp_path / "tweets.csv") == given_rows


def test_other_columns_and_empty_texts_are_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, "id,tweet_text,cyberbullying_type\n1,hello,age\n2,  ,age\n")
    assert dataset.read(file) == [Row("hello", Label.AGE)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tweet_text\nhello\n", "has no column cyberbullying_type"),
        ("a,b\n1,2\n", "has no column cyberbullying_type and no column tweet_text"),
        (HEADER + "hello,shouting\n", "1 labels that are not among"),
        ("", "has no column"),
    ],
)
def test_a_file_that_is_not_to_the_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LocalError, match=message):
        dataset.read(written(tmp_path, text))


def test_a_refusal_does_not_quote_the_file(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        dataset.read(written(tmp_path, HEADER + "hello,somebody's words in the wrong column\n"))
    assert "somebody" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"nowhere\.csv cannot be read"):
        dataset.read(tmp_path / "nowhere.csv")


@given(st.lists(st.sampled_from(["a b", "A  B", "c", "C ", "d", "e", "f", "g"]), min_size=8, max_size=60))
def test_no_text_is_on_both_sides_whatever_its_case_and_spacing(texts: list[str]) -> None:
    some = [Row(text, Label.AGE) for text in texts]
    try:
        split = dataset.split(some)
    except LocalError:
        return  # too few different texts
    assert not _digests(split.training) & _digests(split.held_out)
    assert len(_digests(split.held_out)) == len(split.held_out)


def test_the_split_does_not_depend_on_the_order_of_the_file() -> None:
    there, back = dataset.split(rows(100), 30), dataset.split(rows(100)[::-1], 30)
    assert _texts(there) == _texts(back)


def test_exactly_as_many_are_held_out_as_are_wanted() -> None:
    split = dataset.split(rows(100), 37)
    assert len(split.held_out) == 37
    assert len(split.training) == 63


def test_without_a_number_a_quarter_is_held_out() -> None:
    assert len(dataset.split(rows(100)).held_out) == 25


@pytest.mark.parametrize("wanted", [0, -1, 51])
def test_nobody_can_hold_out_more_than_half(wanted: int) -> None:
    with pytest.raises(LocalError, match="cannot be held out of 100 different texts: 1 to 50 can"):
        dataset.split(rows(100), wanted)


def _digests(some: object) -> set[str]:
    return {dataset.digest(row.text) for row in some}  # type: ignore[attr-defined]


def _texts(split: Split) -> set[str]:
    return {row.text for row in split.held_out}
