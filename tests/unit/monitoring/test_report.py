"""The reports themselves. Importing Evidently takes ten seconds, so all that needs it is in this one file."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moderation.labels import LABELS, Label
from moderation.messages import Decision
from moderation.reference import ReferenceVerdict, write_reference
from monitoring import __main__ as command
from monitoring import metric_names as names
from monitoring import pages
from monitoring.report import SHARED_BY, Limits, Report, make_report, telling_words
from monitoring.windows import Row, Window, reference_window
from tests.fakes.monitoring import archived, tweet_line, verdict_line

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
INSIDE = END - timedelta(minutes=30)
LIMITS = Limits(verdicts=300, labels=100, class_labels=10)
CALM = ["morning", "coffee", "train", "school", "garden", "music", "football", "rain", "lunch", "friends"]
HEATED = ["zorp", "glim", "frob", "quux", "blarg", "snark", "wibble", "florp"]


def rows(
    count: int, *, words: list[str], right: float, confidence: float, seed: int, labelled: bool = True
) -> list[Row]:
    chance = random.Random(seed)
    found = []
    for number in range(count):
        label = chance.choice(LABELS)
        said = label if chance.random() < right else chance.choice(LABELS)
        text = f"@user{number} " + " ".join(chance.choices(words, k=chance.randint(6, 14))) + f" unique{number}"
        sure = min(1.0, max(0.0, chance.gauss(confidence, 0.05)))
        found.append(Row(said, sure, Decision.PASS, text, label if labelled else None))
    return found


def window(rows: list[Row], *, labelled: bool = True) -> Window:
    found = Window(END - timedelta(hours=24), END, len(rows), rows=rows, labelled=rows if labelled else [])
    for row in rows:
        found.classes[row.classification] += 1
        found.confidence += row.confidence
    found.versions["7"] = len(rows)
    found.sources["x"] = len(rows)
    return found


@pytest.fixture(scope="module")
def reference() -> Window:
    return window(rows(600, words=CALM, right=0.9, confidence=0.9, seed=1))


@pytest.fixture(scope="module")
def calm(reference: Window) -> Report:
    return make_report(window(rows(600, words=CALM, right=0.9, confidence=0.9, seed=2)), reference, LIMITS)


@pytest.fixture(scope="module")
def shifted(reference: Window) -> Report:
    current = rows(600, words=CALM[:3] + HEATED, right=0.5, confidence=0.6, seed=3)
    for row in current[::2]:
        row.text = "привет как дела сегодня вечером там где ты живешь " + (row.text or "")
        row.classification = Label.RELIGION
    return make_report(window(current), reference, LIMITS)


def test_the_same_kind_of_tweets_is_no_drift(calm: Report) -> None:
    assert not calm.missing
    for metric in (*names.DRIFT_SIGNALS, names.DRIFTED_SHARE, names.MACRO_F1_DROP):
        value = calm.value(metric)
        assert value is not None, metric.name
        assert not metric.beyond(value), metric.name
    assert "No drift" in pages.page(calm)


def test_shifted_tweets_and_a_worse_model_are_findings(shifted: Report) -> None:
    for metric in (*names.DRIFT_SIGNALS, names.DRIFTED_SHARE, names.MACRO_F1_DROP):
        value = shifted.value(metric)
        assert value is not None, metric.name
        assert metric.beyond(value), metric.name
    assert "Tweets have drifted and the model has become worse" in pages.page(shifted)
    assert set(HEATED) & set(shifted.words)


def test_every_metric_that_is_listed_is_measured(calm: Report) -> None:
    measured = {item.metric for item in calm.values} | {names.CHAMPION_VERSION}  # that one comes from the pointer
    assert measured == set(names.METRICS)
    by_class = {item.by for item in calm.values if item.metric is names.CLASS_F1}
    assert by_class == {label.value for label in LABELS}


def test_quality_is_measured_against_true_classes(reference: Window) -> None:
    right = [Row(label, 0.9, Decision.PASS, None, label) for label in LABELS for _ in range(20)]
    for row in right[:10]:
        row.classification = Label.GENDER
    report = make_report(window(right), reference, LIMITS)
    assert report.value(names.ACCURACY) == pytest.approx(110 / 120)
    assert report.value(names.CLASS_RECALL, "age") == pytest.approx(0.5)
    assert report.value(names.CLASS_PRECISION, "gender") == pytest.approx(20 / 30)
    assert report.value(names.CLASS_F1, "religion") == pytest.approx(1.0)


def test_classes_with_few_labels_are_not_given_as_numbers(reference: Window) -> None:
    current = [Row(Label.AGE, 0.9, Decision.PASS, None, Label.AGE) for _ in range(200)]
    current += [Row(Label.AGE, 0.9, Decision.PASS, None, Label.RELIGION) for _ in range(9)]
    report = make_report(window(current), reference, LIMITS)
    assert report.value(names.CLASS_F1, "religion") is None
    assert report.value(names.CLASS_F1, "age") is not None
    assert any("religion" in sentence for sentence in report.missing)
    assert re.search(r"<td>religion</td><td class='n'>- \(0\.\d+\)", pages.page(report))


def test_a_small_window_says_not_enough_data_instead_of_a_number(reference: Window) -> None:
    small = window(rows(299, words=HEATED, right=0.1, confidence=0.2, seed=4, labelled=False), labelled=False)
    report = make_report(small, reference, LIMITS)
    assert len(report.missing) == 2
    assert all(sentence.startswith("Not enough data") for sentence in report.missing)
    assert all(report.value(metric) is None for metric in (*names.DRIFT_SIGNALS, names.DRIFTED_SHARE, names.MACRO_F1))
    assert report.value(names.VERDICTS_IN_WINDOW) == 299
    assert "Not enough data" in pages.page(report)


def test_without_texts_classes_and_confidence_are_still_compared(reference: Window) -> None:
    current = rows(400, words=CALM, right=0.9, confidence=0.9, seed=5)
    for row in current[:300]:
        row.text = None
    report = make_report(window(current), reference, LIMITS)
    assert report.value(names.TEXT_DRIFT) is None
    assert report.value(names.DRIFTED_SHARE) is None
    assert report.value(names.PREDICTION_DRIFT) is not None
    assert report.value(names.TEXT_MISSING) == 0.75
    assert any("100 of the verdicts" in sentence for sentence in report.missing)


def test_languages_are_compared_where_both_sides_name_them(reference: Window) -> None:
    named = [Row(row.classification, row.confidence, row.decision, row.text, row.label, "en") for row in reference.rows]
    foreign = [
        Row(row.classification, row.confidence, row.decision, row.text, row.label, "nl") for row in reference.rows
    ]
    assert make_report(window(foreign), window(named), LIMITS).value(names.LANGUAGE_DRIFT) == pytest.approx(
        1.0, abs=0.2
    )
    assert make_report(window(foreign), reference, LIMITS).value(names.LANGUAGE_DRIFT) == pytest.approx(0.0)


def test_no_file_of_a_report_holds_a_tweet_or_a_user(shifted: Report, tmp_path: Path) -> None:
    pages.write(shifted, tmp_path)
    everything = "".join(path.read_text() for path in tmp_path.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "quality.html", "summary.json", "report.json"}
    texts = [row.text or "" for row in shifted.current.rows + (shifted.reference.rows if shifted.reference else [])]
    for text in texts:
        *words, last = text.split()
        assert last not in everything
        assert " ".join(words[:4]) not in everything
    assert "@user" not in everything


def test_words_are_shown_only_where_several_tweets_use_them() -> None:
    current = ["rare shared"] * (SHARED_BY - 1) + ["shared"]
    assert telling_words(current, ["other"] * 5) == ["shared"]


def test_pages_load_nothing_from_elsewhere(shifted: Report) -> None:
    page = pages.page(shifted)
    assert 'src="http' not in page
    assert "<link" not in page.split("<script")[0]


def test_numbers_are_written_under_their_metrics_names(shifted: Report) -> None:
    summary = json.loads(pages.summary(shifted))
    text = next(item for item in summary["numbers"] if item["metric"] == "TextDrift")
    assert text["beyond"] is True
    assert text["threshold"] == names.TEXT_DRIFT.threshold
    assert summary["versions"] == {"7": 600}


def test_a_person_makes_a_report_from_an_archive(tmp_path: Path, reference: Window) -> None:
    verdicts = [
        ReferenceVerdict(row.text or "", row.label or Label.AGE, row.classification, row.confidence, row.decision)
        for row in reference.rows
    ]
    write_reference(tmp_path / "reference.jsonl.gz", verdicts)
    current = rows(350, words=CALM, right=0.9, confidence=0.9, seed=6)
    records = {
        "verdicts": [(INSIDE, verdict_line(str(n), INSIDE, row.classification)) for n, row in enumerate(current)],
        "tweets": [(INSIDE, tweet_line(str(n), row.text or "")) for n, row in enumerate(current)],
    }
    for key, body in archived(records).items():
        path = tmp_path / "archive" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    labels = "".join(f"{n},{row.label}\n" for n, row in enumerate(current))
    (tmp_path / "labels.csv").write_text(f"tweet_id,label\n{labels}")
    arguments = [
        "report",
        "--reference",
        str(tmp_path),
        "--current",
        str(tmp_path / "archive"),
        "--end",
        "2026-11-23T10:00",
    ]
    arguments += ["--labels", str(tmp_path / "labels.csv"), "--out", str(tmp_path / "out"), "--minimum", "300"]
    assert command.main(arguments) == 0
    assert json.loads((tmp_path / "out/summary.json").read_text())["verdicts"] == 350
    assert (tmp_path / "out/quality.html").exists()


def test_a_person_makes_a_report_from_two_files(tmp_path: Path) -> None:
    write_reference(tmp_path / "reference.jsonl.gz", [])
    (tmp_path / "verdicts.jsonl").write_bytes(verdict_line("1", INSIDE) + b"\n")
    (tmp_path / "tweets.jsonl").write_bytes(tweet_line("1", "text") + b"\n")
    arguments = ["report", "--reference", str(tmp_path), "--current", str(tmp_path / "verdicts.jsonl")]
    arguments += ["--tweets", str(tmp_path / "tweets.jsonl"), "--out", str(tmp_path / "out")]
    assert command.main(arguments) == 0
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["verdicts"], summary["start"]) == (1, None)


@pytest.mark.parametrize("missing", ["reference", "current", "tweets", "labels"])
def test_what_is_not_there_is_named(missing: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_reference(tmp_path / "reference.jsonl.gz", [])
    (tmp_path / "verdicts.jsonl").write_bytes(verdict_line("1", INSIDE))
    given = {
        "reference": str(tmp_path),
        "current": str(tmp_path / "verdicts.jsonl"),
        missing: str(tmp_path / "nowhere"),
    }
    arguments = ["report", "--out", str(tmp_path / "out")]
    for name, value in given.items():
        arguments += [f"--{name}", value]
    assert command.main(arguments) == 2
    assert "nowhere" in caplog.text


def test_evidently_is_imported_only_where_there_is_something_to_compare() -> None:
    code = (
        "import sys, monitoring.__main__, monitoring.job; sys.exit(any(m.startswith('evidently') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reference_is_read_as_one_side() -> None:
    verdict = ReferenceVerdict("text", Label.AGE, Label.AGE, 0.5, Decision.PASS)
    assert reference_window([verdict]).rows == [Row(Label.AGE, 0.5, Decision.PASS, "text", Label.AGE)]
