"""Train on this machine: the jobs of the retrain state machine, in its order, without AWS and a tracking server.

Prepares the data, trains every candidate, refits the best on everything, and puts it through the same gate. A model
that passes is written to the output folder, ready for `python -m moderation classify --model`, with its model card
and the evaluation beside it; one that does not pass is not written, and the exit code is 1.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE
from moderation.model import load
from moderation.reference import REFERENCE_FILE
from training_jobs import entrypoint
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, JobError
from training_jobs.evaluate import evaluate
from training_jobs.folders import Folders
from training_jobs.gate import Evaluation
from training_jobs.model_card import model_card
from training_jobs.prepare import prepare
from training_jobs.prepared import Prepared, Summary, read_prepared, read_summary
from training_jobs.register import CARD_FILE
from training_jobs.tracking import NullTracker
from training_jobs.train import DEFAULT_SEED, TrainingSettings, train
from training_jobs.trained import ARTEFACT_FOLDER, BASELINE, Trained, TrainingRecord, read_trained

if TYPE_CHECKING:
    from rich.console import Console

EVALUATION_FOLDER: Final = "evaluation"

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        summary: of the data.
        candidates: records of the candidates, in the order they were trained.
        refit: the record of the refit.
        evaluation: what the gate found.
        card: the model card.
    """

    summary: Summary
    candidates: list[TrainingRecord]
    refit: TrainingRecord
    evaluation: Evaluation
    card: str


class LocalRun:
    """The jobs of one run, each in a SageMaker folder layout of its own under a working folder.

    Args:
        work: the working folder.
        seed: of everything random.
        report: told what is going on and the share of the work that is done, from 0 to 1.
    """

    def __init__(self, work: Path, seed: int, report: Report) -> None:
        self._work = work
        self._seed = seed
        self._report = report
        self._tracker = NullTracker()
        self._done = 0
        self._steps = 1

    def run(self, data: Path) -> Outcome:
        """Run every job.

        Args:
            data: a CSV file, or a folder of them.
        """
        from training_jobs.candidates import CANDIDATES  # noqa: PLC0415 - --help need not wait for scikit-learn

        self._steps = len(CANDIDATES) + 3
        candidates = self._compare(data, CANDIDATES)
        summary = read_summary(self._prepared())
        best = choose(candidates)
        refit = self._train(best.candidate, refit=True)
        evaluation = self._evaluate(best.candidate)
        artefact = load(self._folders("refit").model / ARTEFACT_FOLDER, sha256=refit.artefact_sha256)
        card = model_card(refit, artefact.manifest, summary, evaluation, JobEnvironment(retrain_execution="local run"))
        return Outcome(summary, candidates, refit, evaluation, card)

    def compare(self, data: Path, candidates: Sequence[str]) -> list[TrainingRecord]:
        """Run the first jobs only: prepare the data, and train candidates without the validation fold.

        Args:
            data: a CSV file, or a folder of them.
            candidates: names; without any, the data is prepared and nothing is trained.
        """
        self._steps = len(candidates) + 1
        return self._compare(data, candidates)

    def prepared(self) -> Prepared:
        """The prepared data."""
        return read_prepared(self._prepared())

    def trained(self, candidate: str) -> Trained:
        """What the training of a candidate left behind."""
        return read_trained(self._folders(candidate).model)

    def write(self, outcome: Outcome, out: Path) -> None:
        """Copy the artefact, the card and the evaluation out of the working folder; the manifest last."""
        source = self._folders("evaluate").processing_output("evaluation")
        target = out / EVALUATION_FOLDER
        target.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            shutil.copyfile(file, (out if file.name == REFERENCE_FILE else target) / file.name)
        (out / CARD_FILE).write_text(outcome.card, encoding="utf-8")
        for name in (ARRAYS_FILE, MANIFEST_FILE):
            shutil.copyfile(self._folders("refit").model / ARTEFACT_FOLDER / name, out / name)

    def _compare(self, data: Path, candidates: Iterable[str]) -> list[TrainingRecord]:
        self._prepare(data)
        return [self._train(name, refit=False) for name in candidates]

    def _prepare(self, data: Path) -> None:
        self._say("preparing the data")
        folders = self._folders("prepare")
        labelled = folders.base / "processing" / "input" / "labelled"
        labelled.parent.mkdir(parents=True)
        if data.is_dir():
            labelled.symlink_to(data.resolve())
        else:
            labelled.mkdir()
            (labelled / "data.csv").symlink_to(data.resolve())
        prepare(folders, self._tracker)
        self._done += 1

    def _train(self, candidate: str, *, refit: bool) -> TrainingRecord:
        name = f"refitting {candidate} on everything" if refit else f"training {candidate}"
        self._say(name)
        folders = self._folders("refit" if refit else candidate)
        self._link(self._prepared(), folders.base / "input" / "data" / "prepared")
        settings = TrainingSettings(candidate, refit, self._seed)
        record = train(folders, self._tracker, settings, lambda step, share: self._say(f"{name}: {step}", share))
        self._done += 1
        return record

    def _evaluate(self, candidate: str) -> Evaluation:
        self._say("evaluating")
        folders = self._folders("evaluate")
        inputs = folders.base / "processing" / "input"
        self._link(self._prepared(), inputs / "prepared")
        self._link(self._folders("refit").model, inputs / "model")
        self._link(self._folders(candidate).model, inputs / "candidate")
        self._link(self._folders(BASELINE).model, inputs / "baseline")
        evaluation = evaluate(folders, self._tracker)
        self._done += 1
        self._say("done")
        return evaluation

    def _folders(self, step: str) -> Folders:
        return Folders(self._work / step)

    def _prepared(self) -> Path:
        return self._folders("prepare").processing_output("prepared")

    def _say(self, what: str, share: float = 0.0) -> None:
        self._report(what, min((self._done + share) / self._steps, 1.0))

    @staticmethod
    def _link(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def choose(candidates: Sequence[TrainingRecord]) -> TrainingRecord:
    """The best servable candidate by macro-F1 on the validation fold, as the state machine chooses.

    Raises:
        JobError: none can be served.
    """
    servable = [record for record in candidates if record.servable and record.measures is not None]
    if not servable:
        raise JobError("none of the candidates can be served")
    return max(servable, key=lambda record: record.measures.macro_f1 if record.measures else 0.0)


def check_places(data: Path, out: Path) -> None:
    """Refuse at once what would only fail after the training.

    Raises:
        InputError: there is no data, or the output folder holds something that is not a model.
    """
    if not data.exists():
        raise InputError(f"there is no file or folder {data}")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST_FILE).is_file():
        raise InputError(f"{out} holds something that is not a model; name another folder with --out")


def train_locally(data: Path, out: Path, seed: int, console: Console) -> int:
    """Do the work of the command; returns the exit code.

    Raises:
        JobError: a job failed.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - jobs have no terminal

    from training_jobs.summary import print_summary  # noqa: PLC0415 - as above

    check_places(data, out)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
    )
    with tempfile.TemporaryDirectory(prefix="local-run-") as work:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("starting", total=1.0)
            local_run = LocalRun(
                Path(work), seed, lambda what, share: progress.update(task, description=what, completed=share)
            )
            outcome = local_run.run(data)
        if outcome.evaluation.passed:
            local_run.write(outcome, out)
    print_summary(console, outcome.summary, outcome.candidates, outcome.refit, outcome.evaluation)
    if not outcome.evaluation.passed:
        console.print(f"[bold red]The model did not pass and was not written:[/] {outcome.evaluation.why}")
        return JobError.exit_code
    console.print(f"The model is in [bold]{out}[/], its card in {out / CARD_FILE}.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = entrypoint.parser("training_jobs.local_run", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="CSV file (or a folder of them)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"of everything random (default {DEFAULT_SEED})")
    parsed = parser.parse_args(arguments)
    from rich.console import Console  # noqa: PLC0415 - as above

    return entrypoint.run_by_hand(lambda: train_locally(parsed.data, parsed.out, parsed.seed, Console()))


if __name__ == "__main__":
    sys.exit(main())
