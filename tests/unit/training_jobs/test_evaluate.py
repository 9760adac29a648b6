"""The gate: what passes, and each thing that must not."""

from __future__ import annotations

import itertools
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import LABELS
from moderation.model import Model, load
from moderation.reference import read_reference
from tests.fakes.artefact import keyword_model
from tests.fakes.training import FakeTracker
from training_jobs import behaviour, floors, gate, model_card
from training_jobs import evaluate as module
from training_jobs.conformal import Conformal
from training_jobs.environment import JobEnvironment
from training_jobs.errors import TrackingError
from training_jobs.evaluate import evaluate, read_evaluation
from training_jobs.evaluation import figures
from training_jobs.folders import Folders
from training_jobs.folds import text_hashes
from training_jobs.gate import Champion, Evaluation, judge
from training_jobs.measures import Difference, Measures, measure
from training_jobs.mlflow_rest import MAX_DESCRIPTION
from training_jobs.prepared import Prepared, read_prepared
from training_jobs.tracking import TWIN_FOLDER, NullTracker, RegisteredVersion
from training_jobs.trained import Trained, read_trained


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


BROKEN = {
    "constant": {
        "floor macro_f1", "floor f1/other_cyberbullying", "floor f1/not_cyberbullying", "floor f1/age",
        "floor f1/ethnicity", "floor f1/religion", "floor f1/gender", "floor false_alarms_at_caught",
        "floor worst_named_attack", "floor mean_other_attack", "floor groups/attack_caught", "floor calibration_error",
    },
    "sure": {"floor groups/harmless_flagged", "floor calibration_error", "floor macro_f1"},
    "disguised": {"floor worst_named_attack", "floor mean_other_attack"},
    "slow": {"floor tweets_per_second"},
}  # fmt: skip
"""Floors by the fault that breaks them."""


def failed(evaluation: Evaluation) -> list[str]:
    assert evaluation.passed == (not [check for check in evaluation.checks if not check.passed])
    return [check.name for check in evaluation.checks if not check.passed]


def measures_of(rows: int, accuracy: float) -> Measures:
    """The measures of a model that is right about a share of the rows of every class and sure of all of them."""
    truth = np.arange(rows) % 6
    wrong = np.arange(rows) >= accuracy * rows
    scores = np.full((rows, 6), 0.01)
    scores[np.arange(rows), np.where(wrong, (truth + 1) % 6, truth)] = 0.95
    return measure(scores, [LABELS[i] for i in truth])


def serve_constant(trained: Trained) -> None:
    """Put in the place of the artefact one that calls every tweet of these tests harmless."""
    digest = keyword_model().save(trained.artefact)
    object.__setattr__(trained, "record", msgspec.structs.replace(trained.record, artefact_sha256=digest))


def test_the_step_as_sagemaker_runs_it(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert module.main([]) == 0
    message = json.loads((gate_inputs.base / "output/message").read_text())
    assert message["passed"] is True
    assert message["why"].startswith("all 13 checks passed")
    output = gate_inputs.base / "processing/output/evaluation"
    evaluation = read_evaluation(output)
    assert evaluation.measures is not None
    assert message["macro_f1"] == round(evaluation.measures.macro_f1, 4)
    names = {"evaluation.json", "confusion_matrix.png", "calibration.png", "reference.jsonl.gz"}
    assert {file.name for file in output.iterdir()} == names


def test_the_reference_is_the_twins_verdicts_on_the_unseen_fold(gate_inputs: Folders, prepared: Prepared) -> None:
    evaluate(gate_inputs, NullTracker())
    with (gate_inputs.processing_output("evaluation") / "reference.jsonl.gz").open("rb") as file:
        verdicts = list(read_reference(file))
    rows = np.flatnonzero(prepared.folds == 0)
    assert [verdict.text for verdict in verdicts] == prepared.texts_at(rows)
    assert [verdict.label for verdict in verdicts] == prepared.labels_at(rows)


def test_figures_and_pictures_go_to_the_executions_run_but_no_tweets(
    gate_inputs: Folders, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = tracker.execution_run()
    file = gate_inputs.base / "processing/input/prepared/prepared.json"
    file.write_text(file.read_text().replace('"run_id": ""', f'"run_id": "{run_id}"'))
    evaluate(gate_inputs, tracker)
    run = tracker.runs[run_id]
    assert run.tags["gate"] == "passed"
    assert run.metrics["macro_f1"] > 0
    assert run.status == "RUNNING"
    assert tracker.files(run_id) == [
        f"evaluation/{name}" for name in ("calibration.png", "confusion_matrix.png", "evaluation.json")
    ]


def test_a_model_that_does_not_pass_is_a_result_and_no_failure(
    gate_inputs: Folders, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = tracker.execution_run()
    file = gate_inputs.base / "processing/input/prepared/prepared.json"
    file.write_text(file.read_text().replace('"run_id": ""', f'"run_id": "{run_id}"'))
    monkeypatch.setattr(floors, "_ANY_SIZE", (floors.Floor("macro_f1", 1.1, "cannot be reached"),))
    evaluation = evaluate(gate_inputs, tracker)
    assert failed(evaluation) == ["floor macro_f1"]
    message = json.loads(gate_inputs.message_file.read_text())
    assert message["passed"] is False
    assert "floor macro_f1" in message["why"]
    assert not gate_inputs.failure_file.exists()
    assert tracker.runs[run_id].tags["outcome"] == "rejected"
    assert tracker.runs[run_id].status == "FINISHED"


@pytest.mark.parametrize("name", ["prepared", "model", "candidate", "baseline"])
def test_a_missing_input_ends_with_code_2(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shutil.rmtree(gate_inputs.base / "processing/input" / name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    assert module.main([]) == 2
    assert f"processing input '{name}'" in gate_inputs.failure_file.read_text()


def test_a_hostile_archive_ends_with_code_2(gate_inputs: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(gate_inputs.base / "processing/input/model/model.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("artefact")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(member)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(gate_inputs.base))
    assert module.main([]) == 2


def test_a_refit_and_its_twin_pass(prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained) -> None:
    evaluation = judge(prepared, refit, candidate, None, baseline)
    assert failed(evaluation) == []
    assert evaluation.comparison is None


@pytest.mark.parametrize(
    "fault",
    [
        ({"candidate": "linear_svm"}, "the recipes differ"),
        ({"parameters": {"alpha": 9.0}}, "parameters differ"),
        ({"seed": 8}, "the seeds differ"),
        ({"data_sha256": "0" * 64}, "other data"),
        ({"refit": True}, "must be a refit and the candidate must not"),
    ],
)
def test_a_twin_of_another_origin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, fault: tuple[dict[str, object], str]
) -> None:
    change, detail = fault
    other = replace(candidate, record=msgspec.structs.replace(candidate.record, **change))
    evaluation = judge(prepared, refit, other, None, baseline)
    assert failed(evaluation) == ["origin"]
    assert detail in evaluation.why


def test_a_twin_that_has_seen_the_fold_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    seen = text_hashes(prepared.texts_at(np.flatnonzero(prepared.folds == 0)[:3]))
    cheat = replace(candidate, trained_on=np.sort(np.concatenate((candidate.trained_on, seen))))
    evaluation = judge(prepared, refit, cheat, None, baseline)
    assert failed(evaluation) == ["unseen fold"]
    assert "3 of 72" in evaluation.why


@pytest.mark.parametrize("name", ["manifest.json", "model.npz"])
def test_an_altered_artefact_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, name: str
) -> None:
    file = refit.artefact / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert failed(judge(prepared, refit, candidate, None, baseline)) == ["parity of the artefact"]


def test_an_artefact_that_scores_otherwise_than_training_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    scores = refit.scores.copy()
    scores[5, 2] += 1e-4
    evaluation = judge(prepared, replace(refit, scores=scores), candidate, None, baseline)
    assert failed(evaluation) == ["parity of the artefact"]
    assert "1.0e-04" in evaluation.why


def test_scores_of_rows_that_do_not_exist_do_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    beyond = replace(refit, rows=refit.rows + 1000)
    assert failed(judge(prepared, beyond, candidate, None, baseline)) == ["parity of the artefact"]


def test_a_refit_that_does_worse_than_its_twin_does_not_pass(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
) -> None:
    serve_constant(refit)
    constant = keyword_model().score(prepared.texts_at(refit.rows))
    evaluation = judge(prepared, replace(refit, scores=constant), candidate, None, baseline)
    assert failed(evaluation) == ["refit"]


def twin_with(candidate: Trained, **arrays: NDArray[np.generic]) -> Trained:
    """The candidate with some of its arrays replaced, and scores to match."""
    sound = load(candidate.artefact)
    broken = Model(sound.manifest, {**sound.arrays, **arrays})
    digest = broken.save(candidate.artefact)
    record = msgspec.structs.replace(candidate.record, artefact_sha256=digest)
    return replace(candidate, record=record)


def rescored(prepared: Prepared, candidate: Trained) -> Trained:
    return replace(candidate, scores=load(candidate.artefact).score(prepared.texts_at(candidate.rows)))


class TestFloors:
    """Every floor is broken by a model that has the fault it is there for."""

    @pytest.fixture
    def full_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hold this small data against the floors of large data."""
        monkeypatch.setattr(floors, "FULL_SIZE_ROWS", 1)

    @pytest.fixture(params=[1, 10_000])
    def any_size(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hold it against the floors of large data, and against those of small data."""
        monkeypatch.setattr(floors, "FULL_SIZE_ROWS", request.param)

    @pytest.fixture
    def hopeless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Attacks that leave nothing to read."""
        monkeypatch.setattr(figures, "attacked", lambda texts, _attack, _seed: ["x"] * len(texts))

    def test_every_one_is_covered_are_broken_below(self) -> None:
        broken = {name.removeprefix("floor ") for names in BROKEN.values() for name in names}
        assert broken == {floor.figure for floor in floors.floors_for(10_000)}
        assert {floor.figure for floor in floors.floors_for(100)} - broken == {"caught"}
        assert all(floor.reason for rows in (100, 10_000) for floor in floors.floors_for(rows))

    @pytest.mark.usefixtures("full_size")
    def test_a_model_that_calls_everything_harmless(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        serve_constant(candidate)
        evaluation = judge(prepared, refit, rescored(prepared, candidate), None, baseline)
        assert set(failed(evaluation)) == BROKEN["constant"]

    @pytest.mark.usefixtures("full_size")
    def test_a_model_that_flags_everything_is_sure_of_it_and_wrong(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        sure = np.array([0.0, 0.0, 40.0, 0.0, 0.0, 0.0])
        broken = rescored(prepared, twin_with(candidate, calibration_intercept=sure))
        assert set(failed(judge(prepared, refit, broken, None, baseline))) >= BROKEN["sure"]

    @pytest.fixture
    def second_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A processor that takes a second for a batch."""
        seconds = itertools.count()
        monkeypatch.setattr(behaviour, "time", SimpleNamespace(process_time=lambda: float(next(seconds))))

    @pytest.mark.usefixtures("hopeless", "any_size")
    def test_a_model_that_reads_no_disguise(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        assert set(failed(judge(prepared, refit, candidate, None, baseline))) >= BROKEN["disguised"]

    @pytest.mark.usefixtures("second_a_batch", "any_size")
    def test_a_model_that_takes_five_milliseconds_a_tweet(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        evaluation = judge(prepared, refit, candidate, None, baseline)
        assert evaluation.behaviour is not None
        assert evaluation.behaviour.tweets_per_second == 200
        assert set(failed(evaluation)) >= BROKEN["slow"]

    def test_a_model_that_is_sure_and_wrong_on_small_data(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        sure = np.array([0.0, 0.0, 40.0, 0.0, 0.0, 0.0])
        broken = rescored(prepared, twin_with(candidate, calibration_intercept=sure))
        assert "floor calibration_error" in failed(judge(prepared, refit, broken, None, baseline))

    def test_a_model_that_learnt_nothing_misses_the_floors_of_small_data(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        serve_constant(candidate)
        evaluation = judge(prepared, refit, rescored(prepared, candidate), None, baseline)
        assert {"floor macro_f1", "floor caught"} <= set(failed(evaluation))

    def test_good_figures_keep_every_floor(self) -> None:
        good = measures_of(1200, 0.97).flat() | {
            "worst_named_attack": 0.86, "mean_other_attack": 0.86, "groups/harmless_flagged": 0.04,
            "groups/attack_caught": 0.7, "tweets_per_second": 24_000.0,
        }  # fmt: skip
        for floor in floors.floors_for(1200):
            assert floor.holds(good), floor.describe(good)


def test_the_card_says_all_of_it_in_plain_words_and_is_not_cut_off(
    prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "FULL_SIZE_ROWS", 1)
    monkeypatch.setattr(model_card, "SMALL_DATA", 1)
    evaluation = judge(prepared, refit, candidate, None, baseline)
    sets = Conformal(alpha=0.1, coverage=dict.fromkeys(LABELS, 0.9), mean_size=1.5, single=0.7)
    evaluation = msgspec.structs.replace(evaluation, conformal=sets)
    manifest = load(refit.artefact).manifest
    card = model_card.model_card(refit.record, manifest, prepared.summary, evaluation, JobEnvironment())
    assert len(card) < MAX_DESCRIPTION
    assert evaluation.behaviour is not None
    shares = evaluation.behaviour.decisions
    assert f"of 100 harmless tweets {100 * shares.harmless_flagged:.1f} are flagged" in card
    assert f"{100 * shares.harmful_passed:.1f} pass unseen" in card
    for part in ("Beside the published recipe", "95% interval", "surest 80%", "hold 1.50 classes", "Under attack"):
        assert part in card


class TestBesideTheBaseline:
    """The published recipe, on the same fold."""

    def test_a_difference_and_its_interval_are_reported(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        evaluation = judge(prepared, refit, candidate, None, baseline)
        assert evaluation.measures is not None
        beside = evaluation.baseline
        assert beside is not None
        assert beside.baseline == "published_study"
        assert beside.rows == 72
        assert beside.difference.mean == pytest.approx(evaluation.measures.macro_f1 - beside.macro_f1)
        assert beside.difference.low <= beside.difference.mean <= beside.difference.high
        figures = evaluation.flat()
        assert figures["baseline/low"] == beside.difference.low
        assert {"accuracy_at_90", "tweets_per_second", "groups/attack_caught"} <= set(figures)
        assert evaluation.conformal is None, "12 rows of a class are too few"

    def test_another_recipe_or_data_does_not_pass(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        other = msgspec.structs.replace(baseline.record, candidate="stack", data_sha256="0" * 64)
        evaluation = judge(prepared, refit, candidate, None, replace(baseline, record=other))
        assert failed(evaluation) == ["baseline"]
        assert "stack is not published_study; it was fitted on other data" in evaluation.why

    def test_a_baseline_that_has_seen_the_fold_or_scored_other_rows_does_not_pass(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained
    ) -> None:
        cheat = replace(baseline, trained_on=np.sort(text_hashes(prepared.texts)), rows=baseline.rows[1:])
        evaluation = judge(prepared, refit, candidate, None, cheat)
        assert failed(evaluation) == ["baseline"]
        assert "72 of 72" in evaluation.why
        assert "not of the validation fold" in evaluation.why


class TestBesideTheChampion:
    """The comparison with the champion, by its twin."""

    @pytest.fixture
    def strong(self, candidate: Trained, tmp_path: Path) -> Champion:
        """A champion whose twin is the challenger's own."""
        copy = Path(shutil.copytree(candidate.folder, tmp_path / "champion"))
        return Champion("3", read_trained(copy))

    @pytest.fixture
    def weak_scores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let nothing but the comparison look at how good the challenger is."""
        monkeypatch.setattr(floors, "_ANY_SIZE", ())

    def test_an_equal_passes(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72
        assert evaluation.comparison.difference.mean == 0

    @pytest.mark.usefixtures("weak_scores")
    def test_one_that_is_worse_by_more_than_noise_does_not(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        serve_constant(candidate)
        constant = replace(candidate, scores=keyword_model().score(prepared.texts_at(candidate.rows)))
        evaluation = judge(prepared, refit, constant, strong, baseline)
        assert failed(evaluation) == ["champion"]
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.high < -floors.NOISE

    def test_one_that_is_better_passes(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        serve_constant(strong.trained)
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert evaluation.comparison is not None
        assert evaluation.comparison.difference.low > 0

    def test_rows_whose_near_duplicates_the_champion_has_seen_are_left_out(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        validation = np.flatnonzero(prepared.folds == 0)
        seen = text_hashes(prepared.texts_at(validation[:10]))
        twin = replace(strong.trained, trained_on=np.sort(np.concatenate((strong.trained.trained_on, seen))))
        prepared.groups[validation[10]] = prepared.groups[validation[0]]  # a near duplicate of a row that it has seen
        evaluation = judge(prepared, refit, candidate, Champion("3", twin), baseline)
        assert evaluation.comparison is not None
        assert evaluation.comparison.rows == 72 - 11

    def test_a_champion_that_has_seen_the_fold_is_never_compared_with(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_the_baseline(_: NDArray[np.float64], theirs: NDArray[np.float64], *_rest: object) -> Difference:
            if not np.array_equal(theirs, baseline.scores):
                raise AssertionError("compared on rows that the champion has seen")
            return Difference(0.0, 0.0, 0.0)

        monkeypatch.setattr(gate, "paired_difference", only_the_baseline)
        evaluation = judge(
            prepared, refit, candidate, Champion("3", refit), baseline
        )  # the refit was fitted on everything
        assert failed(evaluation) == []
        assert evaluation.comparison is None
        assert "it has not seen only 0 rows" in evaluation.why

    def test_a_damaged_twin_is_reported_and_does_not_stop_every_retrain(
        self, prepared: Prepared, refit: Trained, candidate: Trained, baseline: Trained, strong: Champion
    ) -> None:
        assert strong.trained is not None
        (strong.trained.artefact / "model.npz").unlink()
        evaluation = judge(prepared, refit, candidate, strong, baseline)
        assert failed(evaluation) == []
        assert "not compared with version 3: model.npz cannot be read" in evaluation.why

    def test_the_twin_comes_from_the_registry(
        self, gate_inputs: Folders, tracker: FakeTracker, small_training: Path
    ) -> None:
        run_id = tracker.start_run("an earlier refit", parent="", tags={})
        tracker.log_files(run_id, small_training / "candidate", TWIN_FOLDER)
        tracker.versions["4"] = RegisteredVersion("4", run_id)
        tracker.alias = "4"
        evaluation = evaluate(gate_inputs, tracker)
        assert evaluation.comparison is not None
        assert evaluation.comparison.champion == "4"

    def test_a_version_without_a_twin_is_reported(self, gate_inputs: Folders, tracker: FakeTracker) -> None:
        tracker.versions["4"] = RegisteredVersion("4", "run-9")
        tracker.alias = "4"
        evaluation = evaluate(gate_inputs, tracker)
        assert evaluation.passed
        assert "not compared with version 4: no files under twin" in evaluation.why

    def test_a_registry_that_is_away_fails_the_job(self, gate_inputs: Folders, tracker: FakeTracker) -> None:
        tracker.fail("champion", TrackingError("the server is away"))
        with pytest.raises(TrackingError):
            evaluate(gate_inputs, tracker)
