"""One demonstration for all the tests of this folder: `make demo SOURCE=replay`, and then what a bad day adds to it."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from local import live, paths
from local.demo import run
from local.display import Display
from local.processes import Supervisor
from local.stage import LocalStage, Ports

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_NEEDS_CHROMIUM = "test_report_page.py"

# Nobody's machine must have a browser for this, but CI's must: there the test is collected, and fails without one.
collect_ignore = [] if CHROMIUM or os.environ.get("CI") else [_NEEDS_CHROMIUM]


def pytest_report_header() -> list[str]:
    """Say what is left out, and how to have it."""
    return [f"{name} is left out: it needs Chromium (apt-get install chromium)" for name in collect_ignore]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.emulator)


@dataclass
class Demo:
    """A demonstration that has run, and whose stage still does.

    Attributes:
        stage: that runs.
        said: what a person saw.
        report: the folder with the drift report.
    """

    stage: LocalStage
    said: str
    report: Path


def _source_file(folder: Path) -> Path:
    """Tweets for the source, among them one of each kind that a source leaves out."""
    texts = [f"Today we planted {number} tomatoes on the balcony" for number in range(20)]
    rows = [(f"s{number}", text, "en") for number, text in enumerate(texts)]
    rows += [("s0", texts[0], "en"), ("foreign", "Hoy hemos plantado tomates", "es"), ("large", "a" * 70_000, "en")]
    file = folder / "tweets.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("tweet_id", "tweet_text", "lang"), *rows])
    return file


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demonstration, with logs, models and report in a folder of its own: other tests may run beside it."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch, Supervisor() as supervisor:
        for name in ("LOGS", "MLFLOW", "REPORT"):
            patch.setattr(paths, name, folder / name.lower())
        display = Display()
        display.live = False
        display.console = Console(record=True, width=120, quiet=False, file=(folder / "said.txt").open("w"))
        source = live.Source("replay", file=_source_file(folder))
        stage = run(supervisor, display, paths.ROOT / "sample" / "tweets.csv", None, Ports(), source=source)
        yield Demo(stage, display.console.export_text(clear=False), paths.REPORT)
        stage.stop()
