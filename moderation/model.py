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
from moderation.lexicon import KINDS
from moderation.messages import Reason
from moderation.policy import Thresholds
from moderation.reading import STYLE_COLUMNS
from moderation.reasons import Weighed, heaviest
from moderation.scorer import Scored, Scorer, Topics
from moderation.text import Normaliser
from moderation.vocabulary import Vocabulary

SCHEMA_VERSION: Final = 1
NORMALISER_VERSION: Final = 6
MANIFEST_FILE: Final = "manifest.json"
ARRAYS_FILE: Final = "model.npz"
FARTHEST: Final = 5.0
"""How many standard deviations from its mean an input of the hidden layer may lie."""

_STEPS: Final = 127

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
    recalibrated: Recalibration | None = None
    arrays_sha256: Digest | Literal[""] = ""


class Examined(msgspec.Struct, frozen=True):
    """A batch of tweets with their scores, and what is needed to say where these came from.

    Attributes:
        texts: the raw tweets.
        scores: shape (tweets, classes), calibrated.
        scored: what the words added up to.
        active: shape (tweets, units); which units of the hidden layer took part; no columns without one.
    """

    texts: Sequence[str]
    scores: NDArray[np.float64]
    scored: Scored
    active: NDArray[np.bool_]


class Hidden(msgspec.Struct, frozen=True):
    """The hidden layer: inputs on one scale, none of them so far out that it alone decides, then rectified sums.

    Attributes:
        centre: shape (inputs,).
        scale: shape (inputs,).
        weights: shape (inputs, units).
        intercept: shape (units,).
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @classmethod
    def of(cls, arrays: Arrays) -> Hidden:
        """The layer that an artefact's arrays describe."""
        names = ("input_centre", "input_scale", "hidden_weights", "hidden_intercept")
        return cls(*(_floats(arrays[name]) for name in names))

    def __call__(self, inputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Inputs, shape (tweets, inputs), to the units' activities, shape (tweets, units)."""
        return np.asarray(np.maximum(scaled(inputs, self.centre, self.scale) @ self.weights + self.intercept, 0.0))


def scaled(
    inputs: NDArray[np.floating], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Inputs in units of their spread in training, cut at :data:`FARTHEST`."""
    return np.clip((inputs - centre) / scale, -FARTHEST, FARTHEST)


class Model:
    """A trained model, ready to score raw tweets.

    The words give linear scores, and topics if there are any. These, and the tweet's style if the settings say so, go
    through a hidden layer if there is one (rectified linear units), and a last layer makes calibrated probabilities of
    the result.

    Args:
        manifest: checked already, unless it was just made.
        arrays: ``weights`` (buckets, columns), ``intercept`` (columns,), ``calibration_weights`` (inputs or units,
            classes), ``calibration_intercept`` (classes,), ``vocabulary`` (bytes of UTF-8, a line per word),
            ``vocabulary_counts`` (words,) and, optionally, ``weight_scales`` (columns,) for weights kept as square
            roots in eight bits; ``topic_buckets`` (rows,), ``topic_weights`` (rows, topics) and ``topic_scales``
            (topics,) for what some features add to topics, kept likewise; ``input_centre`` and ``input_scale``
            (inputs,), ``hidden_weights`` (inputs, units), ``hidden_intercept`` (units,); and ``vocabulary_telling``
            (words,).

    Raises:
        BadArtefactError: the manifest and the arrays do not fit together.
    """

    def __init__(self, manifest: Manifest, arrays: Arrays) -> None:
        check_manifest(manifest)
        check_arrays(arrays, manifest)
        self.manifest: Final = manifest
        self.arrays: Final = dict(arrays)
        self.normaliser: Final = Normaliser(_vocabulary(arrays, manifest))
        self._scorer: Final = Scorer(
            self.normaliser,
            manifest.features,
            unpack_weights(arrays),
            np.asarray(arrays["intercept"]),
            unpack_topics(arrays),
        )
        self._last: Final = _floats(arrays["calibration_weights"])
        self._last_intercept: Final = _floats(arrays["calibration_intercept"])
        self._hidden: Final = Hidden.of(arrays) if "hidden_weights" in arrays else None
        self._columns: Final = _size(arrays, "intercept") + _size(arrays, "topic_scales")
        self._paths: Final = self._paths_of_words()

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw tweets, shape (tweets, classes), columns in the order of ``LABELS``."""
        return self.examine(texts).scores

    def examine(self, texts: Sequence[str]) -> Examined:
        """Score raw tweets and keep what :meth:`reasons` needs."""
        scored = self._scorer.score(texts)
        inputs = scored.scores
        if self.manifest.features.style:
            inputs = np.concatenate([inputs, scored.reading.styles], axis=1)
        active = np.zeros((len(texts), 0), np.bool_)
        if self._hidden is not None:
            inputs = self._hidden(inputs)
            active = inputs > 0
        return Examined(texts, softmax(inputs @ self._last + self._last_intercept), scored, active)

    def explain(self, text: str, label: Label, limit: int = 3) -> list[Reason]:
        """The pieces of a raw tweet that spoke most for a class, heaviest first.

        Args:
            text: the raw tweet; the reasons' offsets are into it.
            label: the class to explain.
            limit: the most reasons to give.
        """
        columns = np.array([LABELS.index(label)])
        return self.reasons(self.examine([text]), np.array([0]), columns, limit)[0]

    def reasons(
        self, examined: Examined, tweets: NDArray[np.intp], classes: NDArray[np.intp], limit: int = 3
    ) -> list[list[Reason]]:
        """The pieces of raw tweets that spoke most for a class.

        A piece's weight is what it added to the log odds of the class against the mean of the others, to first order
        and as if no input of the hidden layer were cut for lying far out. Pairs, layout and parts are nobody's alone.

        Args:
            examined: a batch.
            tweets: shape (explained,); which of its tweets to explain, in ascending order.
            classes: shape (explained,); the class to explain each by, an index into ``LABELS``.
            limit: the most reasons per tweet.
        """
        reading = examined.scored.reading
        owners, places = reading.words_of(tweets)
        words = reading.words[places]
        directions = self._directions(examined.active[tweets], classes)
        weights = _products(
            examined.scored.table.take(words, axis=0),
            directions[:, : self._columns] / examined.scored.lengths[tweets, None],
            owners,
        )
        if self.manifest.features.style:
            slopes = directions[:, self._columns :] * reading.kind_slopes(tweets)
            weights += _products(reading.kinds.take(words, axis=0), slopes, owners)
        return heaviest(examined.texts, reading, tweets, Weighed(owners, places, weights), limit)

    def _paths_of_words(self) -> NDArray[np.float64]:
        """What inputs that come of words lead to: shape (scores, topics and kinds of words; units or classes)."""
        inputs, scale = (
            (self._last, 1.0) if self._hidden is None else (self._hidden.weights, self._hidden.scale[:, None])
        )
        paths = inputs / scale
        kinds = paths[-KINDS:] if self.manifest.features.style else paths[:0]
        return np.concatenate([paths[: self._columns], kinds])

    def _directions(self, active: NDArray[np.bool_], classes: NDArray[np.intp]) -> NDArray[np.float64]:
        """How the log odds of a class change with what words add, shape (explained; scores, topics and kinds)."""
        contrasts = np.full((len(classes), len(LABELS)), -1.0 / (len(LABELS) - 1))
        contrasts[np.arange(len(classes)), classes] = 1.0
        if self._hidden is None:
            return np.asarray(contrasts @ self._paths.T)
        return np.asarray((contrasts @ self._last.T * active) @ self._paths.T)

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


def _products(
    rows: NDArray[np.float32], directions: NDArray[np.floating], owners: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Each row times the direction of its owner."""
    return np.asarray(np.einsum("wc,wc->w", rows, directions.astype(np.float32).take(owners, axis=0)))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of logits to rows of probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float64)


def pack_weights(weights: NDArray[np.floating]) -> dict[str, NDArray[np.generic]]:
    """Weights in eight bits each."""
    packed, scales = _in_eight_bits(weights)
    return {"weights": packed, "weight_scales": scales}


def unpack_weights(arrays: Arrays) -> NDArray[np.float32]:
    """Weights as they were, as nearly as eight bits tell; or as they are, if they were not packed."""
    if "weight_scales" not in arrays:
        return np.asarray(arrays["weights"], np.float32)
    return _from_eight_bits(arrays["weights"], arrays["weight_scales"])


def pack_topics(weights: NDArray[np.floating]) -> dict[str, NDArray[np.generic]]:
    """Weights of topics, shape (buckets, topics), in eight bits each: only those buckets that have any."""
    buckets = np.flatnonzero(weights.any(axis=1))
    packed, scales = _in_eight_bits(weights[buckets])
    return {"topic_buckets": buckets.astype(np.int32), "topic_weights": packed, "topic_scales": scales}


def unpack_topics(arrays: Arrays) -> Topics | None:
    """What words add to topics, as nearly as eight bits tell; None if there are no topics."""
    if "topic_scales" not in arrays:
        return None
    buckets = np.asarray(arrays["topic_buckets"], np.intp)
    return Topics(buckets, _from_eight_bits(arrays["topic_weights"], arrays["topic_scales"]))


def _in_eight_bits(weights: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Signed square roots, as small weights are many and must not all become nought; and each column's scale."""
    scales = np.abs(weights).max(axis=0, initial=0.0) + 1e-12
    roots = np.sign(weights) * np.sqrt(np.abs(weights) / scales)
    return np.rint(roots * _STEPS).astype(np.int8), scales.astype(np.float32)


def _from_eight_bits(packed: NDArray[np.generic], scales: NDArray[np.generic]) -> NDArray[np.float32]:
    roots = np.asarray(packed, np.float32)
    return np.asarray(roots * np.abs(roots) * (np.asarray(scales, np.float32) / _STEPS**2))


def pack_words(words: Sequence[str]) -> NDArray[np.uint8]:
    """Words as an array of UTF-8 bytes, a line per word."""
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadArtefactError(f"{path.name} cannot be read: {error.strerror}") from None


def _pack(arrays: Arrays) -> bytes:
    """The arrays as an .npz with fixed dates, so that the same model gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _unpack(packed: bytes) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadArtefactError(f"the arrays are not readable: {error}") from None


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


def check_arrays(arrays: Arrays, manifest: Manifest) -> None:
    """Refuse arrays that are missing, of another shape than the others make them, or not finite numbers.

    Raises:
        BadArtefactError: naming the array.
    """
    for name, shape in _shapes(arrays, manifest).items():
        if name not in arrays:
            raise BadArtefactError(f"the array {name} is missing")
        array = arrays[name]
        if array.dtype.kind not in "fiu":
            raise BadArtefactError(f"the array {name} does not hold numbers")
        if array.shape != shape:
            raise BadArtefactError(f"the array {name} has shape {array.shape}, not {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadArtefactError(f"the array {name} holds values that are not finite")
    _check_buckets(arrays, 1 << manifest.features.bits)


def _check_buckets(arrays: Arrays, buckets: int) -> None:
    if "topic_scales" not in arrays:
        return
    named = arrays["topic_buckets"]
    if named.dtype.kind == "f" or (named.size and (named.min() < 0 or named.max() >= buckets)):
        raise BadArtefactError("the array topic_buckets names features that there are not")


def _shapes(arrays: Arrays, manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """The shape that each array must have."""
    columns = _size(arrays, "intercept")
    topics = _size(arrays, "topic_scales")
    inputs = columns + topics + (STYLE_COLUMNS if manifest.features.style else 0)
    words = _size(arrays, "vocabulary_counts")
    shapes: dict[str, tuple[int, ...]] = {
        "weights": (1 << manifest.features.bits, columns),
        "intercept": (columns,),
        "calibration_weights": (inputs, len(LABELS)),
        "calibration_intercept": (len(LABELS),),
        "vocabulary": (_size(arrays, "vocabulary"),),
        "vocabulary_counts": (words,),
    }
    if "weight_scales" in arrays:
        shapes["weight_scales"] = (columns,)
    if topics:
        rows = _size(arrays, "topic_buckets")
        shapes |= {"topic_scales": (topics,), "topic_buckets": (rows,), "topic_weights": (rows, topics)}
    if "vocabulary_telling" in arrays:
        shapes["vocabulary_telling"] = (words,)
    if "hidden_weights" in arrays or "hidden_intercept" in arrays:
        units = _size(arrays, "hidden_intercept")
        shapes |= {"input_centre": (inputs,), "input_scale": (inputs,)}
        shapes |= {"hidden_weights": (inputs, units), "hidden_intercept": (units,)}
        shapes["calibration_weights"] = (units, len(LABELS))
    return shapes


def _size(arrays: Arrays, name: str) -> int:
    return arrays[name].size if name in arrays else 0


def _floats(array: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.asarray(array, np.float64)


def _vocabulary(arrays: Arrays, manifest: Manifest) -> Vocabulary:
    try:
        joined = np.asarray(arrays["vocabulary"], np.uint8).tobytes().decode()
    except UnicodeDecodeError:
        raise BadArtefactError("the vocabulary is not UTF-8") from None
    words = tuple(joined.split("\n")) if joined else ()
    counts = tuple(np.asarray(arrays["vocabulary_counts"], np.int64).tolist())
    if len(words) != len(counts):
        raise BadArtefactError(f"the vocabulary has {len(words)} words and {len(counts)} counts")
    telling = np.asarray(arrays.get("vocabulary_telling", np.zeros(len(counts))), np.int64)
    if not all(words):
        raise BadArtefactError("the vocabulary holds an empty word")
    return Vocabulary(words, counts, tuple(telling.tolist()), manifest.normaliser.tweets)
