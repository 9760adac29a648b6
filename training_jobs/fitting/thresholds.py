"""When to flag and when to refer, chosen on out-of-fold probabilities."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMFUL, HARMLESS, LABELS
from moderation.messages import Decision
from moderation.policy import DECISIONS, Thresholds, decide

FLAGGED_HARMLESS: Final = 0.02
"""Share of all harmless tweets that may be flagged as any one harmful class: five classes, at most 10% in all."""

REFERRED_HARMLESS: Final = 0.17
"""Share of all harmless tweets that may be referred: most of a stream is harmless, so this is what a team must read."""

SUREST: Final = 0.875
"""Nothing is flagged that is not seven times likelier to be harmful than harmless, however rare alarms of its class are
in the training data: it has few harmless tweets that name a people or an age, and a stream has many."""

EVEN: Final = 0.5
"""Where a tweet is as likely to be harmful as harmless."""

LOWEST: Final = 0.2
HIGHEST: Final = 0.98
_STEP: Final = 0.01

_RULE: Final = (
    f"Chosen on out-of-fold probabilities of harm. Flag, per likeliest harmful class: the least threshold at which at "
    f"most {FLAGGED_HARMLESS:.0%} of all harmless tweets are flagged as that class, and at least {SUREST}. Refer: the "
    f"least threshold at which at most {REFERRED_HARMLESS:.0%} of all harmless tweets are referred, but no higher "
    f"than the class's flag threshold, or than {EVEN} if at most {FLAGGED_HARMLESS:.0%} of them reach {EVEN} as that "
    f"class. Both within "
    f"[{LOWEST}, {HIGHEST}]; the latter in steps of {_STEP}."
)

_HARMLESS_COLUMN = LABELS.index(HARMLESS)
_HARMFUL_COLUMNS = np.array([LABELS.index(label) for label in HARMFUL])


class Chosen(NamedTuple):
    """Thresholds and what comes of them.

    Attributes:
        thresholds: one pair per harmful class.
        rule: how they were chosen and what comes of them, in words.
        shares: of harmful and of harmless tweets, by decision: ``harmful_pass``, ``harmless_flag`` and so on.
    """

    thresholds: Thresholds
    rule: str
    shares: dict[str, float]


def choose_thresholds(probabilities: NDArray[np.float64], classes: NDArray[np.intp]) -> Chosen:
    """Thresholds that keep wrong flags and a review team's reading within bounds; see ``rule``.

    Args:
        probabilities: shape (tweets, classes), calibrated, of tweets that the scoring learner has not seen.
        classes: shape (tweets,).
    """
    harm = 1.0 - probabilities[:, _HARMLESS_COLUMN]
    likeliest = _HARMFUL_COLUMNS[np.argmax(probabilities[:, _HARMFUL_COLUMNS], axis=1)]
    harmless = classes == _HARMLESS_COLUMN
    allowed = int(FLAGGED_HARMLESS * harmless.sum())
    flag, most = {}, {}
    for label, column in zip(HARMFUL, _HARMFUL_COLUMNS.tolist(), strict=True):
        alarms = np.sort(harm[harmless & (likeliest == column)])[::-1]
        least = float(alarms[allowed]) + 1e-6 if len(alarms) > allowed else 0.0
        flag[label] = round(float(np.clip(least, SUREST, HIGHEST)), 4)
        most[label] = EVEN if least <= EVEN else flag[label]
    for lowest in np.arange(LOWEST, HIGHEST + _STEP, _STEP):
        refer = {label: round(float(min(lowest, of_class)), 4) for label, of_class in most.items()}
        thresholds = Thresholds(flag=flag, refer=refer)
        shares = _shares(probabilities, harmless, thresholds)
        if shares["harmless_refer"] <= REFERRED_HARMLESS:
            break
    return Chosen(thresholds, f"{_RULE} {_outcome(shares)}", shares)


def _shares(
    probabilities: NDArray[np.float64], harmless: NDArray[np.bool_], thresholds: Thresholds
) -> dict[str, float]:
    _, decisions = decide(probabilities, thresholds)
    return {
        f"{kind}_{decision.value}": float((decisions[chosen] == number).mean())
        for kind, chosen in (("harmful", ~harmless), ("harmless", harmless))
        for number, decision in enumerate(DECISIONS)
    }


def _outcome(shares: dict[str, float]) -> str:
    def told(kind: str) -> str:
        flagged, referred, passed = (
            shares[f"{kind}_{decision.value}"] for decision in (Decision.FLAG, Decision.REFER, Decision.PASS)
        )
        return f"{flagged:.1%} are flagged, {referred:.1%} referred and {passed:.1%} pass"

    return f"Of the harmful tweets {told('harmful')}; of the harmless {told('harmless')}."
