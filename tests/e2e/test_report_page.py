"""The drift report of the demonstration as a person sees it: in a browser, without a network."""

from __future__ import annotations

import html
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from local.dataset import read
from local.paths import ROOT
from local.shift import shifted
from monitoring.metric_names import DRIFT_SIGNALS
from monitoring.pages import REPORT_PAGE
from tests.e2e.conftest import CHROMIUM, Demo

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
)
WIDTH, HEIGHT = 1200, 1500


def browse(page: Path, profile: Path, *flags: str) -> str:
    """Open a page; what the browser prints."""
    assert CHROMIUM, "Chromium is needed: apt-get install --no-install-recommends chromium"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}", *flags]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def document(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's document after its scripts have run."""
    return browse(demo.report / REPORT_PAGE, tmp_path_factory.mktemp("profile"), "--dump-dom")


def test_the_verdict_stands_on_top_with_every_signal(document: str) -> None:
    assert "<h1>Tweets have drifted and the model has become worse</h1>" in document
    findings = document.partition("<h2>Findings</h2>")[2].partition("</table>")[0]
    rows = [row for row in findings.split("<tr>") if 'class="beyond"' in row]
    assert len(rows) >= 4
    assert findings.count("<tr>") == len(DRIFT_SIGNALS) + 4


def test_the_plots_of_evidently_are_drawn(document: str) -> None:
    assert document.count('class="main-svg"') > 5


def test_the_page_looks_like_something(demo: Demo, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    browse(demo.report / REPORT_PAGE, tmp_path / "profile", f"--screenshot={picture}")
    with Image.open(picture) as image:
        assert image.size == (WIDTH, HEIGHT)
        colours = image.convert("RGB").getcolors(1 << 24) or []
    red = sum(count for count, (r, g, b) in colours if r > 150 and g < 80 and b < 80)  # type: ignore[misc]
    white = sum(count for count, colour in colours if colour == (255, 255, 255))
    assert red > 100, "the findings are red"
    assert 0.3 < white / (WIDTH * HEIGHT) < 0.99


def test_no_file_of_the_report_holds_a_tweet(demo: Demo) -> None:
    texts = {row.text for row in (*shifted(300), *read(ROOT / "sample" / "tweets.csv"))}
    for file in demo.report.iterdir():
        content = html.unescape(file.read_text(encoding="utf-8"))
        assert not [text for text in texts if text in content], file.name
