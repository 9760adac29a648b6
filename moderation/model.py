"""The artefact and what it does: a folder with ``manifest.json`` and ``model.npz``, and the scores that come of it.

Nothing in the folder is code, and no pickle is ever loaded: the arrays are plain numbers, and the manifest says what
they must look like. :func:`load` refuses a folder that is incomplete, altered or written for other code, so that a
classifier never serves half a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from moderation.arrays import (
    Arrays,
    check_arrays,
    floats,
    pack,
    size_of,
    unpack,
    unpack_topics,
    unpack_weights,
    vocabulary_of,
)
from moderation.errors import BadArtefactError
from moderation.labels import LABELS, Label
from moderation.lexicon import KINDS
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE, Manifest, check_manifest
from moderation.messages import Reason
from moderation.network import Hidden, softmax
from moderation.reasons import Weighed, heaviest
from moderation.scorer import Scored, Scorer
from moderation.text import Normaliser


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
        self.normaliser: Final = Normaliser(vocabulary_of(arrays, manifest))
        self._scorer: Final = Scorer(
            self.normaliser,
            manifest.features,
            unpack_weights(arrays),
            np.asarray(arrays["intercept"]),
            unpack_topics(arrays),
        )
        self._last: Final = floats(arrays["calibration_weights"])
        self._last_intercept: Final = floats(arrays["calibration_intercept"])
        self._hidden: Final = Hidden.of(arrays) if "hidden_weights" in arrays else None
        self._columns: Final = size_of(arrays, "intercept") + size_of(arrays, "topic_scales")
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
        packed = pack(self.arrays)
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
    return Model(manifest, unpack(packed))


def _products(
    rows: NDArray[np.float32], directions: NDArray[np.floating], owners: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Each row times the direction of its owner."""
    return np.asarray(np.einsum("wc,wc->w", rows, directions.astype(np.float32).take(owners, axis=0)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadArtefactError(f"{path.name} cannot be read: {error.strerror}") from None
