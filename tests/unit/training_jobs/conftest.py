"""One small training, done once: its prepared data, its validation twin and its refit."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.sagemaker import StubbedSession
from tests.fakes.training import FakeTracker, labelled_rows, write_csv
from training_jobs.folders import Folders
from training_jobs.prepare import prepare
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.tracking import NullTracker
from training_jobs.train import TrainingSettings, train
from training_jobs.trained import BASELINE, Trained, read_trained

CANDIDATE = "naive_bayes"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    places = Folders(tmp_path / "ml")
    places.base.mkdir()
    return places


@pytest.fixture
def tracker(tmp_path: Path) -> FakeTracker:
    return FakeTracker(tmp_path / "tracked")


@pytest.fixture(scope="session")
def small_training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``prepared``, ``candidate``, ``model`` and ``baseline``, as jobs of one execution leave them."""
    base = tmp_path_factory.mktemp("small-training")
    step = Folders(base / "prepare")
    write_csv(step.base / "processing/input/labelled/tweets.csv", labelled_rows(60))
    prepare(step, NullTracker())
    shutil.copytree(step.processing_output("prepared"), base / "prepared")
    for name, recipe, refit in (
        ("candidate", CANDIDATE, False),
        ("model", CANDIDATE, True),
        ("baseline", BASELINE, False),
    ):
        job = Folders(base / f"job-{name}")
        shutil.copytree(base / "prepared", job.base / "input/data/prepared")
        train(job, NullTracker(), TrainingSettings(recipe, refit=refit))
        shutil.copytree(job.model, base / name)
    return base


@pytest.fixture
def gate_inputs(small_training: Path, folders: Folders) -> Folders:
    """The folders of an evaluation job: the prepared data as files, the models as SageMaker packs them."""
    inputs = folders.base / "processing/input"
    shutil.copytree(small_training / "prepared", inputs / "prepared")
    for name in ("candidate", "model", "baseline"):
        (inputs / name).mkdir()
        with tarfile.open(inputs / name / "model.tar.gz", "w:gz") as archive:
            archive.add(small_training / name, arcname=".")
    return folders


@pytest.fixture
def session() -> Iterator[StubbedSession]:
    stubbed = StubbedSession()
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.assert_no_pending_responses()


@pytest.fixture
def prepared(small_training: Path) -> Prepared:
    return read_prepared(small_training / "prepared")


@pytest.fixture
def candidate(small_training: Path, tmp_path: Path) -> Trained:
    return read_trained(Path(shutil.copytree(small_training / "candidate", tmp_path / "candidate")))


@pytest.fixture
def refit(small_training: Path, tmp_path: Path) -> Trained:
    return read_trained(Path(shutil.copytree(small_training / "model", tmp_path / "refit")))


@pytest.fixture
def baseline(small_training: Path) -> Trained:
    return read_trained(small_training / "baseline")
