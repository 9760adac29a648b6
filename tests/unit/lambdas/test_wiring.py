"""What loading a champion does to the memory of the process that serves it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from enum import Enum
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from lambdas.classify.settings import Settings
from lambdas.classify.wiring import build
from lambdas.common.champion import ChampionCache
from moderation.champion import ChampionPointer
from moderation.classifier import Classifier
from moderation.errors import BadArtefactError
from moderation.labels import Label
from moderation.manifest import MANIFEST_FILE
from moderation.messages import Tweet, TweetEvent
from moderation.model import Model
from tests.fakes.artefact import insult, save_keyword_model

Load = Callable[[Path, ChampionPointer], Classifier]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """How the function loads a champion."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    service = build(Settings("test", "verdicts", "/champion", "failed"))
    assert isinstance(service.champion, ChampionCache)
    return service.champion._load


@pytest.fixture
def pointer(tmp_path: Path) -> ChampionPointer:
    save_keyword_model(tmp_path)
    return ChampionPointer("7", "s3://bucket/models/7", sha256((tmp_path / MANIFEST_FILE).read_bytes()).hexdigest())


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def test_the_collector_need_not_walk_through_the_model(load: Load, tmp_path: Path, pointer: ChampionPointer) -> None:
    classifier = load(tmp_path, pointer)
    assert classifier.version == "7"
    walked_through = {id(found) for found in gc.get_objects()}
    assert gc.get_freeze_count() > 0
    assert id(classifier.model) not in walked_through
    assert id(classifier.model.arrays) not in walked_through


def test_a_model_that_is_replaced_is_freed_without_the_collector(
    load: Load, tmp_path: Path, pointer: ChampionPointer
) -> None:
    classifier = load(tmp_path, pointer)
    classifier.classify([TweetEvent("1", Tweet(f"an {insult(Label.RELIGION)} i n s u l t 1ns*lt"))])
    parts = list(_parts(classifier.model))
    assert {"Model", "Normaliser", "Repairs", "Scorer", "Reader"} <= {name for name, _ in parts}
    del classifier
    assert [name for name, part in parts if part() is not None] == []


def _parts(model: Model) -> Iterator[tuple[str, weakref.ref[object]]]:
    """Everything of ours that a model is made of, by the name of its class."""
    waiting: list[object] = [model]
    seen = {id(model)}
    while waiting:
        part = waiting.pop()
        if isinstance(part, type | ModuleType | FunctionType | Enum):
            continue
        if type(part).__module__.startswith("moderation.") and type(part).__weakrefoffset__:
            yield type(part).__name__, weakref.ref(part)
        new = [found for found in gc.get_referents(part) if id(found) not in seen]
        seen.update(map(id, new))
        waiting += new


def test_what_verdicts_consist_of_is_nothing_to_the_collector(
    load: Load, tmp_path: Path, pointer: ChampionPointer
) -> None:
    event = TweetEvent("1", Tweet(insult(Label.RELIGION)))
    (verdict,) = load(tmp_path, pointer).classify([event])
    assert verdict.prediction.reasons
    for message in (event.tweet, verdict.prediction, verdict.prediction.reasons[0]):
        assert not gc.is_tracked(message)


def test_an_artefact_that_is_not_the_pointer_s_is_refused(load: Load, tmp_path: Path, pointer: ChampionPointer) -> None:
    save_keyword_model(tmp_path)
    other = ChampionPointer("8", pointer.location, "0" * 64)
    with pytest.raises(BadArtefactError, match="digest differs"):
        load(tmp_path, other)
