"""Training on one machine, without anything around it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from moderation.model import load
from tests.fakes.training import labelled_rows, write_csv
from training_jobs import candidates, floors
from training_jobs import local_run as module
from training_jobs.errors import InputError, JobError
from training_jobs.local_run import check_places, choose, train_locally
from training_jobs.trained import BASELINE, TrainingRecord, read_trained

NEIGHBOURS = candidates.CANDIDATES["nearest_neighbours"]


@pytest.fixture(autouse=True)
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, candidates.Candidate]:
    """The recipes that compete: a quick one is enough for most of these tests."""
    few = {name: candidates.CANDIDATES[name] for name in ("naive_bayes", BASELINE)}
    monkeypatch.setattr(candidates, "CANDIDATES", few)
    return few


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "data/tweets.csv", labelled_rows(40))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_model_its_card_and_its_evaluation_are_written(
    data: Path,
    tmp_path: Path,
    scratch: Path,
    recipes: dict[str, candidates.Candidate],
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipes["nearest_neighbours"] = NEIGHBOURS
    out = tmp_path / "out/model"
    assert module.main(["--data", str(data), "--out", str(out)]) == 0
    model = load(out)
    assert model.manifest.candidate == "naive_bayes"
    assert model.score(["schoolzig highzag"]).shape == (1, 6)
    assert {path.name for path in out.iterdir()} == {
        "manifest.json", "model.npz", "model_card.md", "reference.jsonl.gz", "evaluation",
    }  # fmt: skip
    assert json.loads((out / "evaluation/evaluation.json").read_text())["passed"] is True
    assert "Trained on 240 rows only" in (out / "model_card.md").read_text()
    printed = capsys.readouterr().out
    for part in (
        "naive_bayes *",
        "nearest_neighbours (b)",
        "beside published_study",
        "how good the model is",
        "passed origin",
        str(out),
    ):
        assert part.replace(" ", "") in "".join(printed.split())  # lines are as long as the terminal is wide
    assert not list(scratch.iterdir())


def test_a_folder_of_files_is_data_too_and_a_model_is_replaced(data: Path, tmp_path: Path, scratch: Path) -> None:
    out = tmp_path / "out"
    quiet = Console(quiet=True)
    assert train_locally(data.parent, out, 7, quiet) == 0
    first = (out / "manifest.json").read_bytes()
    assert train_locally(data.parent, out, 8, quiet) == 0
    assert (out / "manifest.json").read_bytes() != first
    assert load(out).manifest.seed == 8


def test_a_model_that_does_not_pass_is_not_written(
    data: Path, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(floors, "_ANY_SIZE", (floors.Floor("macro_f1", 1.1, "cannot be reached"),))
    assert module.main(["--data", str(data), "--out", str(tmp_path / "out")]) == 1
    assert "did not pass and was not written" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_faulty_data_is_named(tmp_path: Path, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = write_csv(tmp_path / "faulty.csv", [("text", "spam")])
    assert module.main(["--data", str(faulty), "--out", str(tmp_path / "out")]) == 2
    assert "row 2 with a cyberbullying_type" in capsys.readouterr().err
    assert not list(scratch.iterdir())


def test_an_interrupt_cleans_up(
    data: Path, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", interrupted)
    assert module.main(["--data", str(data), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not list(scratch.iterdir())
    assert not (tmp_path / "out").exists()


def test_places_are_checked_before_any_work(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        check_places(tmp_path / "missing.csv", tmp_path / "out")
    with pytest.raises(InputError, match="is a file"):
        check_places(data, data)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a model"):
        check_places(data, precious)
    shutil.rmtree(precious)
    precious.mkdir()
    check_places(data, precious)  # an empty folder is fine


def test_the_best_servable_candidate_is_chosen(small_training: Path) -> None:
    record = read_trained(small_training / "candidate").record
    fair_measures = record.measures
    assert fair_measures is not None

    def scoring(name: str, macro_f1: float, *, servable: bool = True) -> TrainingRecord:
        measures = msgspec.structs.replace(fair_measures, macro_f1=macro_f1)
        return msgspec.structs.replace(record, candidate=name, servable=servable, measures=measures)

    fair, good, baseline = scoring("fair", 0.8), scoring("good", 0.85), scoring("baseline", 0.9, servable=False)
    assert choose([fair, good, baseline]).candidate == "good"
    with pytest.raises(JobError, match="none of the candidates"):
        choose([baseline])
