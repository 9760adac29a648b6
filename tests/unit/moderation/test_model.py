from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.arrays import pack_topics, pack_weights, unpack_topics, unpack_weights
from moderation.errors import BadArtefactError
from moderation.labels import LABELS, Label
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE
from moderation.model import Model, load
from tests.fakes.artefact import insult, keyword_model, save_keyword_model

Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_keyword_model(tmp_path)
    return tmp_path


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest."""
    manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
    change(manifest)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def repack(folder: Path, change: Callable[[Arrays], object]) -> None:
    """Change the arrays, and the manifest's digest of them so that only the change itself is at fault."""
    with np.load(folder / ARRAYS_FILE) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (folder / ARRAYS_FILE).write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    rewrite(folder, lambda manifest: manifest.update(arrays_sha256=digest))


def test_a_saved_model_loads(folder: Path) -> None:
    assert load(folder).score([insult(Label.AGE)]).argmax() == LABELS.index(Label.AGE)


@pytest.mark.parametrize("name", [MANIFEST_FILE, ARRAYS_FILE])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadArtefactError, match=name):
        load(folder)


def test_another_manifest_than_was_promoted(folder: Path) -> None:
    with pytest.raises(BadArtefactError, match="digest differs"):
        load(folder, sha256="0" * 64)


def test_altered_arrays(folder: Path) -> None:
    packed = bytearray((folder / ARRAYS_FILE).read_bytes())
    packed[len(packed) // 2] ^= 1
    (folder / ARRAYS_FILE).write_bytes(bytes(packed))
    with pytest.raises(BadArtefactError, match="digest differs"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: m.update(schema_version=2), "not readable"),
        (lambda m: m["labels"].reverse(), "other labels"),
        (lambda m: m.update(labels=m["labels"][:5]), "other labels"),
        (lambda m: m["normaliser"].update(version=1), "normaliser 1"),
        (lambda m: m["features"].update(bits=99), "out of range"),
        (lambda m: m["features"].update(colour="red"), "not readable"),
        (lambda m: m["thresholds"]["flag"].pop("age"), "must name"),
        (lambda m: m["thresholds"]["flag"].update(age=0.1), "below its referral"),
        (lambda m: m["thresholds"]["refer"].update(age=7), "must lie in"),
        (lambda m: m.pop("candidate"), "not readable"),
    ],
)
def test_a_manifest_for_other_code(folder: Path, change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    rewrite(folder, change)
    with pytest.raises(BadArtefactError, match=complaint):
        load(folder)


def test_a_manifest_that_is_no_json(folder: Path) -> None:
    (folder / MANIFEST_FILE).write_bytes(b"\xff{")
    with pytest.raises(BadArtefactError, match="not readable"):
        load(folder)


def _topics(rows: int, columns: int = 2) -> Arrays:
    """Arrays of topics that fit together."""
    return {
        "topic_buckets": np.arange(rows),
        "topic_weights": np.ones((rows, columns), np.int8),
        "topic_scales": np.ones(columns, np.float32),
    }


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        ({"topic_buckets": np.array([0, 1, -1])}, "features that there are not"),
        ({"topic_buckets": np.array([0, 1, 1 << 20])}, "features that there are not"),
        ({"topic_buckets": np.array([0.0, 1.0, 0.5])}, "features that there are not"),
        ({"topic_weights": np.ones((3, 1), np.int8)}, "topic_weights has shape"),
    ],
)
def test_topics_that_do_not_fit(folder: Path, spoilt: Arrays, complaint: str) -> None:
    def change(arrays: Arrays) -> None:
        weights = arrays["calibration_weights"]
        arrays |= _topics(rows=3) | spoilt
        arrays["calibration_weights"] = np.concatenate([weights, np.zeros((2, weights.shape[1]))])

    repack(folder, change)
    with pytest.raises(BadArtefactError, match=complaint):
        load(folder)


def _spoilt(array: np.ndarray[Any, Any], value: float) -> np.ndarray[Any, Any]:
    changed = array.copy()
    changed.flat[0] = value
    return changed


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda a: a.pop("intercept"), "shape|missing"),
        (lambda a: a.pop("weights"), "weights is missing"),
        (lambda a: a.update(weights=a["weights"][:-1]), "weights has shape"),
        (lambda a: a.update(weights=a["weights"][:, :-1]), "weights has shape"),
        (lambda a: a.update(calibration_intercept=np.zeros(5)), "calibration_intercept has shape"),
        (lambda a: a.update(weights=_spoilt(a["weights"], np.nan)), "not finite"),
        (lambda a: a.update(intercept=_spoilt(a["intercept"], np.inf)), "not finite"),
        (lambda a: a.update(vocabulary=np.array(list(b"two\nwords"), np.uint8)), "2 words and 0 counts"),
        (lambda a: a.update(vocabulary=np.array([0xFF], np.uint8)), "not UTF-8"),
        (lambda a: a.update(vocabulary=np.array(list(b"a\n"), np.uint8), vocabulary_counts=np.ones(2)), "empty word"),
        (lambda a: a.update(vocabulary_telling=np.ones(3)), "vocabulary_telling has shape"),
        (lambda a: a.update(weight_scales=np.ones(2)), "weight_scales has shape"),
        (lambda a: a.update(hidden_weights=np.ones((6, 4))), "is missing|has shape"),
        (lambda a: a.update(topic_scales=np.ones(2)), "topic_buckets is missing|has shape"),
        (lambda a: a.update(_topics(rows=3)), "calibration_weights has shape"),
        (lambda a: a.update(intercept=np.array(list("abcdef"))), "does not hold numbers"),
    ],
)
def test_arrays_that_do_not_fit(folder: Path, change: Callable[[Arrays], object], complaint: str) -> None:
    repack(folder, change)
    with pytest.raises(BadArtefactError, match=complaint):
        load(folder)


def test_a_pickled_array_is_never_loaded(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("a pickle was loaded",))

    repack(folder, lambda arrays: arrays.update(intercept=np.array([Trap()], dtype=object)))
    with pytest.raises(BadArtefactError, match="not readable"):
        load(folder)


def test_arrays_that_are_no_archive(folder: Path) -> None:
    (folder / ARRAYS_FILE).write_bytes(b"no archive")
    digest = hashlib.sha256(b"no archive").hexdigest()
    rewrite(folder, lambda manifest: manifest.update(arrays_sha256=digest))
    with pytest.raises(BadArtefactError, match="not readable"):
        load(folder)


def test_an_archive_that_is_cut_off(folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.npy", b"\x93NUMPY\x01\x00")
    (folder / ARRAYS_FILE).write_bytes(buffer.getvalue())
    rewrite(folder, lambda m: m.update(arrays_sha256=hashlib.sha256(buffer.getvalue()).hexdigest()))
    with pytest.raises(BadArtefactError, match="not readable"):
        load(folder)


def test_packed_weights_are_nearly_what_they_were() -> None:
    weights = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 10.0, 0.01]
    unpacked = unpack_weights(pack_weights(weights))
    assert (np.abs(unpacked - weights).max(axis=0) < 0.01 * np.abs(weights).max(axis=0)).all()
    assert np.corrcoef(unpacked.ravel(), weights.ravel())[0, 1] > 0.999


def test_packed_topics_are_nearly_what_they_were() -> None:
    topics = np.zeros((500, 3))
    topics[[3, 70, 499]] = np.random.default_rng(0).normal(size=(3, 3))
    packed = pack_topics(topics)
    assert packed["topic_buckets"].tolist() == [3, 70, 499]
    unpacked = unpack_topics(packed)
    assert unpacked is not None
    np.testing.assert_allclose(unpacked.weights, topics[unpacked.buckets], atol=0.01 * np.abs(topics).max())


def test_reasons_point_into_the_raw_text() -> None:
    model: Model = keyword_model()
    word = insult(Label.RELIGION)
    text = f"well,  what\ta  {word.upper()}!  and {word} again"
    reasons = model.explain(text, Label.RELIGION)
    assert [text[reason.start : reason.end] for reason in reasons] == [f"{word.upper()}!"]
    assert all(reason.text == text[reason.start : reason.end] and reason.weight > 0 for reason in reasons)


def test_no_more_reasons_than_asked_for() -> None:
    model = keyword_model()
    words = " ".join(insult(label) for label in LABELS[:5])
    assert len(model.explain(words, Label.AGE, limit=1)) == 1
    assert model.explain("nothing of note", Label.AGE) == []
