from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from moderation.__main__ import main
from moderation.labels import Label
from tests.fakes.artefact import HARMLESS_TEXT, insult, save_keyword_model
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_keyword_model(path)
    return path


def line(text: str, tweet_id: str) -> bytes:
    return json.dumps({"tweet_id": tweet_id, "tweet": {"tweet_text": text}}).encode() + b"\n"


def run(arguments: list[str], given: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[dict[str, Any]]]:
    class Stream:
        def __init__(self, data: bytes = b"") -> None:
            self.buffer = io.BytesIO(data)

    output = Stream()
    monkeypatch.setattr(sys, "stdin", Stream(given))
    monkeypatch.setattr(sys, "stdout", output)
    code = main(arguments)
    monkeypatch.undo()
    return code, [json.loads(written) for written in output.buffer.getvalue().splitlines()]


@pytest.mark.parametrize("batch", ["1", "2", "1000"])
def test_bad_lines_get_an_error_in_their_place_and_the_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, batch: str
) -> None:
    given = (
        line(insult(Label.AGE), "1")
        + b"nonsense\n\n"
        + line("  ", "2")
        + b'{"tweet_id": 3}\n'
        + line(HARMLESS_TEXT, "4")
    )
    code, written = run(["classify", "--model", str(folder), "--batch", batch], given, monkeypatch)
    assert code == 1
    assert [w["prediction"]["tweet_id"] if "prediction" in w else w["error"]["reason"] for w in written] == [
        "1", "not_json", "not_json", "empty_text", "not_to_contract", "4",
    ]  # fmt: skip
    assert [w["error"]["line"] for w in written if "error" in w] == [2, 3, 4, 5]


def test_all_lines_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, written = run(
        ["classify", "--model", str(folder), "--version", "9", "--no-explain"],
        line(insult(Label.AGE), "1"),
        monkeypatch,
    )
    assert (code, written[0]["version"], written[0]["prediction"]["reasons"]) == (0, "9", [])


def test_a_model_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, written = run(["classify", "--model", str(tmp_path)], b"", monkeypatch)
    assert (code, written) == (2, [])
    assert "manifest.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["classify"], ["classify", "--model", "x", "--batch", "0"], ["unknown"]])
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_help_says_what_goes_in_and_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["classify", "--help"])
    assert left.value.code == 0
    assert "standard input" in capsys.readouterr().out


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "moderation", "classify", "--model", str(folder), "--batch", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    process = _start(folder)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line(HARMLESS_TEXT, "1"))
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    for number in range(3):
        process.stdin.write(line(HARMLESS_TEXT, str(number)))
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors) == (0, b"")


def test_an_interrupt_ends_quietly(folder: Path) -> None:
    process = _start(folder)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line(HARMLESS_TEXT, "1"))
    process.stdin.flush()
    process.stdout.readline()
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors) == (130, b"")
