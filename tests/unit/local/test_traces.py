"""Segments that functions send, and how a person reads them again."""

from __future__ import annotations

import io
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import paths, traces
from local.errors import LocalError
from local.lambda_host.xray import FILE, Sampler, TraceDaemon, segment_document

HEADER = b'{"format": "json", "version": 1}\n'


def segment(
    name: str, start: float, end: float, tweet: str = "t1", trace: str = "1-a-b", **said: str
) -> dict[str, Any]:
    return {
        "name": f"cyberbullying_local_{name}",
        "id": f"{tweet}-{name}",
        "trace_id": trace,
        "start_time": start,
        "end_time": end,
        "annotations": {"tweet_id": tweet, **said},
    }


WAY = [
    segment("verdict_put", 100.3, 100.4),
    segment("tweet_put", 100.0, 100.25),
    segment("tweet_classify", 100.25, 100.3, classification="age", decision="flag", version="7"),
    segment("tweet_warn", 100.4, 100.5, classification="age", decision="flag", version="7"),
]


def write(folder: Path, *segments: dict[str, Any]) -> None:
    (folder / FILE).write_text("".join(json.dumps(one) + "\n" for one in segments))


def shown(tweet: str | None = None) -> str:
    out = io.StringIO()
    assert traces.run(Console(file=out, width=120), tweet) == 0
    return out.getvalue()


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "LOGS", tmp_path)
    return tmp_path


def test_the_daemon_keeps_segments_and_survives_anything_else(tmp_path: Path) -> None:
    daemon = TraceDaemon(tmp_path / FILE)
    host, port = daemon.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for datagram in (b"nonsense", HEADER + b'{"id": "1"}', HEADER, b'{"version": 2}\n{}', HEADER + b'{"id":\n"2"}'):
            client.sendto(datagram, (host, int(port)))
    daemon.close()
    assert [json.loads(line)["id"] for line in (tmp_path / FILE).read_text().splitlines()] == ["1", "2"]


def test_the_daemon_listens_to_this_machine_only(tmp_path: Path) -> None:
    daemon = TraceDaemon(tmp_path / FILE)
    assert daemon.address.startswith("127.0.0.1:")
    daemon.close()


@pytest.mark.parametrize("datagram", [b"", b"\xff\n{}", HEADER + b"[1]", HEADER + b"{", b"[]\n{}"])
def test_what_is_no_segment_is_told_apart(datagram: bytes) -> None:
    assert segment_document(datagram) is None


def test_one_invocation_a_second_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment)
    sampler = Sampler()
    first, second = sampler.trace_header(), sampler.trace_header()
    assert first.endswith(";Sampled=1")
    assert second.endswith(";Sampled=0")
    assert first.split(";")[0] != second.split(";")[0]
    moment += 1.0
    assert sampler.trace_header().endswith(";Sampled=1")


def test_the_way_of_a_tweet_is_shown_with_its_times(logs: Path) -> None:
    write(logs, *WAY, {"name": "## handler", "id": "x", "trace_id": "1-c-d", "annotations": {"ColdStart": True}})
    text = shown("t1")
    places = ["tweet_put", "tweet_classify", "verdict_put", "tweet_warn"]
    assert [place for line in text.splitlines() for place in places if place in line] == places
    assert "trace 1-a-b" in text
    assert "+0.250 s" in text
    assert "50 ms" in text
    assert "flag (age) by version 7" in text
    assert "handler" not in text


def test_without_a_name_the_latest_are_shown(logs: Path) -> None:
    write(logs, *(segment("tweet_put", number, number + 1, f"t{number}") for number in range(12)))
    text = shown()
    assert "t11" in text
    assert "t0 " not in text
    assert text.count("trace ") == traces.SHOWN


def test_a_segment_that_was_sent_twice_counts_once(logs: Path) -> None:
    write(logs, *WAY, WAY[0])
    (way,) = traces.read_ways(logs / FILE)
    assert way.places() == ["tweet_put", "tweet_classify", "verdict_put", "tweet_warn"]
    assert way.seconds == pytest.approx(0.5)


def test_what_was_not_traced_is_said_with_what_to_do(logs: Path) -> None:
    with pytest.raises(LocalError, match="make demo"):
        traces.run(Console(file=io.StringIO()), None)
    write(logs, *WAY)
    with pytest.raises(LocalError, match=r"no tweet t2 was traced; .*trace_share"):
        traces.run(Console(file=io.StringIO()), "t2")
