"""The committed notebooks: they hold figures and no tweet, and nothing of the machine that ran them."""

from __future__ import annotations

import base64
import csv
import html
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

from training_jobs.evaluation.masking import masked

ROOT = Path(__file__).parents[2]
NAMES = ["exploratory-data-analysis.ipynb", "modeling.ipynb"]
LARGEST_PICTURE = 100_000
TAG = re.compile(r"<[^>]+>")
HANDLE_OR_LINK = re.compile(r"(?<![\w.])@\w{3,}|https?://|\bt\.co/")
MACHINE = re.compile(r"/(?:home|root|tmp|work|Users|mnt|var)/")


@pytest.fixture(scope="module", params=NAMES)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(ROOT / "notebooks" / request.param, as_version=4)


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "scripts/run_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield from cell.outputs


def texts(notebook: NotebookNode) -> Iterator[str]:
    """Everything that the outputs say in words."""
    for output in outputs(notebook):
        if output.output_type == "stream":
            yield output.text
        for kind, content in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield html.unescape(TAG.sub("\n", content))


def test_there_are_no_others() -> None:
    assert sorted(path.name for path in (ROOT / "notebooks").iterdir()) == NAMES


def test_it_is_valid_and_was_run_from_top_to_bottom(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs(notebook)) >= 6


def test_no_tweet_of_the_sample_is_in_its_outputs(notebook: NotebookNode) -> None:
    with (ROOT / "sample/tweets.csv").open(encoding="utf-8", newline="") as file:
        tweets = [row["tweet_text"] for row in csv.DictReader(file)]
    said = "\n".join(texts(notebook))
    assert len(tweets) == 600
    assert not [tweet for tweet in tweets if tweet in said]


def test_no_handle_no_link_and_no_long_sentence_is_in_its_outputs(notebook: NotebookNode) -> None:
    """What any row of any file would bring along."""
    for said in texts(notebook):
        assert not HANDLE_OR_LINK.search(said)
        for line in said.splitlines():
            if not line.startswith("Chosen on out-of-fold probabilities"):  # the rule of the thresholds
                assert len(re.findall(r"[a-z]{2,}", line)) <= 20, line[:40]


def test_terms_are_masked() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / NAMES[0], as_version=4)
    terms = next(said for said in texts(notebook) if re.search(r"\*{2,} \d+%", said))
    cells = re.findall(r"^(\S+) \d+%$", terms, re.MULTILINE)
    assert len(cells) > 30
    assert all(re.fullmatch(r".\**", cell) for cell in cells)


def test_it_says_nothing_of_the_machine(notebook: NotebookNode) -> None:
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert not MACHINE.search("\n".join(texts(notebook)))
    assert not MACHINE.search("\n".join(cell.source for cell in notebook.cells))


def test_its_pictures_are_small(notebook: NotebookNode) -> None:
    for output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            assert len(base64.b64decode(output.data["image/png"])) < LARGEST_PICTURE


def test_it_takes_its_data_and_its_seed_from_the_environment(notebook: NotebookNode) -> None:
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert 'os.environ.get("DATA", "sample/tweets.csv")' in first
    assert 'os.environ.get("SEED", "7")' in first


@pytest.mark.parametrize(
    ("word", "shown"), [("loser", "l****"), ("a", "a"), ("", ""), ("two words", "t** w****"), ("😀😀", "😀*")]
)
def test_words_are_masked_after_their_first_letter(word: str, shown: str) -> None:
    assert masked(word) == shown


def test_what_differs_between_machines_is_left_out(runner: ModuleType) -> None:
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "mine", "display_name": "Mine"},
            "language_info": {"name": "python", "version": "3"},
        }
    )
    notebook.cells = [nbformat.v4.new_code_cell("1", metadata={"execution": {"iopub.status.idle": "now"}})]
    cleaned = runner.without_machine(notebook)
    assert cleaned.metadata["kernelspec"]["name"] == "python3"
    assert cleaned.metadata["language_info"] == {"name": "python"}
    assert cleaned.cells[0].metadata == {}
    assert cleaned.cells[0].id == "cell-00"


def test_a_cell_that_fails_ends_the_run_with_its_error(tmp_path: Path, runner: ModuleType) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("kept = 1"), nbformat.v4.new_code_cell("1 / 0")]
    )
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    code = (
        "import sys, pathlib; sys.path.insert(0, 'scripts'); import run_notebooks as r;"
        f"r.NOTEBOOKS = pathlib.Path({str(tmp_path)!r}); sys.argv = ['run_notebooks', '--write']; sys.exit(r.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "broken.ipynb failed" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "\x1b" not in done.stderr
    assert (
        nbformat.read(tmp_path / "broken.ipynb", as_version=4).cells[0].outputs == []
    )  # the notebook is left as it was


def test_data_that_is_not_there_is_refused() -> None:
    arguments = [sys.executable, "scripts/run_notebooks.py", "--data", "missing.csv"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no file missing.csv" in done.stderr
