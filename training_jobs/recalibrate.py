"""Adapt a model to a deployment: refit its calibration and thresholds on a few hundred reviewed tweets of its own.

The words that it knows and the networks behind them stay as they are. Reads a CSV file with the columns tweet_text and
cyberbullying_type, or tweet_text and harmful (yes or no), of tweets that the model was not trained on, and writes a
new artefact folder. The figures before and after are cross-validated: every tweet is judged by a model that was fitted
without it and its near duplicates.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.labels import HARMLESS, LABELS, Label
from moderation.manifest import MANIFEST_FILE, Calibration, Recalibration
from moderation.messages import timestamp
from moderation.model import Model, load
from moderation.policy import Thresholds
from training_jobs import entrypoint
from training_jobs.behaviour import DecisionShares, decision_shares
from training_jobs.errors import InputError, JobError
from training_jobs.measures import calibration_error, measure
from training_jobs.moment import manifest_moment
from training_jobs.recalibration import (
    FOLDS,
    Floats,
    Reviewed,
    Shift,
    fit_with_thresholds,
    read_inputs,
    shifted_arrays,
)
from training_jobs.reviewed import ReviewedTweets, read_reviewed
from training_jobs.trained import RECALIBRATED

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_SEED: Final = 7
METHOD: Final = "shift of the parent's logits, linear in its scores and logits, on reviewed labels"

_HARMLESS_COLUMN: Final = LABELS.index(HARMLESS)


@dataclass(frozen=True)
class Figures:
    """How a model does on reviewed tweets that it was not fitted on.

    Attributes:
        harm_macro_f1: of harmful or not, at a probability of harm of one half.
        harm_calibration_error: of that probability, over 15 bins.
        macro_f1: of the six classes; None if the labels do not name them.
        decisions: at the model's thresholds.
    """

    harm_macro_f1: float
    harm_calibration_error: float
    macro_f1: float | None
    decisions: DecisionShares

    def flat(self) -> dict[str, float]:
        """As a manifest keeps them."""
        of = self.decisions
        figures = {"harm_macro_f1": self.harm_macro_f1, "harm_calibration_error": self.harm_calibration_error}
        figures |= {name: float(getattr(of, name)) for name in of.__struct_fields__}
        return figures if self.macro_f1 is None else {**figures, "macro_f1": self.macro_f1}


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        model: the new one.
        before: figures of the parent.
        after: of the new one, cross-validated.
    """

    model: Model
    before: Figures
    after: Figures


def recalibrate(parent: Model, parent_sha256: str, tweets: ReviewedTweets, seed: int = DEFAULT_SEED) -> Outcome:
    """Refit the parent's last layer and thresholds.

    Args:
        parent: as it serves.
        parent_sha256: digest of its manifest.
        tweets: reviewed ones, that it was not trained on.
        seed: of the folds.
    """
    from training_jobs.duplicates import group_near_duplicates  # noqa: PLC0415 - --help need not wait for it

    reviewed = Reviewed(tweets.allowed(), group_near_duplicates(tweets.texts))
    inputs = read_inputs(parent, tweets.texts)
    parents = Shift(np.zeros((inputs.joined().shape[1], len(LABELS))), np.zeros(len(LABELS))).probabilities(inputs)
    probabilities = np.empty_like(parents)
    folds = []
    for seen, held_out in reviewed.folds(seed):
        shift, chosen = fit_with_thresholds(inputs.at(seen), reviewed.at(seen), seed + 1)
        probabilities[held_out] = shift.probabilities(inputs.at(held_out))
        folds.append((held_out, chosen.thresholds))
    everything = np.arange(len(tweets.texts))
    before = _figures(parents, reviewed, tweets, [(everything, parent.manifest.thresholds)])
    after = _figures(probabilities, reviewed, tweets, folds)
    shift, chosen = fit_with_thresholds(inputs, reviewed, seed + 1)
    manifest = msgspec.structs.replace(
        parent.manifest,
        candidate=RECALIBRATED,
        calibration=Calibration(METHOD, FOLDS, before.harm_calibration_error, after.harm_calibration_error),
        thresholds=chosen.thresholds,
        thresholds_rule=chosen.rule,
        metrics=after.flat(),
        seed=seed,
        created_at=timestamp(manifest_moment()),
        recalibrated=Recalibration(parent_sha256, parent.manifest.candidate, len(tweets.texts), tweets.sha256),
    )
    return Outcome(Model(manifest, shifted_arrays(parent, shift)), before, after)


def _figures(
    probabilities: Floats,
    reviewed: Reviewed,
    tweets: ReviewedTweets,
    thresholds: Sequence[tuple[NDArray[np.intp], Thresholds]],
) -> Figures:
    harm = 1.0 - probabilities[:, _HARMLESS_COLUMN]
    two_way = np.stack([harm, 1.0 - harm], axis=1)
    truth = np.where(reviewed.harmful, 0, 1)
    labels = [LABELS[column] for column in reviewed.classes(probabilities).tolist()]
    return Figures(
        harm_macro_f1=_two_way_macro_f1(harm >= 0.5, reviewed.harmful),  # noqa: PLR2004 - more likely than not
        harm_calibration_error=calibration_error(two_way, truth),
        macro_f1=None if tweets.two_way else measure(probabilities, labels).macro_f1,
        decisions=_mean_shares(probabilities, labels, thresholds),
    )


def _mean_shares(
    probabilities: Floats,
    labels: Sequence[Label],
    thresholds: Sequence[tuple[NDArray[np.intp], Thresholds]],
) -> DecisionShares:
    """Shares over all tweets, each decided at the thresholds of its own fold."""
    totals: dict[str, float] = dict.fromkeys(DecisionShares.__struct_fields__, 0.0)
    counts = dict.fromkeys(("harmless", "harmful"), 0)
    for rows, chosen in thresholds:
        of = [labels[row] for row in rows.tolist()]
        shares = decision_shares(probabilities[rows], of, chosen)
        harmless = sum(label is HARMLESS for label in of)
        sizes = {"harmless": harmless, "harmful": len(of) - harmless}
        for name in totals:
            totals[name] += float(getattr(shares, name)) * sizes[name.partition("_")[0]]
        counts = {kind: counts[kind] + sizes[kind] for kind in counts}
    return DecisionShares(**{name: total / counts[name.partition("_")[0]] for name, total in totals.items()})


def _two_way_macro_f1(called: NDArray[np.bool_], harmful: NDArray[np.bool_]) -> float:
    f1 = [
        2
        * float((called[harmful == kind] == kind).sum())
        / max(float((called == kind).sum() + (harmful == kind).sum()), 1)
        for kind in (True, False)
    ]
    return sum(f1) / len(f1)


def print_outcome(console: Console, tweets: ReviewedTweets, outcome: Outcome) -> None:
    """Print the figures before and after."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - jobs have no terminal
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(
        title=f"On {len(tweets.texts):,} reviewed tweets, each judged by a model that was fitted without it",
        box=SIMPLE_HEAD,
    )
    table.add_column("figure")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    names = {
        "macro_f1": "macro-F1, six classes",
        "harm_macro_f1": "macro-F1, harmful or not",
        "harm_calibration_error": "calibration error of harm",
        "harmless_flagged": "harmless tweets flagged",
        "harmless_referred": "harmless tweets referred",
        "harmful_flagged": "harmful tweets flagged",
        "harmful_referred": "harmful tweets referred",
        "harmful_passed": "harmful tweets that pass",
    }
    before, after = outcome.before.flat(), outcome.after.flat()
    for key, name in names.items():
        if key in before:
            table.add_row(name, f"{before[key]:.3f}", f"{after[key]:.3f}")
    console.print(table)


def run(model: Path, labels: Path, out: Path, seed: int, console: Console) -> None:
    """Do the work of the command.

    Raises:
        InputError: the labels or the output folder will not do.
        BadArtefactError: the model cannot be loaded.
    """
    from training_jobs.local_run import check_places  # noqa: PLC0415 - which runs jobs that run this

    check_places(labels, out)
    if out.resolve() == model.resolve():
        raise InputError("--out is the folder of the model itself; name another, so that there is a way back")
    tweets = read_reviewed(labels)
    parent = load(model)
    sha256 = hashlib.sha256((model / MANIFEST_FILE).read_bytes()).hexdigest()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    with threadpool_limits(limits=1):  # matrices this small gain nothing from more threads, which wait busily
        outcome = recalibrate(parent, sha256, tweets, seed)
    print_outcome(console, tweets, outcome)
    outcome.model.save(out)
    console.print(f"The recalibrated model is in {out}; the parent is unchanged.", highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = entrypoint.parser("training_jobs.recalibrate", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the model to start from")
    parser.add_argument("--labels", type=Path, required=True, help="CSV file of reviewed tweets")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the new model to")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"of the folds (default {DEFAULT_SEED})")
    parsed = parser.parse_args(arguments)
    from rich.console import Console  # noqa: PLC0415 - as above

    try:
        run(parsed.model, parsed.labels, parsed.out, parsed.seed, Console())
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BadArtefactError as error:
        print(f"error: {parsed.model} is not a model that can be loaded: {error}", file=sys.stderr)
        return InputError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
