"""The recalibrated champion as a candidate: when it competes, what it is made of, and that it goes through the gate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from moderation import manifest
from moderation.errors import BadArtefactError
from moderation.manifest import NORMALISER_VERSION
from moderation.model import load
from tests.fakes.training import FakeTracker, Row, labelled_rows, write_csv
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError
from training_jobs.folders import Folders
from training_jobs.folds import text_hashes
from training_jobs.gate import judge
from training_jobs.model_card import model_card
from training_jobs.prepare import prepare
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.tracking import MODEL_FOLDER, TWIN_FOLDER, RegisteredVersion
from training_jobs.train import TrainingSettings, train
from training_jobs.trained import Trained, read_trained

REVIEWED = labelled_rows(12, seed=8)


def prepared_with(folders: Folders, tracker: FakeTracker, reviewed: list[Row]) -> Prepared:
    """Prepare the data of ``small_training``, and reviewed tweets beside it."""
    labelled = folders.base / "processing/input/labelled"
    write_csv(labelled / "tweets.csv", labelled_rows(60))
    if reviewed:
        write_csv(labelled / "reviewed/week-12.csv", reviewed)
    prepare(folders, tracker)
    return read_prepared(folders.processing_output("prepared"))


@pytest.fixture
def champion(tracker: FakeTracker, small_training: Path) -> FakeTracker:
    """A registry whose champion is what ``small_training`` left."""
    run_id = tracker.start_run("an earlier refit", parent="", tags={})
    refit = read_trained(small_training / "model")
    tracker.log_files(run_id, refit.artefact, MODEL_FOLDER)
    tracker.log_files(run_id, small_training / "candidate", TWIN_FOLDER)
    tracker.versions["4"] = RegisteredVersion("4", run_id, {"artefact_sha256": refit.record.artefact_sha256})
    tracker.alias = "4"
    return tracker


def fitted(folders: Folders, tracker: FakeTracker, name: str, *, candidate: str, refit: bool = False) -> Trained:
    job = Folders(folders.base / name)
    shutil.copytree(folders.processing_output("prepared"), job.base / "input/data/prepared")
    train(job, tracker, TrainingSettings(candidate, refit=refit))
    return read_trained(job.model)


@pytest.mark.parametrize(
    ("reviewed", "has_champion", "expected"),
    [(REVIEWED, True, False), (labelled_rows(40, seed=8), True, True), (labelled_rows(40, seed=8), False, False),
     ([], True, False)],
)  # fmt: skip
def test_prepare_says_whether_it_competes(
    folders: Folders, champion: FakeTracker, reviewed: list[Row], has_champion: bool, expected: bool
) -> None:
    champion.alias = "4" if has_champion else ""
    prepared = prepared_with(folders, champion, reviewed)
    assert json.loads(folders.message_file.read_text())["recalibrate"] is expected
    assert int(prepared.reviewed.sum()) == len(reviewed)


def test_a_champion_of_another_age_does_not_stop_a_retrain(
    folders: Folders, champion: FakeTracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(manifest, "NORMALISER_VERSION", NORMALISER_VERSION + 1)
    prepared_with(folders, champion, labelled_rows(40, seed=8))
    assert json.loads(folders.message_file.read_text())["recalibrate"] is False
    assert f"version 4 is not recalibrated: the model was trained behind normaliser {NORMALISER_VERSION}" in caplog.text


def test_a_champion_whose_twin_is_gone_does_not_stop_a_retrain(
    folders: Folders, champion: FakeTracker, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(champion.folder / "run-1" / TWIN_FOLDER)
    prepared_with(folders, champion, labelled_rows(40, seed=8))
    assert json.loads(folders.message_file.read_text())["recalibrate"] is False
    assert "version 4 is not recalibrated: no files under twin" in caplog.text


class TestFitted:
    """With a champion and enough reviewed tweets."""

    @pytest.fixture
    def prepared(self, folders: Folders, champion: FakeTracker) -> Prepared:
        return prepared_with(folders, champion, labelled_rows(40, seed=8))

    def test_it_passes_the_gate_like_any_other(
        self, folders: Folders, champion: FakeTracker, prepared: Prepared
    ) -> None:
        twin = fitted(folders, champion, "twin", candidate="recalibrated")
        refit = fitted(folders, champion, "refit", candidate="recalibrated", refit=True)
        baseline = fitted(folders, champion, "baseline", candidate="published_study")
        assert twin.record.servable
        assert twin.record.candidate == load(refit.artefact).manifest.candidate == "recalibrated"
        assert twin.record.parameters == {"parent_version": "4", "parent_candidate": "naive_bayes"}
        evaluation = judge(prepared, refit, twin, None, baseline)
        assert [check.name for check in evaluation.checks if not check.passed] == []
        assert evaluation.measures is not None
        assert evaluation.measures.rows == len(twin.rows)
        assert "which the champion's twin was fitted on, are left out" in evaluation.checks[1].detail
        card = model_card(refit.record, load(refit.artefact).manifest, prepared.summary, evaluation, JobEnvironment())
        assert "# Cyberbullying detection, recalibrated" in card
        assert "refitted on 240 reviewed tweets of this deployment" in card
        run = champion.runs[twin.record.run_id]
        assert (run.name, run.parameters["candidate"]) == ("recalibrated", "recalibrated")

    def test_the_twin_is_adapted_without_the_fold_and_the_refit_on_everything(
        self, folders: Folders, champion: FakeTracker, prepared: Prepared
    ) -> None:
        twin = fitted(folders, champion, "twin", candidate="recalibrated")
        refit = fitted(folders, champion, "refit", candidate="recalibrated", refit=True)
        outside = prepared.reviewed & (prepared.folds != 0)
        assert (twin.record.rows, refit.record.rows) == (int(outside.sum()), 240)
        fold = np.flatnonzero(prepared.folds == 0)
        assert set(twin.rows) == set(fold[prepared.unseen(fold, twin.trained_on)])
        assert not np.isin(text_hashes(prepared.texts_at(twin.rows)), twin.trained_on).any()
        manifest = load(refit.artefact).manifest
        assert manifest.recalibrated is not None
        assert manifest.recalibrated.labels == 240
        assert manifest.recalibrated.parent_sha256 == champion.versions["4"].tags["artefact_sha256"]

    def test_a_champion_that_has_seen_the_fold_is_not_to_be_chosen(
        self, folders: Folders, champion: FakeTracker, prepared: Prepared, small_training: Path
    ) -> None:
        assert len(prepared.texts) == 600
        shutil.rmtree(champion.folder / "run-1" / TWIN_FOLDER)
        champion.log_files("run-1", small_training / "model", TWIN_FOLDER)
        trained = fitted(folders, champion, "twin", candidate="recalibrated")
        assert not trained.record.servable, "it has seen all but the reviewed rows of the fold"
        assert not (trained.artefact / "manifest.json").exists()

    def test_without_a_champion_it_is_refused(
        self, folders: Folders, champion: FakeTracker, prepared: Prepared
    ) -> None:
        assert prepared.reviewed.any()
        champion.alias = ""
        with pytest.raises(InputError, match="no champion to recalibrate"):
            fitted(folders, champion, "twin", candidate="recalibrated")

    def test_a_champion_that_was_altered_is_refused(
        self, folders: Folders, champion: FakeTracker, prepared: Prepared
    ) -> None:
        assert prepared.reviewed.any()
        version = champion.versions["4"]
        champion.versions["4"] = RegisteredVersion("4", version.run_id, {"artefact_sha256": "0" * 64})
        with pytest.raises(BadArtefactError, match="its digest differs"):
            fitted(folders, champion, "refit", candidate="recalibrated", refit=True)


def test_too_few_reviewed_tweets_are_refused(folders: Folders, champion: FakeTracker) -> None:
    prepared_with(folders, champion, REVIEWED)
    with pytest.raises(InputError, match="fewer than 25 reviewed tweets"):
        fitted(folders, champion, "twin", candidate="recalibrated")
