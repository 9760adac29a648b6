"""What an evaluation finds: the figures of the report, which are also the contents of ``figures.json``.

All shares lie between 0 and 1. Nothing here holds the text of a tweet.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from training_jobs.errors import InputError
from training_jobs.measures import Measures

SCHEMA_VERSION: Final = 1
FIGURES_FILE: Final = "figures.json"


class Standing(StrEnum):
    """What a model's figures on the data can be worth."""

    UNSEEN = "unseen"
    """It was fitted without these tweets and without their near duplicates."""

    UNKNOWN = "unknown"
    """It came as an artefact; whether it has seen some of these tweets is not written in it."""

    TRAINED_ON = "trained_on"
    """It was fitted on this very data: the figures are of memory."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated, and on what.

    Attributes:
        candidate: the recipe.
        standing: what the figures can be worth.
        data: name of the file or folder.
        data_sha256: of the rows to learn from.
        rows: that the model was measured on.
        read: rows of the data, before any was set aside.
        fitted_on: rows that the model was fitted on; 0 if the artefact does not say.
        small: whether the data is too small for the figures to mean anything.
        compared: macro-F1 of each candidate on the same rows; empty if the model came as an artefact.
        code_version: of the code that fitted the model.
        model_created_at: UTC, ISO 8601.
        evaluated_at: UTC, ISO 8601.
        seed: of everything random.
    """

    candidate: str
    standing: Standing
    data: str
    data_sha256: str
    rows: int
    read: int
    fitted_on: int
    small: bool
    compared: dict[str, float]
    code_version: str
    model_created_at: str
    evaluated_at: str
    seed: int


class Shares(msgspec.Struct, frozen=True):
    """What becomes of a kind of tweets: shares that add up to 1; ``rows`` is how many there are."""

    rows: int
    flagged: float
    referred: float
    passed: float

    @property
    def caught(self) -> float:
        """Share that is flagged or referred."""
        return self.flagged + self.referred


class Point(msgspec.Struct, frozen=True):
    """A point of a curve."""

    x: float
    y: float


class Bin(msgspec.Struct, frozen=True):
    """Tweets with about the same probability: how many, what the model said on average, and how often it was so."""

    rows: int
    said: float
    was: float


class Attacked(msgspec.Struct, frozen=True):
    """The figures under one kind of disguise.

    Attributes:
        name: of the kind.
        named: whether it is one that every filter should know.
        macro_f1: over the six classes.
        caught: share of the harmful tweets flagged or referred.
    """

    name: str
    named: bool
    macro_f1: float
    caught: float


class KindOfSentence(msgspec.Struct, frozen=True):
    """What becomes of one kind of sentence, whoever it is about; ``attack`` says whether the sentences attack."""

    name: str
    attack: bool
    shares: Shares


class GroupCell(msgspec.Struct, frozen=True):
    """What becomes of one kind of sentence about one group.

    Attributes:
        group: its members, in the plural.
        ground: what it is a group by.
        kind: of sentence.
        attack: whether the sentences attack.
        shares: what becomes of them.
    """

    group: str
    ground: str
    kind: str
    attack: bool
    shares: Shares


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How often a model does what it must.

    Attributes:
        kind: invariance, direction or minimum function (Ribeiro et al., "Beyond Accuracy: Behavioral Testing of NLP
            Models with CheckList", ACL 2020).
        name: in a few words.
        expectation: what must hold of each case.
        cases: how many were tried.
        share: of the cases for which it holds.
        least: the share that a model for use should reach.
    """

    kind: str
    name: str
    expectation: str
    cases: int
    share: float
    least: float

    @property
    def held(self) -> bool:
        """Whether the share is reached."""
        return self.share >= self.least


class OutOfDomain(msgspec.Struct, frozen=True, kw_only=True):
    """The figures on tweets of another source, of which only harmful and harmless ones are told apart.

    Attributes:
        data: name of the file.
        rows: how many tweets.
        auroc: probability that a harmful tweet is given a higher probability of harm than a harmless one.
        macro_f1: over harmful and harmless, at one half.
        harmful: what becomes of harmful tweets.
        harmless: what becomes of harmless ones.
    """

    data: str
    rows: int
    auroc: float
    macro_f1: float
    harmful: Shares
    harmless: Shares


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an evaluation finds.

    Attributes:
        subject: what was evaluated.
        measures: on tweets as they are.
        harmful: what becomes of harmful tweets.
        harmless: what becomes of harmless ones.
        auroc: of the probability of harm.
        tradeoff: share of harmless tweets caught (x) and of harmful ones (y), for every threshold.
        class_bins: by the probability of the likeliest class.
        harm_bins: by the probability of harm.
        harm_calibration_error: expected calibration error of the probability of harm.
        coverage: share of tweets decided (x), surest first, and the accuracy on them (y).
        attacked_rows: how many tweets were disguised.
        undisguised: the same tweets as they are.
        attacks: the figures under each kind of disguise.
        worst_named: the least macro-F1 under those that every filter should know.
        worst_named_kind: the one under which it is.
        mean_other: mean macro-F1 under the others.
        kinds: what becomes of sentences about groups of people, by kind.
        groups: the same, by group and kind.
        neutral: what becomes of neutral sentences about groups.
        plain_attacks: what becomes of attacks on groups in plain words.
        people: what becomes of sentences to and about single people, by kind.
        cruel: what becomes of all cruel ones.
        not_cruel: what becomes of the harmless ones on the same subjects.
        behaviours: what a model must do.
        out_of_domain: on tweets of another source; None without any.
    """

    schema_version: int = SCHEMA_VERSION
    subject: Subject
    measures: Measures
    harmful: Shares
    harmless: Shares
    auroc: float
    tradeoff: list[Point]
    class_bins: list[Bin]
    harm_bins: list[Bin]
    harm_calibration_error: float
    coverage: list[Point]
    attacked_rows: int
    undisguised: Attacked
    attacks: list[Attacked]
    worst_named: float
    worst_named_kind: str
    mean_other: float
    kinds: list[KindOfSentence]
    groups: list[GroupCell]
    neutral: Shares
    plain_attacks: Shares
    people: list[KindOfSentence]
    cruel: Shares
    not_cruel: Shares
    behaviours: list[Behaviour]
    out_of_domain: OutOfDomain | None = None

    def flat(self) -> dict[str, float]:
        """The figures that a tracking server keeps, each under a name of its own."""
        figures = {f"evaluation/{name}": value for name, value in self.measures.flat().items()}
        figures |= {
            "evaluation/auroc": self.auroc,
            "evaluation/harm_calibration_error": self.harm_calibration_error,
            "evaluation/worst_named_attack": self.worst_named,
            "evaluation/mean_other_attack": self.mean_other,
            "evaluation/groups/neutral_flagged": self.neutral.flagged,
            "evaluation/groups/attacks_caught": self.plain_attacks.caught,
            "evaluation/people/cruel_caught": self.cruel.caught,
            "evaluation/people/harmless_flagged": self.not_cruel.flagged,
            "evaluation/behaviours_held": sum(behaviour.held for behaviour in self.behaviours) / len(self.behaviours),
        }
        for name, shares in (("harmful", self.harmful), ("harmless", self.harmless)):
            figures |= {
                f"evaluation/{name}_{part}": getattr(shares, part) for part in ("flagged", "referred", "passed")
            }
        figures |= {f"evaluation/attack/{attack.name}": attack.macro_f1 for attack in self.attacks}
        if self.out_of_domain:
            figures["evaluation/out_of_domain/auroc"] = self.out_of_domain.auroc
            figures["evaluation/out_of_domain/macro_f1"] = self.out_of_domain.macro_f1
        return figures


def write_findings(findings: Findings, folder: Path) -> None:
    """Write ``figures.json``."""
    (folder / FIGURES_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(findings)))


def read_findings(folder: Path) -> Findings:
    """Read ``figures.json``.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return msgspec.json.decode((folder / FIGURES_FILE).read_bytes(), type=Findings)
    except FileNotFoundError:
        raise InputError(f"{folder} has no {FIGURES_FILE}") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{FIGURES_FILE} is not readable: {error}") from None
