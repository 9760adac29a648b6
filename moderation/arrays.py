"""The arrays of an artefact: how they are packed, and what shapes they must have.

They lie in an archive of plain numbers (``.npz``), which is read without pickle.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moderation.errors import BadArtefactError
from moderation.labels import LABELS
from moderation.manifest import Manifest
from moderation.reading import STYLE_COLUMNS
from moderation.scorer import Topics
from moderation.vocabulary import Vocabulary

_STEPS: Final = 127

Arrays = Mapping[str, NDArray[np.generic]]


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


def pack(arrays: Arrays) -> bytes:
    """The arrays as an .npz with fixed dates, so that the same model gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def unpack(packed: bytes) -> dict[str, NDArray[np.generic]]:
    """The arrays of an ``.npz``.

    Raises:
        BadArtefactError: it is not one, or holds anything but plain numbers.
    """
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadArtefactError(f"the arrays are not readable: {error}") from None


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
    columns = size_of(arrays, "intercept")
    topics = size_of(arrays, "topic_scales")
    inputs = columns + topics + (STYLE_COLUMNS if manifest.features.style else 0)
    words = size_of(arrays, "vocabulary_counts")
    shapes: dict[str, tuple[int, ...]] = {
        "weights": (1 << manifest.features.bits, columns),
        "intercept": (columns,),
        "calibration_weights": (inputs, len(LABELS)),
        "calibration_intercept": (len(LABELS),),
        "vocabulary": (size_of(arrays, "vocabulary"),),
        "vocabulary_counts": (words,),
    }
    if "weight_scales" in arrays:
        shapes["weight_scales"] = (columns,)
    if topics:
        rows = size_of(arrays, "topic_buckets")
        shapes |= {"topic_scales": (topics,), "topic_buckets": (rows,), "topic_weights": (rows, topics)}
    if "vocabulary_telling" in arrays:
        shapes["vocabulary_telling"] = (words,)
    if "hidden_weights" in arrays or "hidden_intercept" in arrays:
        units = size_of(arrays, "hidden_intercept")
        shapes |= {"input_centre": (inputs,), "input_scale": (inputs,)}
        shapes |= {"hidden_weights": (inputs, units), "hidden_intercept": (units,)}
        shapes["calibration_weights"] = (units, len(LABELS))
    return shapes


def size_of(arrays: Arrays, name: str) -> int:
    """How many elements an array has; none if it is not there."""
    return arrays[name].size if name in arrays else 0


def floats(array: NDArray[np.generic]) -> NDArray[np.float64]:
    """The array in double precision."""
    return np.asarray(array, np.float64)


def vocabulary_of(arrays: Arrays, manifest: Manifest) -> Vocabulary:
    """The words that the normaliser knows.

    Raises:
        BadArtefactError: the words are unreadable, empty, or not as many as their counts.
    """
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
