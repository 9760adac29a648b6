"""The command line of the benchmarks, its data and its report."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks import __main__ as command
from benchmarks import models, original, report, study, tweets
from benchmarks.job import QUICK
from benchmarks.results import Results, number
from local import paths
from moderation import model

ROOT = Path(__file__).parents[3]


def some_results() -> Results:
    results = Results()
    for value in (3.0, 1.0, 2.0):
        results.add("stream", "ours", {"tweets_per_second": 1000 * value, "memory_mb": value})
    return results


def test_figures_are_medians_and_what_was_not_measured_is_left_out() -> None:
    text = report.markdown(some_results(), ["One fact.", "Another."])
    assert text.startswith("One fact. Another.\n")
    assert "| batches of 200 (tweets/s) | 2,000 | - | - |" in text
    assert "### Throughput" in text
    assert "### Start" not in text


@pytest.mark.parametrize(("value", "written"), [(None, "-"), (0.01234, "0.0123"), (12.34, "12.3"), (12345.6, "12,346")])
def test_numbers_have_three_digits(value: float | None, written: str) -> None:
    assert number(value) == written


def test_every_measurement_has_a_section() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks" / "measures").glob("*.py")} - {"__init__"}
    assert set(report.SECTIONS) == modules


def test_the_report_and_every_round_are_written(tmp_path: Path) -> None:
    report.write(tmp_path / "out", "text\n", some_results(), ["a fact"], QUICK)
    assert (tmp_path / "out" / "benchmarks.md").read_text() == "text\n"
    written = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    assert written["facts"] == ["a fact"]
    assert written["scale"]["rounds"] == QUICK.rounds
    assert written["figures"][0] == {
        "measurement": "stream",
        "side": "ours",
        "figure": "tweets_per_second",
        "median": 2000.0,
        "rounds": [3000.0, 1000.0, 2000.0],
    }


def test_the_report_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    for text in ("new\n", "newer\n"):
        report.place(document, text)
    assert document.read_text() == f"before\n{report.BEGIN}\n\nnewer\n\n{report.END}\nafter\n"


def test_a_document_without_its_marks_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(f"{report.BEGIN}\n")
    with pytest.raises(report.NoPlaceError, match="to say where the report stands"):
        report.place(document, "new\n")
    assert document.read_text() == f"{report.BEGIN}\n"


def test_the_documentation_has_its_marks() -> None:
    written = (ROOT / command.DOCUMENT).read_text()
    assert written.count(report.BEGIN) == written.count(report.END) == 1


def test_nothing_is_classified_that_was_trained_on() -> None:
    rows = tweets.Rows([f"tweet number {place}" for place in range(100)], ["age"] * 100)
    training, held_out = tweets.split(rows)
    assert len(training.texts) == len(training.labels) == 75
    assert not set(training.texts) & set(held_out)
    assert tweets.split(rows) == (training, held_out)


def test_tweets_are_distinct_however_many_are_asked_for() -> None:
    texts = tweets.distinct(["a b c d", "e f g h i", "j k l m n o", " "], 12)
    assert len(set(texts)) == 12
    assert all(text.strip() for text in texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"text,label\na,b\n", "is not a CSV file with the columns tweet_text and cyberbullying_type in every row"),
        (b"tweet_text,cyberbullying_type\n\xff\xfe,age\n", "is not a CSV file"),
        (b"tweet_text,cyberbullying_type\nshort\n", "is not a CSV file"),
        (b"tweet_text,cyberbullying_type\n", "has no rows"),
    ],
)
def test_data_that_cannot_be_used_ends_with_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    data = tmp_path / "rows.csv"
    if content is not None:
        data.write_bytes(content)
    assert command.main(["--data", str(data), "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err


def test_a_folder_without_a_model_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--data", str(ROOT / tweets.SAMPLE), "--model", str(tmp_path)]) == 1
    assert "manifest.json" in capsys.readouterr().err


def test_classes_that_nobody_knows_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("tweet_text,cyberbullying_type\n" + "some words of a tweet,unheard_of\n" * 8)
    assert command.main(["--data", str(data), "--candidate", "naive_bayes"]) == 1
    assert "unheard_of" in capsys.readouterr().err


def test_too_few_rows_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("tweet_text,cyberbullying_type\n" + "some words of a tweet,age\n" * 8)
    assert command.main(["--data", str(data)]) == 1
    assert "too few rows to train on of " in capsys.readouterr().err


def test_an_interrupt_ends_it_quietly_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(paths, "HOME", tmp_path / "home")
    monkeypatch.setattr(models, "train", interrupted)
    assert command.main(["--data", str(ROOT / tweets.SAMPLE)]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize(("watched", "told"), [(False, ["training", "first", "second"]), (True, [])])
def test_what_is_going_on_is_told_in_lines_where_nobody_watches_a_bar(watched: bool, told: list[str]) -> None:
    console = Console(file=io.StringIO(), force_terminal=watched)
    progress = Progress(console=console)  # not started: no bar is drawn
    steps = command.Steps(progress, total=2)
    for say, what in ((steps.say, "training"), (steps.say, "training"), (steps.next, "first"), (steps.next, "second")):
        say(what)
    assert console.file.getvalue().split() == told  # type: ignore[attr-defined]
    assert progress.tasks[0].completed == 1


def test_a_quick_run_is_not_for_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--quick", "--write-docs"])
    assert "--write-docs needs a full run" in capsys.readouterr().err


def test_the_recipe_that_is_asked_for_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[tuple[str, int]] = []
    for other in (original, study):
        monkeypatch.setattr(other, "train", lambda texts, _labels, folder: learned.append((folder.name, len(texts))))
    rows, _ = tweets.split(tweets.read(ROOT / tweets.SAMPLE))
    told: list[str] = []
    trained = models.train(rows, tmp_path, given=None, candidate="naive_bayes", report=told.append)
    assert model.load(trained.folders["ours"]).manifest.candidate == trained.candidate == "naive_bayes"
    assert told[-1] == "training naive_bayes"
    again = models.train(rows, tmp_path / "2", given=trained.folders["ours"], candidate=None, report=told.append)
    assert (again.candidate, again.folders["ours"]) == ("naive_bayes", trained.folders["ours"])
    assert learned == [("original", 450), ("study", 450)] * 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "All sides learned from the same 450 rows of `tweets.csv`, none of which is among"),
        (["--model", "out/model"], "The other two learned from the same 450 rows of `tweets.csv`; what the model"),
    ],
)
def test_the_report_says_what_was_learned_from_what(arguments: list[str], said: str) -> None:
    assert command._lesson(command._parser().parse_args(arguments), 450).startswith(said)


def test_baselines_that_cannot_be_served_are_not_offered() -> None:
    assert "nearest_neighbours" not in models.servable()
    assert "stack" in models.servable()
