"""What an examination starts from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.labels import Label
from training_jobs.evaluation.findings import Subject
from training_jobs.evaluation.judge import Judge


class Exam(NamedTuple):
    """A model, and the labelled tweets to examine it on.

    Attributes:
        judge: the model.
        subject: what it is, for the report.
        texts: raw tweets, some of them harmful and some harmless.
        labels: as many.
    """

    judge: Judge
    subject: Subject
    texts: list[str]
    labels: list[Label]


class ForeignTweets(NamedTuple):
    """Tweets of another source.

    Attributes:
        name: of the file.
        texts: raw.
        harmful: shape (tweets,); both kinds occur.
    """

    name: str
    texts: list[str]
    harmful: NDArray[np.bool_]
