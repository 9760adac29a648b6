"""`make evaluate`: what it measures, what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from moderation.model import load
from tests.fakes.training import FakeTracker, labelled_rows, write_csv
from training_jobs.errors import InputError, TrackingError
from training_jobs.evaluation import __main__ as command
from training_jobs.evaluation import page, sources
from training_jobs.evaluation.findings import FIGURES_FILE, read_findings
from training_jobs.evaluation.page import FORMATS, PAGE_FILE, PICTURES, find
from training_jobs.prepared import read_prepared

SECTIONS = {
    "decisions", "kinds", "probabilities", "disguises", "groups", "people", "behaviour", "elsewhere", "method",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """What the tests want of a page: ids, text, figures with their places, and everything it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.figures: list[tuple[str, str, str]] = []
        self.sources: list[str] = []
        self.alternatives: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self._figure: tuple[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.ids |= {values["id"]} if "id" in values else set()
        self.sources += [values[name] for name in ("src", "href", "srcset", "data") if name in values]
        if tag == "img":
            self.alternatives.append(values["alt"])
        if "data-figure" in values:
            self._figure = values["data-figure"], values["data-format"]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._figure:
            self.figures.append((*self._figure, data))
            self._figure = None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "labelled.csv", labelled_rows(40))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        (str(kind), f"{words} number {number}")
        for number in range(5)
        for kind, words in ((0, "idiotzeg nastyzug"), (1, "faithzig meanzag"), (2, "soupzag lakezig"))
    ]
    return write_csv(tmp_path_factory.mktemp("foreign") / "davidson.csv", rows, header=("class", "tweet"))


@pytest.fixture(scope="module")
def out(data: Path, foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a quick recipe, with tweets of another source."""
    folder = tmp_path_factory.mktemp("report") / "out"
    arguments = ["--data", str(data), "--candidate", "naive_bayes", "--out", str(folder)]
    assert command.main([*arguments, "--out-of-domain", str(foreign)]) == 0
    return folder


@pytest.fixture(scope="module")
def report(out: Path) -> Page:
    return Page((out / PAGE_FILE).read_text(encoding="utf-8"))


def test_everything_is_written(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {PAGE_FILE, FIGURES_FILE, *(f"{name}.png" for name in PICTURES)}
    for name in PICTURES:
        assert (out / f"{name}.png").read_bytes().startswith(PNG)


def test_every_section_and_every_picture_is_there(report: Page) -> None:
    assert report.ids >= SECTIONS | {"classes", "behaviours", "kinds-of-sentences", "standing", "small-data"}
    assert len(report.alternatives) == len(PICTURES)
    assert all(report.alternatives)


def test_the_numbers_are_those_of_the_figures(out: Path, report: Page) -> None:
    figures = json.loads((out / FIGURES_FILE).read_text())
    assert len(report.figures) > 100
    for path, form, written in report.figures:
        assert written == FORMATS[form](find(figures, path)), path


def test_every_measured_part_has_its_numbers_on_the_page(report: Page) -> None:
    named = {path.partition(".")[0] for path, _, _ in report.figures}
    assert named >= {
        "subject", "measures", "harmful", "harmless", "auroc", "harm_calibration_error", "worst_named", "mean_other",
        "kinds", "neutral", "plain_attacks", "cruel", "not_cruel", "behaviours", "out_of_domain",
    }  # fmt: skip


def test_the_page_needs_nothing_else(out: Path, report: Page) -> None:
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in report.sources)
    assert not report.tags & {"script", "link", "iframe", "object", "embed"}
    html = (out / PAGE_FILE).read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import", html)


def test_no_tweet_is_in_it(out: Path, data: Path, foreign: Path) -> None:
    written = (out / PAGE_FILE).read_text(encoding="utf-8") + (out / FIGURES_FILE).read_text(encoding="utf-8")
    texts = [text for text, _ in labelled_rows(40)] + ["idiotzeg nastyzug", "soupzag lakezig"]
    assert not [text for text in texts if text in written]
    written, pictures = re.subn(r"base64,[^\"]+", "", written)  # in so many letters anything occurs by chance
    assert pictures == len(PICTURES)
    assert not re.search(r"\w+z[aeiu]g\b", written)  # nor one of its words


def test_the_model_is_measured_on_what_it_has_not_seen(out: Path) -> None:
    subject = read_findings(out).subject
    assert subject.standing == "unseen"
    assert subject.read == 240
    assert subject.rows + subject.fitted_on == 240
    assert 0 < subject.rows < 80
    assert subject.small
    assert subject.compared.keys() == {"naive_bayes"}


def test_few_tweets_are_said_to_prove_the_code_only(report: Page, capsys: pytest.CaptureFixture[str]) -> None:
    assert "These figures prove the code, not the model." in report.text
    assert "sample that ships with the project" not in report.text


def test_the_sample_is_called_by_its_name(out: Path) -> None:
    html = page.render(
        read_findings(out), {name: out / f"{name}.png" for name in PICTURES}, sample=True
    )  # fmt: skip
    assert "It is the sample that ships with the project" in Page(html).text


def test_a_model_of_this_very_data_is_called_so(
    data: Path, small_training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_prepared(small_training / "prepared")
    same = write_csv(
        tmp_path / "same.csv", [(text, label.value) for text, label in zip(rows.texts, rows.labels, strict=True)]
    )
    model = small_training / "model/artefact"
    assert load(model).manifest.data_sha256 == rows.summary.data_sha256
    out = tmp_path / "out"
    assert command.main(["--data", str(same), "--model", str(model), "--out", str(out)]) == 0
    assert read_findings(out).subject.standing == "trained_on"
    assert "trained on these very tweets" in Page((out / PAGE_FILE).read_text()).text
    assert "trained on these very tweets" in " ".join(capsys.readouterr().out.split())
    assert not (out / "out_of_domain.png").exists()

    assert command.main(["--data", str(data), "--model", str(model), "--out", str(out)]) == 0
    findings = read_findings(out)
    assert (findings.subject.standing, findings.subject.rows, findings.out_of_domain) == ("unknown", 240, None)
    text = Page((out / PAGE_FILE).read_text()).text
    assert "Nobody can tell from the model whether it has seen some of these tweets" in text
    assert "Not measured" in text


def test_it_is_logged_where_there_is_a_server(
    data: Path,
    tmp_path: Path,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "tracker_for", lambda _environment: tracker)
    out = tmp_path / "out"
    out.mkdir()
    (out / FIGURES_FILE).write_text("{}")  # of an evaluation by other code
    (out / "diary.txt").write_text("private")
    assert command.main(["--data", str(data), "--candidate", "naive_bayes", "--out", str(out)]) == 0
    ((run_id, run),) = tracker.runs.items()
    assert (run.status, run.tags["standing"], run.parameters["candidate"]) == ("FINISHED", "unseen", "naive_bayes")
    assert run.metrics["evaluation/macro_f1"] == pytest.approx(read_findings(out).measures.macro_f1)
    kept = set(tracker.files(run_id))
    assert {f"report/{PAGE_FILE}", f"report/{FIGURES_FILE}", "report/groups.png"} <= kept
    assert "report/diary.txt" not in kept
    assert f"Logged to MLflow as run {run_id}" in capsys.readouterr().out


def test_a_server_that_fails_does_not_cost_the_report(
    data: Path,
    tmp_path: Path,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "tracker_for", lambda _environment: tracker)
    tracker.fail("log_files", TrackingError("the server is away"))
    out = tmp_path / "out"
    assert command.main(["--data", str(data), "--candidate", "naive_bayes", "--out", str(out)]) == 1
    assert "the report is written, but could not be logged: the server is away" in capsys.readouterr().err
    assert (out / PAGE_FILE).exists()
    assert next(iter(tracker.runs.values())).status == "FAILED"


def test_without_a_server_it_says_so(
    out: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert command.main(["--data", str(data), "--candidate", "naive_bayes", "--out", str(out)]) == 0
    assert "MLFLOW_TRACKING_URI is not set" in capsys.readouterr().out
    # The second report replaced the first, its picture of the other source too.
    assert not (out / "out_of_domain.png").exists()


def test_an_interrupt_ends_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "unseen", interrupted)
    assert command.main(["--data", str(data), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_is_refused(
    data: Path, small_training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(small_training / "model/artefact", model)
    (model / "model.npz").write_bytes(b"not what was saved")
    assert command.main(["--data", str(data), "--model", str(model), "--out", str(tmp_path / "out")]) == 2
    assert "cannot be used: the arrays are not the ones that were saved" in capsys.readouterr().err


def test_unknown_recipes_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("oracle", "nearest_neighbours"):  # the second is a baseline that is not served
        assert command.main(["--data", str(data), "--candidate", name, "--out", str(tmp_path / "out")]) == 2
        assert f"there is no servable candidate '{name}'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["--model", str(tmp_path), "--candidate", "stack"])


def test_places_are_checked_before_any_work(data: Path, out: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for arguments, message in (
        ((missing, None, None, out), "DATA=file.csv"),
        ((data, missing, None, out), "is not a model"),
        ((data, None, missing, out), "OUT_OF_DOMAIN=file.csv"),
        ((data, None, None, data), "is a file"),
        ((data, None, None, data.parent), "not an evaluation"),
    ):
        with pytest.raises(InputError, match=message):
            sources.check_places(*arguments)
    sources.check_places(data, None, None, out)  # an earlier evaluation is replaced
    sources.check_places(data, None, None, missing)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("class,text\n0,a\n", "row 1 names no column tweet"),
        ("class,tweet\n0,a\n3,secret\n", "row 3 with a class that is none of 0, 1, 2"),
        ("class,tweet\n0,a\n1,c\n,b\n", "row 4 with a class"),
        ("class,tweet\n0,a\n1,b\n", "harmless ones"),
        ("class,tweet\n2,a\n", "harmful tweets"),
        ("class,tweet\n2,a\n1\n", "row 3 has no tweet"),
        ("", "no column class and no column tweet"),
        (b"class,tweet\n0,\xff\n", "not UTF-8"),
        ('class,tweet\n0,"open\n' + "x" * 100, "quotation mark"),
    ],
)
def test_tweets_of_another_source_must_be_to_the_form(content: str | bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "foreign.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        sources.read_foreign(file)
    assert "secret" not in str(caught.value)


def test_figures_that_are_damaged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no figures"):
        read_findings(tmp_path)
    (tmp_path / FIGURES_FILE).write_text("{}")
    with pytest.raises(InputError, match="not readable"):
        read_findings(tmp_path)


@pytest.mark.parametrize(
    ("value", "written"), [(0.0, "0"), (0.004, "0.4"), (0.126, "13"), (0.996, "99.6"), (1.0, "100")]
)
def test_a_few_of_a_hundred_are_not_called_none(value: float, written: str) -> None:
    assert FORMATS["hundred"](value) == written


def test_the_margin_of_a_share_is_that_of_a_proportion() -> None:
    shares = {"rows": 100, "flagged": 0.5, "referred": 0.5, "passed": 0.0}
    assert FORMATS["margin_flagged"](shares) == "9.8"  # 1.96 times the root of .25 / 100
    assert FORMATS["margin_passed"](shares) == "0.0"
