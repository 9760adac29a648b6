"""What an artefact's manifest says: what the arrays are, where they came from, and how to act on their scores."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from moderation.errors import BadArtefactError
from moderation.features import FeatureSettings
from moderation.labels import LABELS, Label
from moderation.policy import Thresholds

SCHEMA_VERSION: Final = 1
NORMALISER_VERSION: Final = 6
"""Raised when the normaliser or the lexicon reads a tweet in another way: artefacts of another version are refused."""

MANIFEST_FILE: Final = "manifest.json"
ARRAYS_FILE: Final = "model.npz"

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class NormaliserSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which normaliser the model was trained behind, and how many tweets its vocabulary was counted on."""

    version: int
    tweets: int


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How scores became probabilities, and how well: errors are expected calibration errors over 15 bins."""

    method: str
    folds: int
    error_before: float | None = None
    error_after: float | None = None


class Recalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the last layer was refitted on, and whose it was.

    Attributes:
        parent_sha256: digest of the parent's manifest.
        parent_candidate: its recipe.
        labels: how many reviewed tweets.
        labels_sha256: digest of them.
    """

    parent_sha256: Digest
    parent_candidate: str
    labels: int
    labels_sha256: Digest


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the arrays are, where they came from and how to act on their scores.

    Attributes:
        schema_version: of this structure.
        labels: the classes, in the order of score columns.
        normaliser: what stands in front of the features.
        features: how words become features.
        calibration: how scores became probabilities.
        thresholds: when to flag and when to refer.
        thresholds_rule: how the thresholds were chosen, in words.
        candidate: the name of the recipe, see ``training_jobs.candidates``.
        parameters: of the recipe.
        metrics: out-of-fold figures of the training data.
        seed: of everything random in training.
        data_sha256: digest of the training data.
        code_version: of the code that wrote the artefact.
        created_at: UTC, ISO 8601.
        recalibrated: how it was adapted to a deployment's own labels, if it was.
        arrays_sha256: digest of ``model.npz``; set by ``moderation.model.Model.save``.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    labels: tuple[Label, ...] = LABELS
    normaliser: NormaliserSettings
    features: FeatureSettings
    calibration: Calibration
    thresholds: Thresholds
    thresholds_rule: str
    candidate: str
    parameters: dict[str, str | int | float | bool]
    metrics: dict[str, float]
    seed: int
    data_sha256: str
    code_version: str
    created_at: str
    recalibrated: Recalibration | None = None
    arrays_sha256: Digest | Literal[""] = ""


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest that was written for other code.

    Raises:
        BadArtefactError: saying for what.
    """
    if manifest.labels != LABELS:
        raise BadArtefactError("the model was trained for other labels, or for another order of them")
    if manifest.normaliser.version != NORMALISER_VERSION:
        raise BadArtefactError(
            f"the model was trained behind normaliser {manifest.normaliser.version}, this code has {NORMALISER_VERSION}"
        )
