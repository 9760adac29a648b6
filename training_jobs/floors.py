"""What a model must reach to be promoted, whatever it is compared with, and why.

These are floors, not targets: below one of them something is broken (a mislabelled file, a normaliser that differs
between training and serving), and the model must not be served however it compares with the present one. All of
them are measured on the validation fold, which the measured model has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NOISE: Final = 0.004
"""Differences in macro-F1 below this are noise: it is the spread of one recipe's paired differences between folds."""

LEAST_COMPARABLE_ROWS: Final = 60
"""Ten a class: on fewer rows a comparison with the champion says nothing."""

MOST_LEFT_OUT: Final = 0.1
"""The share of the validation rows that may be left out of a recalibrated champion's figures because its twin has seen
them. Its figures are then of other rows than those of the candidates that it competes with, so few may be missing."""

PARITY_TOLERANCE: Final = 1e-6
"""Training's and the loaded artefact's probabilities are the same arithmetic; only the order of sums may differ."""

REFIT_SLACK: Final = 0.02
"""A refit has seen the validation fold. Doing worse on it than the model that has not is a broken fit; this much is
allowed for small data, where a few rows weigh a hundredth each."""

FULL_SIZE_ROWS: Final = 1_000
"""Validation rows from which figures are steady enough for the full floors (a standard error of about .01)."""

SMALL_DATA: Final = 5_000
"""Below this many rows in all, every figure is shown with the remark that it proves the code and not the model."""


@dataclass(frozen=True)
class Floor:
    """One floor.

    Attributes:
        figure: a name of ``Measures.flat()`` or ``Behaviour.flat()``.
        bound: the least value, or the greatest if ``at_most``.
        reason: why it is there.
        at_most: whether the bound is from above.
    """

    figure: str
    bound: float
    reason: str
    at_most: bool = False

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Whether the figures keep to it."""
        value = figures[self.figure]
        return value <= self.bound if self.at_most else value >= self.bound

    def describe(self, figures: Mapping[str, float]) -> str:
        """The figure beside its bound, for a person."""
        side = "at most" if self.at_most else "at least"
        return f"{self.figure} {figures[self.figure]:.3f}, {side} {self.bound}"


_SPEED: Final = Floor(
    "tweets_per_second",
    1_000,
    "a shard takes 1,000 records a second, and one function reads it; every recipe is more than ten times as fast",
)

_ANY_SIZE: Final = (
    Floor("macro_f1", 0.40, "six classes by chance give .17; below this nothing was learnt, on however few rows"),
    Floor("caught", 0.60, "a model that misses more than two in five attacks is worse than no promise at all"),
    Floor(
        "worst_named_attack",
        0.30,
        "half of what the weakest recipe keeps on 480 rows (.62); below it, disguises are no longer seen through",
    ),
    Floor("mean_other_attack", 0.30, "see worst_named_attack; the weakest recipe keeps .66 on 480 rows"),
    Floor(
        "calibration_error",
        0.30,
        "on a hundred rows .07 to .14 is noise; uncalibrated scores of this family miss by .28 and more",
        at_most=True,
    ),
    _SPEED,
)
"""No floors for sentences about groups and to single people: a few hundred tweets hold next to none of the words that
these are made of."""

_FULL_SIZE: Final = (
    Floor(
        "macro_f1",
        0.80,
        "the weakest servable recipe reaches .84 on the public data; a serving clean-up that differs from the training "
        "clean-up, the classic fault, gives .74",
    ),
    Floor("f1/other_cyberbullying", 0.50, "the hardest harmful class; the weakest baseline reaches .53"),
    Floor("f1/not_cyberbullying", 0.50, "the harmless class: whoever is taken for another is warned for nothing"),
    Floor("f1/age", 0.75, "an easy class (.92 for the weakest baseline): a fall means that labels were mixed up"),
    Floor("f1/ethnicity", 0.75, "an easy class (.93 for the weakest baseline), see age"),
    Floor("f1/religion", 0.75, "an easy class (.90 for the weakest baseline), see age"),
    Floor("f1/gender", 0.65, ".85 for the weakest baseline, see age"),
    Floor(
        "false_alarms_at_caught",
        0.45,
        "of harmless tweets, when 92% of the bullying is caught; the published study's recipe gives about .25",
        at_most=True,
    ),
    Floor(
        "calibration_error",
        0.05,
        "thresholds and referrals are read as probabilities; uncalibrated scores of this family miss by .28",
        at_most=True,
    ),
    Floor(
        "worst_named_attack",
        0.70,
        "the weakest servable recipe keeps .81; without a normaliser leetspeak leaves the published recipe .33 and "
        "masked letters .50, so below this the normaliser is broken or missing",
    ),
    Floor("mean_other_attack", 0.65, "the weakest servable recipe keeps .81; see worst_named_attack"),
    Floor(
        "groups/harmless_flagged",
        0.10,
        "of harmless sentences that name a group; the published recipe flags more than half of them, and whoever is "
        "flagged for naming their own faith is hurt by the system itself",
        at_most=True,
    ),
    Floor(
        "groups/attack_caught",
        0.50,
        "of attacks on the same groups, flagged or referred: false alarms can be had down by going blind, and models "
        "that were taught neutral sentences alone caught .17 to .34",
    ),
    Floor(
        "people/harmless_flagged",
        0.10,
        "of praise, comfort, teasing and criticism, in the words of cruelty: whoever consoles must not be warned",
        at_most=True,
    ),
    Floor(
        "people/cruel_caught",
        0.25,
        "of cruelty to one person, flagged or referred; the strongest recipe caught .30 before it was taught any",
    ),
    _SPEED,
)


def floors_for(rows: int) -> tuple[Floor, ...]:
    """The floors that count at this number of validation rows."""
    return _FULL_SIZE if rows >= FULL_SIZE_ROWS else _ANY_SIZE
