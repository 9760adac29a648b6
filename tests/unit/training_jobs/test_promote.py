"""Promotion: the pointer moves last, once, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moderation.champion import ChampionPointer, read_pointer, write_pointer
from moderation.errors import BadArtefactError
from moderation.reference import REFERENCE_FILE
from tests.fakes.artefact import keyword_model
from tests.fakes.aws import Killed, as_client
from tests.fakes.training import CheckedS3, FakeTracker, WritableSsm
from training_jobs import promote as module
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, JobError, TrackingError
from training_jobs.folders import Folders
from training_jobs.promote import Promoter
from training_jobs.tracking import NullTracker

BUCKET = "artefacts"
ENVIRONMENT = JobEnvironment(champion_parameter="/champion", artefacts_bucket=BUCKET)


class Stage:
    """A stage with registered versions 1, 2 and 3, none of which is champion yet."""

    def __init__(self, folder: Path) -> None:
        self.s3 = CheckedS3()
        self.ssm = WritableSsm("none")
        self.tracker = FakeTracker(folder / "tracked")
        self.tracker.execution_run()
        self.digests: dict[str, str] = {}
        for version in ("1", "2", "3"):
            self._register(folder / f"artefact-{version}", version)

    def promoter(self, environment: JobEnvironment = ENVIRONMENT) -> Promoter:
        return Promoter(as_client(self.s3), as_client(self.ssm), self.tracker, environment)

    @property
    def champion(self) -> str:
        return "none" if self.ssm.value == "none" else read_pointer(self.ssm.value).version

    def object(self, key: str) -> bytes:
        return self.s3.objects[BUCKET, key]

    def _register(self, folder: Path, version: str) -> None:
        digest = keyword_model().save(folder)
        evaluation = folder.parent / f"evaluation-{version}"
        evaluation.mkdir()
        (evaluation / REFERENCE_FILE).write_bytes(f"reference of {version}".encode())
        run_id = self.tracker.start_run("refit", parent="", tags={})
        self.tracker.log_files(run_id, folder, "model")
        self.tracker.log_files(run_id, evaluation, "evaluation")
        assert self.tracker.register(run_id, description="", tags={"artefact_sha256": digest}) == version
        self.digests[version] = digest


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_version_becomes_champion(stage: Stage) -> None:
    pointer = stage.promoter().promote("2")
    assert pointer == ChampionPointer("2", "s3://artefacts/models/2", stage.digests["2"])
    assert read_pointer(stage.ssm.value) == pointer
    assert stage.tracker.alias == "2"
    names = ["manifest.json", "model.npz", "promotion.json", REFERENCE_FILE]
    assert stage.s3.keys(BUCKET) == sorted(f"models/2/{name}" for name in names)
    assert stage.object("models/2/reference.jsonl.gz") == b"reference of 2"


def test_a_promotion_notes_what_it_replaced(stage: Stage) -> None:
    first = stage.promoter().promote("1")
    stage.promoter().promote("2")
    assert json.loads(stage.object("models/1/promotion.json"))["replaced"] is None
    assert json.loads(stage.object("models/2/promotion.json"))["replaced"]["sha256"] == first.sha256


def test_a_crash_at_any_point_before_the_pointer_leaves_the_old_champion(tmp_path: Path) -> None:
    point = 0
    while True:
        stage = Stage(tmp_path / str(point))
        stage.promoter().promote("1")
        before = stage.ssm.value
        stage.s3.faults.extend([None] * point + [Killed()])
        try:
            stage.promoter().promote("2")
        except Killed:
            assert stage.ssm.value == before
            stage.s3.faults.clear()
            stage.promoter().promote("2")  # the same command, repeated, finishes the work
            assert stage.champion == stage.tracker.alias == "2"
            assert json.loads(stage.object("models/2/promotion.json"))["replaced"]["version"] == "1"
            point += 1
            continue
        break
    assert point >= 13  # three files looked for, written, looked for again and read back, and the note


def test_a_crash_between_pointer_and_alias_is_mended_by_repeating(stage: Stage) -> None:
    stage.promoter().promote("1")
    stage.tracker.fail("set_champion", Killed())
    with pytest.raises(Killed):
        stage.promoter().promote("2")
    assert (stage.champion, stage.tracker.alias) == ("2", "1")
    stage.promoter().promote("2")
    assert stage.tracker.alias == "2"
    assert json.loads(stage.object("models/2/promotion.json"))["replaced"]["version"] == "1"


@pytest.mark.parametrize("name", ["model.npz", "manifest.json", REFERENCE_FILE])
def test_bytes_that_come_back_otherwise_are_not_promoted(stage: Stage, name: str) -> None:
    stage.promoter().promote("1")
    stage.s3.spoil.add(f"models/2/{name}")
    with pytest.raises(JobError, match="holds other bytes"):
        stage.promoter().promote("2")
    assert stage.champion == "1"


def test_a_promoted_version_is_never_overwritten(stage: Stage) -> None:
    stage.s3.objects[BUCKET, "models/2/model.npz"] = b"somebody else's"
    with pytest.raises(JobError, match="holds other bytes"):
        stage.promoter().promote("2")
    assert stage.object("models/2/model.npz") == b"somebody else's"
    assert stage.champion == "none"


def test_an_artefact_that_is_not_the_registered_one_is_not_promoted(stage: Stage) -> None:
    file = stage.tracker.folder / stage.tracker.versions["2"].run_id / "model/model.npz"
    file.write_bytes(file.read_bytes() + b"?")
    with pytest.raises(BadArtefactError, match="digest differs"):
        stage.promoter().promote("2")
    assert not stage.s3.objects
    assert stage.champion == "none"


def test_a_version_without_a_digest_is_not_promoted(stage: Stage) -> None:
    run_id = stage.tracker.versions["2"].run_id
    stage.tracker.register(run_id, description="", tags={})
    with pytest.raises(BadArtefactError, match="without its artefact's digest"):
        stage.promoter().promote("4")


def test_an_unknown_version(stage: Stage) -> None:
    with pytest.raises(InputError, match="no version 9"):
        stage.promoter().promote("9")


def test_a_registry_that_is_away_after_the_pointer_moved_is_no_failure(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.tracker.fail("set_champion", TrackingError("the server is away"))
    stage.promoter().promote("1")
    assert stage.champion == "1"
    assert "alias was not moved" in caplog.text


def test_rolling_back_walks_the_champions_in_reverse(stage: Stage) -> None:
    for version in ("1", "2", "3"):
        stage.promoter().promote(version)
    assert stage.promoter().roll_back().version == "2"
    assert stage.champion == stage.tracker.alias == "2"
    assert stage.promoter().roll_back().version == "1"
    with pytest.raises(InputError, match="first champion"):
        stage.promoter().roll_back()
    assert stage.champion == "1"


def test_rolling_back_needs_no_registry(stage: Stage) -> None:
    stage.promoter().promote("1")
    stage.promoter().promote("2")
    alone = Promoter(as_client(stage.s3), as_client(stage.ssm), NullTracker(), ENVIRONMENT)
    assert alone.roll_back().version == "1"


def test_nothing_to_roll_back_from(stage: Stage) -> None:
    with pytest.raises(InputError, match="no champion to roll back from"):
        stage.promoter().roll_back()


@pytest.mark.parametrize("name", ["model.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_damaged_copy_is_not_gone_back_to(stage: Stage, name: str, damage: str) -> None:
    stage.promoter().promote("1")
    stage.promoter().promote("2")
    if damage == "missing":
        del stage.s3.objects[BUCKET, f"models/1/{name}"]
    else:
        stage.s3.objects[BUCKET, f"models/1/{name}"] += b"?"
    with pytest.raises(BadArtefactError):
        stage.promoter().roll_back()
    assert stage.champion == "2"


def test_a_champion_whose_note_is_lost_asks_for_a_version(stage: Stage) -> None:
    stage.promoter().promote("1")
    stage.promoter().promote("2")
    del stage.s3.objects[BUCKET, "models/2/promotion.json"]
    with pytest.raises(JobError, match="with --to"):
        stage.promoter().roll_back()


def test_any_earlier_champion_can_be_gone_to_and_back_from(stage: Stage) -> None:
    for version in ("1", "2", "3"):
        stage.promoter().promote(version)
    without_bucket = JobEnvironment(champion_parameter="/champion")  # it is learnt from the champion's place
    assert stage.promoter(without_bucket).go_to("1").version == "1"
    assert stage.champion == stage.tracker.alias == "1"
    assert stage.promoter().roll_back().version == "3"


def test_a_version_that_was_never_promoted_cannot_be_gone_to(stage: Stage) -> None:
    stage.promoter().promote("1")
    with pytest.raises(InputError, match="never promoted"):
        stage.promoter().go_to("2")
    assert stage.champion == "1"


def test_without_bucket_and_champion_there_is_nowhere_to_look(stage: Stage) -> None:
    with pytest.raises(InputError, match="ARTEFACTS_BUCKET"):
        stage.promoter(JobEnvironment(champion_parameter="/champion")).go_to("2")


def test_a_pointer_that_cannot_be_read_stops_everything(stage: Stage) -> None:
    stage.ssm.value = "{damaged"
    with pytest.raises(BadArtefactError, match="not readable"):
        stage.promoter().promote("1")
    assert stage.ssm.value == "{damaged"


def test_the_step_as_sagemaker_runs_it(stage: Stage, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(folders.base))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://registry")
    monkeypatch.setenv("CHAMPION_PARAMETER", "/champion")
    monkeypatch.setenv("ARTEFACTS_BUCKET", BUCKET)
    monkeypatch.setattr(module, "tracker_for", lambda environment: stage.tracker)
    monkeypatch.setattr(module, "promoter_for", lambda environment, tracker: stage.promoter(environment))
    assert module.main(["--version", "3"]) == 0
    assert json.loads(folders.message_file.read_text()) == {"version": "3", "location": "s3://artefacts/models/3"}
    run = stage.tracker.runs["run-1"]
    assert (run.status, run.tags["outcome"], run.tags["champion_version"]) == ("FINISHED", "promoted", "3")
    assert module.main(["--version", "1"]) == 0
    assert module.main(["--rollback"]) == 0
    assert module.main(["--to", "1"]) == 0
    assert stage.champion == "1"
    assert module.main(["--version", "9"]) == 2
    assert run.status == "FAILED"
    assert module.main(["--to", "9"]) == 2
    assert "never promoted" in folders.failure_file.read_text()


def test_by_hand_no_folders_of_a_container_are_needed_or_made(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("1", "2"):
        stage.promoter().promote(version)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "not-there"))
    monkeypatch.setattr(module, "tracker_for", lambda environment: NullTracker())
    monkeypatch.setattr(module, "promoter_for", lambda environment, tracker: stage.promoter())
    assert module.main(["--rollback"]) == 0
    assert '"version":"1"' in capsys.readouterr().out
    assert module.main(["--rollback"]) == 2
    assert "first champion" in capsys.readouterr().out
    assert not (tmp_path / "not-there").exists()


@pytest.mark.parametrize("missing", ["MLFLOW_TRACKING_URI", "CHAMPION_PARAMETER", "ARTEFACTS_BUCKET"])
def test_settings_that_are_missing_are_named(folders: Folders, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(folders.base))
    for name in ("MLFLOW_TRACKING_URI", "CHAMPION_PARAMETER", "ARTEFACTS_BUCKET"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv(missing)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert module.main(["--version", "1"]) == 2
    assert f"the environment lacks {missing}" in folders.failure_file.read_text()


def test_one_thing_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--rollback", "--to", "1"], ["--version", "1", "--rollback"]):
        with pytest.raises(SystemExit) as exit_:
            module.main(arguments)
        assert exit_.value.code == 2


def test_the_pointer_is_the_one_that_classifiers_read(stage: Stage) -> None:
    pointer = stage.promoter().promote("1")
    assert write_pointer(pointer) == stage.ssm.value
