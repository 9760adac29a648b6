"""When to flag and when to refer, chosen on out-of-fold probabilities, a pair of thresholds per harmful class."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.labels import HARMFUL, HARMLESS, LABELS
from moderation.policy import Thresholds

FLAGGED_HARMLESS: Final = 0.02
"""Share of all harmless tweets that may be flagged as any one harmful class: five classes, at most 10% in all."""

MISSED: Final = 0.05
"""Share of a class's cyberbullying that may pass unseen."""

LOWEST: Final = 0.2
HIGHEST: Final = 0.98

RULE: Final = (
    f"Chosen on out-of-fold probabilities of harm, per likeliest harmful class. Flag: the least threshold at which at "
    f"most {FLAGGED_HARMLESS:.0%} of all harmless tweets are flagged as that class, and at least one half. Refer: the "
    f"greatest threshold at which at most {MISSED:.0%} of the class's tweets pass. Both within [{LOWEST}, {HIGHEST}]."
)

_HARMLESS_COLUMN = LABELS.index(HARMLESS)
_HARMFUL_COLUMNS = np.array([LABELS.index(label) for label in HARMFUL])


def choose_thresholds(probabilities: NDArray[np.float64], classes: NDArray[np.intp]) -> Thresholds:
    """Thresholds by :data:`RULE`.

    Args:
        probabilities: shape (tweets, classes), calibrated, of tweets that the scoring learner has not seen.
        classes: shape (tweets,).
    """
    harm = 1.0 - probabilities[:, _HARMLESS_COLUMN]
    likeliest = _HARMFUL_COLUMNS[np.argmax(probabilities[:, _HARMFUL_COLUMNS], axis=1)]
    harmless = classes == _HARMLESS_COLUMN
    allowed = int(FLAGGED_HARMLESS * harmless.sum())
    flag, refer = {}, {}
    for label, column in zip(HARMFUL, _HARMFUL_COLUMNS.tolist(), strict=True):
        alarms = np.sort(harm[harmless & (likeliest == column)])[::-1]
        least = alarms[allowed] + 1e-6 if len(alarms) > allowed else 0.5
        flag[label] = round(float(np.clip(least, 0.5, HIGHEST)), 4)
        caught = np.sort(harm[classes == column])
        greatest = caught[int(MISSED * len(caught))] if len(caught) else 0.5
        refer[label] = round(float(np.clip(greatest, LOWEST, flag[label])), 4)
    return Thresholds(flag=flag, refer=refer)
