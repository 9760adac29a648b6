"""The taxonomy: the six classes a tweet is sorted into.

The order of :data:`LABELS` is the order of the columns of every score matrix in the project. The names are
those of the data set the project is trained on (Wang, Fu and Lu, "SOSNet: A Graph Convolutional Network
Approach to Fine-Grained Cyberbullying Detection", IEEE BigData 2020).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Label(StrEnum):
    """One class of the taxonomy."""

    AGE = "age"
    ETHNICITY = "ethnicity"
    GENDER = "gender"
    RELIGION = "religion"
    OTHER_CYBERBULLYING = "other_cyberbullying"
    NOT_CYBERBULLYING = "not_cyberbullying"


LABELS: Final[tuple[Label, ...]] = tuple(Label)
"""Every class, in the order of score columns."""

HARMLESS: Final[Label] = Label.NOT_CYBERBULLYING
"""The one class that is not harmful."""

HARMFUL: Final[tuple[Label, ...]] = tuple(label for label in LABELS if label is not HARMLESS)
"""The classes that count as cyberbullying, in column order."""

DESCRIPTIONS: Final[dict[Label, str]] = {
    Label.AGE: "Attacks on somebody's age, most often school bullying remembered or repeated",
    Label.ETHNICITY: "Attacks on ethnicity, skin colour or origin",
    Label.GENDER: "Attacks on gender, sexism, jokes about sexual violence",
    Label.RELIGION: "Attacks on a faith or on those who hold it",
    Label.OTHER_CYBERBULLYING: "Attacks that name none of the other grounds",
    Label.NOT_CYBERBULLYING: "Ordinary speech, disagreement included",
}
