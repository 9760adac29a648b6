"""The artefact and what it does: a folder with ``manifest.json`` and ``model.npz``, and the scores that come of it.

Nothing in the folder is code, and no pickle is ever loaded: the arrays are plain numbers, and the manifest says what
they must look like. :func:`load` refuses a folder that is incomplete, altered or written for other code, so that a
classifier never serves half a model.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.features import FeatureSettings
from moderation.labels import LABELS, Label
from moderation.messages import Reason
from moderation.policy import Thresholds
from moderation.scorer import Scorer
from moderation.text import Normaliser, Vocabulary

SCHEMA_VERSION: Final = 1
NORMALISER_VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"
ARRAYS_FILE: Final = "model.npz"

Arrays = Mapping[str, NDArray[np.generic]]
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
        arrays_sha256: digest of ``model.npz``; set by :meth:`Model.save`.
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
    arrays_sha256: Digest | Literal[""] = ""


class Model:
    """A trained model, ready to score raw tweets.

    Args:
        manifest: checked already, unless it was just made.
        arrays: ``weights`` (buckets, columns), ``intercept`` (columns,), ``calibration_weights`` (columns, classes),
            ``calibration_intercept`` (classes,), ``vocabulary`` (bytes of UTF-8, a line per word) and
            ``vocabulary_counts`` (words,).

    Raises:
        BadArtefactError: the manifest and the arrays do not fit together.
    """

    def __init__(self, manifest: Manifest, arrays: Arrays) -> None:
        _check_manifest(manifest)
        _check_arrays(arrays, manifest)
        self.manifest: Final = manifest
        self.arrays: Final = dict(arrays)
        self.normaliser: Final = Normaliser(_vocabulary(arrays, manifest))
        self._scorer: Final = Scorer(
            self.normaliser, manifest.features, np.asarray(arrays["weights"]), np.asarray(arrays["intercept"])
        )
        self._calibration: Final = np.asarray(arrays["calibration_weights"], np.float64)
        self._calibration_intercept: Final = np.asarray(arrays["calibration_intercept"], np.float64)

    def raw_scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Scores before calibration, shape (tweets, columns)."""
        return self._scorer.score(texts)

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        return softmax(self.raw_scores(texts) @ self._calibration + self._calibration_intercept)

    def explain(self, text: str, label: Label, limit: int = 3) -> list[Reason]:
        """The pieces of a raw tweet that spoke most for a class, heaviest first.

        Args:
            text: the raw tweet; the reasons' offsets are into it.
            label: the class to explain.
            limit: the most reasons to give.
        """
        direction = self._calibration @ _contrast(LABELS.index(label))
        weighed = [
            (float(self._scorer.contributions(token.word) @ direction), token) for token in self.normaliser.tokens(text)
        ]
        heaviest = sorted((item for item in weighed if item[0] > 0), key=lambda item: (-item[0], item[1].start))
        return [
            Reason(text=text[token.start : token.end], weight=round(weight, 4), start=token.start, end=token.end)
            for weight, token in heaviest[:limit]
        ]

    def save(self, folder: Path) -> str:
        """Write the artefact.

        Args:
            folder: made if it does not exist.

        Returns:
            The hexadecimal SHA-256 digest of the manifest, which is what a champion pointer holds.
        """
        folder.mkdir(parents=True, exist_ok=True)
        packed = _pack(self.arrays)
        manifest = msgspec.structs.replace(self.manifest, arrays_sha256=hashlib.sha256(packed).hexdigest())
        written = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        (folder / ARRAYS_FILE).write_bytes(packed)
        (folder / MANIFEST_FILE).write_bytes(written)
        return hashlib.sha256(written).hexdigest()


def load(folder: Path, *, sha256: str | None = None) -> Model:
    """Read and check an artefact.

    Args:
        folder: holds ``manifest.json`` and ``model.npz``.
        sha256: the manifest's expected hexadecimal digest; not compared if None.

    Raises:
        BadArtefactError: a file is missing, altered or unreadable, or the model was written for other code.
    """
    written = _read(folder / MANIFEST_FILE)
    if sha256 is not None and hashlib.sha256(written).hexdigest() != sha256:
        raise BadArtefactError("the manifest is not the one that was promoted: its digest differs")
    try:
        manifest = msgspec.json.decode(written, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArtefactError(f"the manifest is not readable: {error}") from None
    packed = _read(folder / ARRAYS_FILE)
    if hashlib.sha256(packed).hexdigest() != manifest.arrays_sha256:
        raise BadArtefactError("the arrays are not the ones that were saved: their digest differs")
    return Model(manifest, _unpack(packed))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of logits to rows of probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float64)


def pack_words(words: Sequence[str]) -> NDArray[np.uint8]:
    """Words as an array of UTF-8 bytes, a line per word."""
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _contrast(column: int) -> NDArray[np.float64]:
    """What turns a row of logits into "this class against the mean of the others"."""
    contrast = np.full(len(LABELS), -1.0 / (len(LABELS) - 1))
    contrast[column] = 1.0
    return contrast


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadArtefactError(f"{path.name} cannot be read: {error.strerror}") from None


def _pack(arrays: Arrays) -> bytes:
    """The arrays as an .npz with fixed dates, so that the same model gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _unpack(packed: bytes) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadArtefactError(f"the arrays are not readable: {error}") from None


def _check_manifest(manifest: Manifest) -> None:
    if manifest.labels != LABELS:
        raise BadArtefactError("the model was trained for other labels, or for another order of them")
    if manifest.normaliser.version != NORMALISER_VERSION:
        raise BadArtefactError(
            f"the model was trained behind normaliser {manifest.normaliser.version}, this code has {NORMALISER_VERSION}"
        )


def _check_arrays(arrays: Arrays, manifest: Manifest) -> None:
    columns = arrays["weights"].shape[-1] if "weights" in arrays else 0
    words = arrays["vocabulary_counts"].size if "vocabulary_counts" in arrays else 0
    shapes: dict[str, tuple[int | None, ...]] = {
        "weights": (1 << manifest.features.bits, columns),
        "intercept": (columns,),
        "calibration_weights": (columns, len(LABELS)),
        "calibration_intercept": (len(LABELS),),
        "vocabulary": (None,),
        "vocabulary_counts": (words,),
    }
    for name, shape in shapes.items():
        if name not in arrays:
            raise BadArtefactError(f"the array {name} is missing")
        array = arrays[name]
        if array.dtype.kind not in "fiu":
            raise BadArtefactError(f"the array {name} does not hold numbers")
        if len(array.shape) != len(shape) or any(
            want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
        ):
            raise BadArtefactError(f"the array {name} has shape {array.shape}, not {shape}")
        if not np.isfinite(array).all():
            raise BadArtefactError(f"the array {name} holds values that are not finite")


def _vocabulary(arrays: Arrays, manifest: Manifest) -> Vocabulary:
    try:
        joined = np.asarray(arrays["vocabulary"], np.uint8).tobytes().decode()
    except UnicodeDecodeError:
        raise BadArtefactError("the vocabulary is not UTF-8") from None
    words = tuple(joined.split("\n")) if joined else ()
    counts = tuple(np.asarray(arrays["vocabulary_counts"], np.int64).tolist())
    if len(words) != len(counts):
        raise BadArtefactError(f"the vocabulary has {len(words)} words and {len(counts)} counts")
    return Vocabulary(words, counts, manifest.normaliser.tweets)
