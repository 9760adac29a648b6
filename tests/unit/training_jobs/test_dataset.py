"""Reading labelled tweets."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.labels import Label
from moderation.messages import MAX_TEXT_CHARACTERS
from tests.fakes.training import write_csv
from training_jobs.dataset import LabelledTweet, Rejected, count_reasons, read_labelled, select
from training_jobs.errors import InputError

SECRET = "private words"  # noqa: S105 - what must not leak


def failure(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        read_labelled(folder)
    assert SECRET not in str(error.value)
    return str(error.value)


def tweet(text: str, label: Label = Label.AGE, row: int = 2) -> LabelledTweet:
    return LabelledTweet(text, label, "a.csv", row)


def test_every_file_is_read_in_order_with_its_row_numbers(tmp_path: Path) -> None:
    write_csv(tmp_path / "b.csv", [("three", "gender")])
    write_csv(tmp_path / "a/first.CSV", [("one", "age"), ("two\nlines", "religion")])
    (tmp_path / "notes.txt").write_text("not data")
    assert read_labelled(tmp_path) == [
        LabelledTweet("one", Label.AGE, "a/first.CSV", 2),
        LabelledTweet("two\nlines", Label.RELIGION, "a/first.CSV", 3),
        LabelledTweet("three", Label.GENDER, "b.csv", 2),
    ]


def test_other_columns_byte_order_marks_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeffid,cyberbullying_type,tweet_text\n1, age ,one\n\n2,age,two\n", "utf-8")
    assert [(t.text, t.label, t.row) for t in read_labelled(tmp_path)] == [("one", Label.AGE, 2), ("two", Label.AGE, 4)]


def test_no_file(tmp_path: Path) -> None:
    assert "no CSV file" in failure(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert failure(tmp_path) == "a.csv: the file is empty"


def test_no_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [])
    assert "no rows" in failure(tmp_path)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [(SECRET, "age")], header=("tweet", "cyberbullying_type"))
    assert failure(tmp_path) == "a.csv: row 1 names no column tweet_text"


def test_a_column_named_twice(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [(SECRET, "x", "age")], header=("tweet_text", "tweet_text", "cyberbullying_type"))
    assert "tweet_text more than once" in failure(tmp_path)


def test_unknown_labels_are_named_by_row_in_every_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [("fine", "age"), (SECRET, "agee"), (SECRET, "")])
    write_csv(tmp_path / "b.csv", [(SECRET, "spam")])
    message = failure(tmp_path)
    assert "a.csv: rows 3, 4 with a cyberbullying_type that is none of age, ethnicity" in message
    assert "b.csv: row 2 with" in message


def test_of_many_faulty_rows_the_first_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [(SECRET, "spam")] * 30)
    assert "rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 20 more with" in failure(tmp_path)


@pytest.mark.parametrize("row", [(SECRET,), (SECRET, "age", "more")])
def test_rows_of_another_width(tmp_path: Path, row: tuple[str, ...]) -> None:
    write_csv(tmp_path / "a.csv", [("fine", "age"), row])
    assert "row 3 where the header has 2 columns" in failure(tmp_path)


def test_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"tweet_text,cyberbullying_type\n" + SECRET.encode() + b" \xe9,age\n")
    assert "a.csv: not UTF-8 at or after row 1 (byte 0xe9)" in failure(tmp_path)


def test_a_quotation_mark_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_jobs.dataset._MAX_FIELD", 100)
    (tmp_path / "a.csv").write_text(f'tweet_text,cyberbullying_type\n"{SECRET},age\n' + "more\n" * 100)
    assert "row 2 cannot be read" in failure(tmp_path)
    assert "quotation mark" in failure(tmp_path)


def test_rows_to_set_aside() -> None:
    kept, rejected = select(
        [
            tweet("kept"),
            tweet("kept", row=3),
            tweet("both", Label.AGE, row=4),
            tweet("both", Label.GENDER, row=5),
            tweet(" \n", row=6),
            tweet("x" * (MAX_TEXT_CHARACTERS + 1), row=7),
            tweet("x" * MAX_TEXT_CHARACTERS, row=8),
        ]
    )
    assert [t.row for t in kept] == [2, 8]
    assert [(t.row, t.reason) for t in rejected] == [
        (3, Rejected.DUPLICATE),
        (4, Rejected.CONTRADICTORY_LABELS),
        (5, Rejected.CONTRADICTORY_LABELS),
        (6, Rejected.EMPTY_TEXT),
        (7, Rejected.OVERSIZED),
    ]
    assert count_reasons(rejected) == {"empty_text": 1, "oversized": 1, "contradictory_labels": 2, "duplicate": 1}
