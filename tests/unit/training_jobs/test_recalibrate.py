"""Local adaptation: what it learns, what it leaves alone, and that its figures are of tweets it has not seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from moderation.labels import HARMFUL, HARMLESS, LABELS, Label
from moderation.model import Model, load
from tests.fakes.artefact import DOUBTFUL, insult, keyword_model
from tests.fakes.training import FILLERS, labelled_rows, write_csv
from training_jobs import recalibrate as module
from training_jobs.candidates import fit
from training_jobs.floors import PARITY_TOLERANCE
from training_jobs.recalibrate import recalibrate
from training_jobs.recalibration import Reviewed, Shift, fit_shift, read_inputs, shifted_arrays
from training_jobs.reviewed import read_reviewed

DOUBTFUL_IS_HARMLESS = 0.9


def local_rows(count: int = 160) -> list[tuple[str, str]]:
    """Tweets of a deployment in which the word that the parent doubts is nearly always harmless."""
    chance = np.random.default_rng(4)
    rows = []
    for number in range(count):
        words = chance.choice(FILLERS, 5).tolist()
        if number % 2:
            words.append(DOUBTFUL)
            harmful = chance.random() > DOUBTFUL_IS_HARMLESS
        else:
            words.append(insult(HARMFUL[number % 5]))
            harmful = True
        rows.append((f"{' '.join(words)} {number}", "yes" if harmful else "no"))
    return rows


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "labels.csv", local_rows(), ("tweet_text", "harmful"))


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    keyword_model().save(tmp_path / "parent")
    return tmp_path / "parent"


@pytest.fixture(scope="module")
def stack() -> Model:
    rows = labelled_rows(20)
    texts, classes = [text for text, _ in rows], [Label(label) for _, label in rows]
    fitted = fit("stack", texts, classes, groups=range(len(rows)), seed=7, data_sha256="0" * 64)
    assert fitted.model is not None
    return fitted.model


def test_the_command_writes_a_model_and_says_what_changed(
    parent: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in parent.iterdir()}
    out = tmp_path / "out"
    assert module.main(["--model", str(parent), "--labels", str(labels), "--out", str(out)]) == 0
    manifest = load(out).manifest
    assert manifest.candidate == "recalibrated"
    assert manifest.recalibrated is not None
    assert manifest.recalibrated.labels == 160
    assert manifest.recalibrated.labels_sha256 == read_reviewed(labels).sha256
    assert manifest.recalibrated.parent_candidate == "keywords"
    assert manifest.recalibrated.parent_sha256 == hashlib.sha256(before["manifest.json"]).hexdigest()
    assert {file.name: file.read_bytes() for file in parent.iterdir()} == before
    printed = capsys.readouterr().out
    for part in ("160 reviewed tweets", "before", "after", "macro-F1, harmful or not", "harmless tweets flagged"):
        assert part in printed
    assert "doubtfulword" not in printed


def test_what_the_deployment_calls_harmless_is_no_longer_harm(parent: Path, labels: Path) -> None:
    old = load(parent)
    outcome = recalibrate(old, "0" * 64, read_reviewed(labels))
    column = LABELS.index(HARMLESS)
    doubtful, certain = f"we said {DOUBTFUL} again", f"we said {insult(Label.AGE)} again"
    assert outcome.model.score([doubtful])[0, column] > 0.7 > old.score([doubtful])[0, column]
    assert outcome.model.score([certain])[0].argmax() == LABELS.index(Label.AGE), "which class it is, the parent knows"
    assert outcome.after.harm_macro_f1 > outcome.before.harm_macro_f1
    assert outcome.after.harm_calibration_error < outcome.before.harm_calibration_error


def test_figures_after_are_of_tweets_that_were_not_fitted_on(parent: Path, tmp_path: Path) -> None:
    """Labels that mean nothing cannot be predicted, unless they were learnt by heart."""
    chance = np.random.default_rng(5)
    rows = [(text, str(chance.choice(("yes", "no")))) for text, _ in local_rows(200)]
    outcome = recalibrate(
        load(parent), "0" * 64, read_reviewed(write_csv(tmp_path / "x.csv", rows, ("tweet_text", "harmful")))
    )
    assert outcome.after.harm_macro_f1 < 0.62


def test_class_labels_give_six_class_figures(stack: Model, tmp_path: Path) -> None:
    tweets = read_reviewed(write_csv(tmp_path / "x.csv", labelled_rows(25, seed=9)))
    outcome = recalibrate(stack, "0" * 64, tweets)
    assert outcome.before.macro_f1 is not None
    assert outcome.after.macro_f1 is not None
    assert outcome.model.manifest.metrics["macro_f1"] == outcome.after.macro_f1


@pytest.mark.parametrize("name", ["keywords", "stack"])
def test_the_artefact_scores_as_the_fit_did(name: str, stack: Model, tmp_path: Path) -> None:
    model = stack if name == "stack" else keyword_model()
    texts = [text for text, _ in labelled_rows(20, seed=3)] + [text for text, _ in local_rows(40)]
    inputs = read_inputs(model, texts)
    chance = np.random.default_rng(1)
    shift = Shift(chance.normal(size=(inputs.joined().shape[1], 6)) / 5, chance.normal(size=6))
    shifted = Model(model.manifest, shifted_arrays(model, shift))
    shifted.save(tmp_path / "model")
    assert np.abs(load(tmp_path / "model").score(texts) - shift.probabilities(inputs)).max() < PARITY_TOLERANCE
    assert np.abs(shift.probabilities(inputs) - model.score(texts)).max() > 0.01


def test_few_labels_change_little_and_many_change_more() -> None:
    inputs = read_inputs(keyword_model(), [text for text, _ in local_rows(200)])
    allowed = np.array([[(label == "yes") == (c is not HARMLESS) for c in LABELS] for _, label in local_rows(200)])
    reviewed = Reviewed(allowed, np.arange(200))
    sizes = []
    for count in (10, 50, 200):
        rows = np.arange(count)
        shift = fit_shift(inputs.at(rows), reviewed.at(rows))
        still = np.abs(shift.probabilities(inputs) - keyword_model().score([t for t, _ in local_rows(200)])).mean()
        sizes.append(float(still))
    assert sizes == sorted(sizes)
    assert np.abs(fit_shift(inputs, reviewed, penalty=1e6).weights).max() < 1e-2


def test_near_duplicates_are_never_on_both_sides() -> None:
    allowed = np.array([[(n % 2 == 0) == (c is not HARMLESS) for c in LABELS] for n in range(120)])
    reviewed = Reviewed(allowed, np.arange(120) // 4)
    for seen, held_out in reviewed.folds(7):
        assert not set(reviewed.groups[seen]) & set(reviewed.groups[held_out])


def test_too_few_labels_are_refused_and_nothing_is_written(
    parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_csv(tmp_path / "few.csv", local_rows(20), ("tweet_text", "harmful"))
    assert module.main(["--model", str(parent), "--labels", str(few), "--out", str(tmp_path / "out")]) == 2
    assert "fewer than 25 reviewed tweets of harmful" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["the parent", "a file", "something else"])
def test_the_output_folder_is_nobodys(
    parent: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    out = {"the parent": parent, "a file": labels, "something else": other}[what]
    assert module.main(["--model", str(parent), "--labels", str(labels), "--out", str(out)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_folder_without_a_model_is_named(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.main(["--model", str(tmp_path / "no"), "--labels", str(labels), "--out", str(tmp_path / "out")]) == 2
    assert "is not a model that can be loaded" in capsys.readouterr().err
