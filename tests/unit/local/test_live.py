"""What a source of real tweets lacks is said before anything is started."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.settings import TOKEN_VARIABLE
from local.errors import LocalError
from local.live import Source, check

TOKEN = {TOKEN_VARIABLE: "t"}


@pytest.fixture
def listening() -> Iterator[str]:
    """An address at which somebody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> str:
    """An address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("source", "environment", "said"),
    [
        (Source("mastodon"), {}, "there is no SOURCE=mastodon; there are x-stream, x-search, bluesky, replay"),
        (Source("replay"), {}, "SOURCE=replay needs a CSV or JSONL file, and none was named"),
        (Source("replay", file=Path("nowhere.csv")), {}, "nowhere.csv is no file"),
        (Source("x-stream", budget=1.0), {}, TOKEN_VARIABLE),
        (Source("x-search"), TOKEN, "SOURCE=x-search BUDGET=1"),
    ],
)
def test_what_is_missing_is_named(source: Source, environment: dict[str, str], said: str) -> None:
    with pytest.raises(LocalError, match=re.escape(said)):
        check(source, environment)


def test_without_a_network_the_hosts_are_named(silent: str) -> None:
    with pytest.raises(LocalError, match=r"SOURCE=bluesky needs a network, and nothing answers \(127\.0\.0\.1: "):
        check(Source("bluesky"), {"JETSTREAM_URLS": f"ws://{silent}, ws://{silent}/b"})
    with pytest.raises(LocalError, match="SOURCE=x-search needs a network"):
        check(Source("x-search", budget=1.0), {**TOKEN, "X_API_URL": f"http://{silent}"})


def test_one_instance_that_answers_is_enough(silent: str, listening: str) -> None:
    check(Source("bluesky"), {"JETSTREAM_URLS": f"ws://{silent},ws://{listening}"})


def test_a_file_needs_no_network(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text("tweet_text\n")
    check(Source("replay", file=file), {})
