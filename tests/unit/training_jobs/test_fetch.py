"""Fetching the public data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_jobs.fetch import DATASET, FILE_NAME, FetchError, fetch


def test_the_file_is_put_in_place_and_not_fetched_again(tmp_path: Path) -> None:
    calls: list[str] = []

    def download(handle: str) -> str:
        calls.append(handle)
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / FILE_NAME).write_text("tweet_text,cyberbullying_type\n")
        return str(tmp_path / "cache")

    first = fetch(tmp_path / "data", download)
    assert first.read_text().startswith("tweet_text")
    assert fetch(tmp_path / "data", download) == first
    assert calls == [DATASET]
    assert [path.name for path in first.parent.iterdir()] == [FILE_NAME]


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    def download(handle: str) -> str:
        raise ConnectionError(handle)

    with pytest.raises(FetchError, match="by hand"):
        fetch(tmp_path, download)
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=FILE_NAME):
        fetch(tmp_path / "data", lambda _: str(tmp_path))
