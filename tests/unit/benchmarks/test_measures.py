"""Every measurement, as small as can be: it runs, gives every figure that its table shows, and fails aloud."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from benchmarks import clock, harness
from benchmarks.job import Job, read
from benchmarks.measures import adversarial, ingest, layers, sizes, window_report
from benchmarks.results import NOT_MEASURED, Results

ROOT = Path(__file__).parents[3]
OF_OTHERS = [("startup", "original"), ("layers", "original"), ("stream", "study"), ("one_tweet", "study")]
"""A few, because MLflow takes long to import; each of their two sides is measured in each way by the code of ours."""

PAIRS = [
    (what, side)
    for what, module in harness.MEASUREMENTS.items()
    for side in module.SIDES
    if side not in {"original", "study"} or (what, side) in OF_OTHERS
]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def results() -> Results:
    return Results()


@pytest.mark.parametrize(("what", "side"), PAIRS)
def test_a_process_takes_the_measurement(job: Job, tmp_path: Path, results: Results, what: str, side: str) -> None:
    job.write(tmp_path / "job.json")
    values = harness.run_child(what, side, tmp_path / "job.json")
    assert values
    assert all(value > 0 for value in values.values()), values
    results.add(what, side, values)


@pytest.mark.parametrize("what", harness.MEASUREMENTS)
def test_its_table_shows_every_figure_of_ours(results: Results, what: str) -> None:
    lines = "\n".join(harness.MEASUREMENTS[what].lines(results)).splitlines()
    assert lines[0].startswith("| ")
    assert set(lines[1]) == set("|-:")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert len(rows) > 2
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(row[1] not in {"", NOT_MEASURED} for row in rows), rows


def test_layers_are_measured_cold_and_warm_at_every_size(results: Results, job: Job) -> None:
    for side in ("normaliser", "scorer", "handler", "handler_without_reasons"):
        for state in ("cold", "warm"):
            for size in job.scale.sizes:
                assert results.median("layers", side, f"{state}_{size}_ms"), (side, state, size)
    assert results.median("layers", "features", "cold_10_ms")
    assert results.median("layers", "features", "warm_10_ms") is None, "features are kept, not made again"
    assert "for a batch of 10" in list(layers.lines(results))[-1]


def test_a_measurement_that_fails_says_why(job: Job, tmp_path: Path) -> None:
    Job({**job.folders, "ours": str(tmp_path)}, job.texts, job.scale).write(tmp_path / "job.json")
    with pytest.raises(harness.MeasuringError, match=r"measuring startup of ours failed:[\s\S]*manifest\.json"):
        harness.run_child("startup", "ours", tmp_path / "job.json")


def test_a_job_comes_back_as_it_was_written(job: Job, tmp_path: Path) -> None:
    job.write(tmp_path / "job.json")
    assert read(tmp_path / "job.json") == job
    assert len(job.read_texts(7)) == 7


def test_what_is_measured_chooses_its_own_kernel_and_has_one_thread() -> None:
    given = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "OPENBLAS_NUM_THREADS": "8", "PATH": "/bin"}
    assert harness.environment(given) == {"PATH": "/bin", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("shape", adversarial.SHAPES)
def test_adversarial_tweets_have_their_length_and_differ_by_seed_alone(shape: str) -> None:
    words = ["garden", "school", "hat", "i"]
    first, again, other = (adversarial.tweet(shape, words, 3_000, seed) for seed in (1, 1, 2))
    assert len(first) == 3_000
    assert first == again
    assert first != other


def test_posts_are_delivered_by_the_real_program(tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    ingest.write_posts(["one tweet", "another"], 700, posts)
    values = ingest.measure(posts, 700)
    assert values["posts_per_second"] > 0
    assert values["cpu_s"] > 0
    assert 10 < values["memory_mb"] < 500
    results = Results()
    results.add("ingest", "ours", values)
    assert NOT_MEASURED not in "\n".join(list(ingest.lines(results))[2:])


def test_posts_that_are_missing_are_told_of(tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    ingest.write_posts(["one tweet"], 3, posts)
    with pytest.raises(ingest.NotDeliveredError, match="3 of 4 posts were delivered"):
        ingest.measure(posts, 4)


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ingest.NotDeliveredError, match="is no file"):
        ingest.measure(tmp_path / "missing.jsonl", 1)


def test_a_window_is_reported_on(job: Job, tmp_path: Path) -> None:
    (number,) = job.scale.windows
    window_report.write_window(Path(job.folders["ours"]), job.read_texts(50), number, tmp_path / "window")
    values = window_report.measure(tmp_path / "window", number)
    assert list((tmp_path / "window" / "report").iterdir())
    results = Results()
    results.add("window_report", "ours", values)
    (row,) = list(window_report.lines(results))[2:]
    assert row.startswith("| 300 | ")
    assert NOT_MEASURED not in row


def test_a_report_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(window_report.NoReportError, match=r"the report on 5 verdicts failed:\s*\S"):
        window_report.measure(tmp_path, 5)


def test_models_are_measured_as_they_are_served(job: Job) -> None:
    folder = Path(job.folders["ours"])
    before = sizes.measure("ours", job)["model_mb"]
    (folder / "model_card.md").write_text("x" * 100_000)
    assert sizes.measure("ours", job)["model_mb"] == before > 0
    assert sizes.measure("study", job)["model_mb"] > 0
    assert sizes.measure("original", job)["model_mb"] > 0


def test_the_packages_are_cut_down_as_the_image_is(tmp_path: Path) -> None:
    for place in (
        "botocore/data/s3/2006",
        "botocore/data/ec2/2016",
        "numpy/tests",
        "numpy/core/tests/data",
        "numpy/lib",
    ):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "file").write_text("x")
    sizes.cut_down(tmp_path)
    left = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("file")}
    assert left == {"botocore/data/s3/2006", "numpy/lib"}


def test_the_services_that_are_kept_are_the_image_s() -> None:
    dockerfile = (ROOT / "lambdas" / "Dockerfile").read_text()
    assert set(re.findall(r"! -name (\w+)", dockerfile)) == sizes.CALLED_SERVICES


def test_packages_that_cannot_be_installed_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")  # without its hash
    with pytest.raises(sizes.NotInstalledError, match=r"requirements\.txt could not be installed"):
        sizes.packages(tmp_path / "requirements.txt")


def test_memory_is_of_this_process() -> None:
    assert clock.peak_megabytes() == pytest.approx(clock.peak_megabytes(os.getpid()), rel=0.1)
    assert clock.quantile([3.0, 1.0, 2.0], 0.99) == 3.0
