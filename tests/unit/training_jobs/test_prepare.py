"""The prepare step and the data set it hands on."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from moderation.labels import LABELS
from moderation.tombstones import Tombstone, encode_lines
from tests.fakes.training import FakeTracker, labelled_rows, write_csv
from training_jobs import prepare as module
from training_jobs.errors import InputError
from training_jobs.folders import Folders
from training_jobs.folds import FOLDS
from training_jobs.prepare import LEAST_PER_CLASS, prepare
from training_jobs.prepared import PreparedTweet, read_prepared, read_summary
from training_jobs.tracking import NullTracker

SECRET = "private words"  # noqa: S105 - what must not leak


def labelled(folders: Folders) -> Path:
    return folders.base / "processing/input/labelled"


def run(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(folders.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return module.main([])


def test_the_step_as_sagemaker_runs_it(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = labelled_rows(20)
    write_csv(labelled(folders) / "tweets.csv", [*rows, rows[0], ("both ways", "age"), ("both ways", "gender")])
    assert run(folders, monkeypatch) == 0
    output = folders.base / "processing/output/prepared"
    prepared = read_prepared(output)
    summary = prepared.summary
    assert summary.rows == len(prepared.texts) == 120
    assert summary.read == 123
    assert summary.rejected == {"empty_text": 0, "oversized": 0, "contradictory_labels": 2, "duplicate": 1}
    assert summary.classes == {label.value: 20 for label in LABELS}
    assert summary.folds == [24] * FOLDS
    assert sum(summary.folds) == 120
    message = json.loads((folders.base / "output/message").read_text())
    assert message == {"data_sha256": summary.data_sha256, "rows": 120, "run_id": "", "recalibrate": False}
    rejected = [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]
    assert [(row["reason"], row["row"], row["text"]) for row in rejected] == [
        ("duplicate", 122, rows[0][0]),
        ("contradictory_labels", 123, "both ways"),
        ("contradictory_labels", 124, "both ways"),
    ]


def test_what_was_withdrawn_is_handed_on_nowhere(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(str(number), *row) for number, row in enumerate([*labelled_rows(20), (SECRET, "age"), (SECRET, "age")])]
    write_csv(labelled(folders) / "tweets.csv", rows, header=("tweet_id", "tweet_text", "cyberbullying_type"))
    tombstones = [Tombstone(withdrawn_at="t", tweet_id=tweet) for tweet, text, _ in rows if text == SECRET]
    file = labelled(folders) / "withdrawn" / "dt=2026-11-23" / "hour=12" / "a.jsonl.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(encode_lines(tombstones)))
    assert run(folders, monkeypatch) == 0
    output = folders.base / "processing/output"
    assert read_prepared(output / "prepared").summary.read == 120
    written = [path for path in output.rglob("*") if path.is_file()]
    assert written
    assert not [path.name for path in written if SECRET in path.read_text(encoding="utf-8", errors="replace")]


def test_near_duplicates_share_a_group_and_a_fold(folders: Folders) -> None:
    rows = labelled_rows(20)
    copies = [(f"{text} indeed", label) for text, label in rows[:30]]
    write_csv(labelled(folders) / "tweets.csv", [*rows, *copies])
    prepare(folders, NullTracker())
    prepared = read_prepared(folders.processing_output("prepared"))
    assert prepared.summary.groups == 120
    places = {
        text: (group, fold) for text, group, fold in zip(prepared.texts, prepared.groups, prepared.folds, strict=True)
    }
    assert all(places[f"{text} indeed"] == places[text] for text, _ in rows[:30])


def test_the_same_rows_give_the_same_hash_groups_and_folds_in_any_files(tmp_path: Path) -> None:
    rows = labelled_rows(20)
    one, other = Folders(tmp_path / "one"), Folders(tmp_path / "other")
    write_csv(labelled(one) / "all.csv", rows)
    write_csv(labelled(other) / "a.csv", rows[70:])
    write_csv(labelled(other) / "b.csv", rows[:70])
    assert prepare(one, NullTracker()).data_sha256 == prepare(other, NullTracker()).data_sha256
    first, second = (read_prepared(each.processing_output("prepared")) for each in (one, other))
    assert dict(zip(first.texts, first.folds, strict=True)) == dict(zip(second.texts, second.folds, strict=True))


def test_another_label_gives_another_hash(tmp_path: Path) -> None:
    rows = labelled_rows(20)
    one, other = Folders(tmp_path / "one"), Folders(tmp_path / "other")
    write_csv(labelled(one) / "all.csv", rows)
    write_csv(labelled(other) / "all.csv", [(rows[0][0], "age" if rows[0][1] != "age" else "gender"), *rows[1:]])
    assert prepare(one, NullTracker()).data_sha256 != prepare(other, NullTracker()).data_sha256


def test_the_counts_go_to_the_executions_run(folders: Folders, tracker: FakeTracker) -> None:
    write_csv(labelled(folders) / "tweets.csv", labelled_rows(20))
    summary = prepare(folders, tracker)
    run = tracker.runs[summary.run_id]
    assert run.metrics["data/rows"] == 120
    assert run.metrics["data/contradictory_labels"] == 0
    assert run.tags["data_sha256"] == summary.data_sha256
    assert run.status == "RUNNING"  # the execution has only begun


def test_faulty_data_ends_the_job_with_code_2(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(labelled(folders) / "tweets.csv", [*labelled_rows(20), (SECRET, "spam")])
    assert run(folders, monkeypatch) == 2
    reason = folders.failure_file.read_text()
    assert reason.startswith("tweets.csv: row 122 with a cyberbullying_type that is none of")
    assert SECRET not in reason + capsys.readouterr().out
    assert not list((folders.base / "processing").glob("output/*/prepared.json"))


def test_without_its_input_the_job_says_so(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folders, monkeypatch) == 2
    assert "processing input 'labelled'" in folders.failure_file.read_text()


def test_a_class_with_next_to_no_rows_is_named(folders: Folders) -> None:
    rows = labelled_rows(LEAST_PER_CLASS)
    short = next(i for i, (_, label) in enumerate(rows) if label == "gender")
    write_csv(labelled(folders) / "tweets.csv", rows[:short] + rows[short + 1 :])
    with pytest.raises(InputError, match=r"gender \(9\)"):
        prepare(folders, NullTracker())


def test_no_tweet_is_logged(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = labelled_rows(20)
    write_csv(labelled(folders) / "tweets.csv", [*rows, (SECRET, "age"), (SECRET, "gender")])
    run(folders, monkeypatch)
    printed = "".join(capsys.readouterr())
    assert SECRET not in printed
    assert not any(text in printed for text, _ in rows)


@pytest.fixture
def prepared_folder(small_training: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "prepared"
    copy.mkdir()
    for file in (small_training / "prepared").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.mark.parametrize("name", ["prepared.json", "tweets.jsonl"])
def test_a_missing_file_is_named(prepared_folder: Path, name: str) -> None:
    (prepared_folder / name).unlink()
    with pytest.raises(InputError, match=f"no {name}"):
        read_prepared(prepared_folder)


@pytest.mark.parametrize("name", ["prepared.json", "tweets.jsonl"])
def test_a_damaged_file_is_named_and_not_quoted(prepared_folder: Path, name: str) -> None:
    (prepared_folder / name).write_text(f'{{"text": "{SECRET}"')
    with pytest.raises(InputError, match=name) as error:
        read_prepared(prepared_folder)
    assert SECRET not in str(error.value)


def test_missing_rows_are_noticed(prepared_folder: Path) -> None:
    lines = (prepared_folder / "tweets.jsonl").read_bytes().splitlines(keepends=True)
    (prepared_folder / "tweets.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(InputError, match="has 359 rows where"):
        read_prepared(prepared_folder)


def test_data_of_another_version_is_refused(prepared_folder: Path) -> None:
    summary = msgspec.structs.replace(read_summary(prepared_folder), schema_version=2)
    (prepared_folder / "prepared.json").write_bytes(msgspec.json.encode(summary))
    with pytest.raises(InputError, match="version 2"):
        read_prepared(prepared_folder)


def test_the_rows_are_the_contract(small_training: Path) -> None:
    lines = (small_training / "prepared/tweets.jsonl").read_bytes().splitlines()
    tweets = [msgspec.json.decode(line, type=PreparedTweet) for line in lines]
    assert Counter(tweet.fold for tweet in tweets) == dict.fromkeys(range(FOLDS), 72)
    assert set(json.loads(lines[0])) == {"text", "label", "group", "fold", "file", "row"}
