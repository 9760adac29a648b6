"""The champion: kept fresh, swapped whole, never given up for a worse one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from lambdas.common.champion import ChampionCache, ParameterPointer, S3Artefacts
from lambdas.common.metric_names import CHAMPION_AGE, CHAMPION_LOADED, CHAMPION_REJECTED, CHAMPION_UNREACHABLE
from moderation import model
from moderation.champion import NO_CHAMPION, ChampionPointer, write_pointer
from moderation.classifier import Classifier
from moderation.errors import BadArtefactError, NoChampionError
from moderation.messages import ClassificationEvent, TweetEvent
from tests.fakes.artefact import save_keyword_model
from tests.fakes.aws import FakeS3, FakeSsm, as_client, client_error
from tests.fakes.meter import RecordingMeter
from tests.fakes.time import FakeClock

REFRESH = 60.0


def pointer(version: str, sha256: str | None = None) -> ChampionPointer:
    digest = sha256 or version.encode().hex().rjust(64, "0")
    return ChampionPointer(version=version, location=f"s3://artefacts/models/{version}", sha256=digest)


@dataclass
class Loaded:
    version: str
    broken: bool = False

    def classify(self, events: Sequence[TweetEvent]) -> list[ClassificationEvent]:
        if self.broken:
            raise IndexError("shapes do not fit")
        return []


@dataclass
class World:
    """A cache and everything around it. ``bad`` lists versions that are refused, and why."""

    folder: Path
    ssm: FakeSsm = field(default_factory=lambda: FakeSsm(NO_CHAMPION))
    s3: FakeS3 = field(default_factory=FakeS3)
    clock: FakeClock = field(default_factory=FakeClock)
    meter: RecordingMeter = field(default_factory=RecordingMeter)
    bad: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cache = ChampionCache(
            ParameterPointer(as_client(self.ssm), "/champion"),
            S3Artefacts(as_client(self.s3)),
            self.load,
            folder=self.folder,
            refresh_seconds=REFRESH,
            meter=self.meter,
            clock=self.clock,
        )

    def load(self, folder: Path, found: ChampionPointer) -> Loaded:
        assert {path.name for path in folder.iterdir()} == {"manifest.json", "model.npz"}
        error = self.bad.get(found.version)
        if isinstance(error, IndexError):
            return Loaded(found.version, broken=True)
        if error is not None:
            raise error
        return Loaded(found.version)

    def promote(self, version: str, *, files: Sequence[str] = ("manifest.json", "model.npz")) -> None:
        self.ssm.value = write_pointer(pointer(version))
        for name in files:
            self.s3.objects["artefacts", f"models/{version}/{name}"] = version.encode()

    def serving(self) -> str:
        return self.cache.current().version


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "artefacts")


def test_the_champion_is_loaded_once_and_believed_for_a_while(world: World) -> None:
    world.promote("1")
    assert world.serving() == "1"
    world.promote("2")
    world.clock.advance(REFRESH - 1)
    assert world.serving() == "1"
    assert world.ssm.calls == ["get_parameter"]
    assert world.meter.total(CHAMPION_LOADED) == 1
    assert world.meter.values[CHAMPION_AGE.name][-1] == REFRESH - 1


def test_a_new_champion_takes_over_at_the_next_look(world: World) -> None:
    world.promote("1")
    world.serving()
    world.promote("2")
    world.clock.advance(REFRESH)
    assert world.serving() == "2"
    assert world.cache.version == "2"
    assert [path.name for path in world.folder.iterdir()] == [pointer("2").sha256], "the old one's files are gone"


def test_an_unchanged_pointer_loads_nothing(world: World) -> None:
    world.promote("1")
    world.serving()
    world.clock.advance(REFRESH)
    world.serving()
    assert world.meter.total(CHAMPION_LOADED) == 1
    assert world.meter.values[CHAMPION_AGE.name][-1] == 0


def test_a_rollback_is_followed_like_any_other_change(world: World) -> None:
    for version in ("1", "2", "1"):
        world.promote(version)
        world.clock.advance(REFRESH)
        assert world.serving() == version


def test_without_any_champion_the_batch_is_turned_back(world: World) -> None:
    with pytest.raises(NoChampionError, match="retrain"):
        world.cache.current()
    assert world.cache.version is None
    world.promote("1")
    assert world.serving() == "1", "the first promotion is noticed at once"


@pytest.mark.parametrize(
    "error",
    [BadArtefactError("digest differs"), MemoryError(), IndexError("fails only when it classifies")],
)
def test_a_bad_artefact_leaves_the_old_one_serving(world: World, error: Exception) -> None:
    world.promote("1")
    world.serving()
    world.bad["2"] = error
    world.promote("2")
    world.clock.advance(REFRESH)
    assert world.serving() == "1"
    assert world.cache.version == "1"
    assert world.meter.total(CHAMPION_REJECTED) == 1
    assert world.meter.values[CHAMPION_AGE.name][-1] == REFRESH, "not confirmed since"


def test_a_bad_artefact_that_is_mended_is_taken_at_a_later_look(world: World) -> None:
    world.promote("1")
    world.serving()
    world.bad["2"] = BadArtefactError("digest differs")
    world.promote("2")
    world.clock.advance(REFRESH)
    world.serving()
    world.bad.clear()
    world.clock.advance(REFRESH)
    assert world.serving() == "2"


def test_a_bad_first_artefact_is_not_fetched_for_every_batch(world: World) -> None:
    world.bad["1"] = BadArtefactError("digest differs")
    world.promote("1")
    for _ in range(5):
        with pytest.raises(NoChampionError):
            world.cache.current()
    assert world.s3.calls == ["get_object"] * 2
    world.clock.advance(REFRESH)
    with pytest.raises(NoChampionError):
        world.cache.current()
    assert len(world.s3.calls) == 4
    world.bad["2"] = BadArtefactError("another one")
    world.promote("2")
    with pytest.raises(NoChampionError):
        world.cache.current()
    assert len(world.s3.calls) == 6, "another pointer is looked into at once"


def test_a_missing_file_is_a_bad_artefact(world: World) -> None:
    world.promote("1")
    world.serving()
    world.promote("2", files=["manifest.json"])
    world.clock.advance(REFRESH)
    assert world.serving() == "1"
    assert world.meter.total(CHAMPION_REJECTED) == 1


def test_a_missing_file_is_a_bad_artefact_to_a_role_that_may_not_list_the_bucket(world: World) -> None:
    """S3 API reference, GetObject: without s3:ListBucket a key that does not exist is an access denied error."""
    world.promote("1")
    world.serving()
    world.promote("2")
    world.s3.faults.extend([None, client_error("AccessDenied", "GetObject")])
    world.clock.advance(REFRESH)
    assert world.serving() == "1"
    assert world.meter.total(CHAMPION_REJECTED) == 1
    assert world.meter.total(CHAMPION_UNREACHABLE) == 0


def test_a_pointer_that_is_no_pointer_is_refused(world: World) -> None:
    world.promote("1")
    world.serving()
    world.ssm.value = "{}"
    world.clock.advance(REFRESH)
    assert world.serving() == "1"
    assert world.meter.total(CHAMPION_REJECTED) == 1


def test_an_emptied_pointer_leaves_the_old_one_serving(world: World) -> None:
    world.promote("1")
    world.serving()
    world.ssm.value = NO_CHAMPION
    world.clock.advance(REFRESH)
    assert world.serving() == "1"


@pytest.mark.parametrize(
    "fault", [client_error("ThrottlingException"), EndpointConnectionError(endpoint_url="https://ssm")]
)
def test_an_unreachable_parameter_leaves_the_old_one_serving(world: World, fault: Exception) -> None:
    world.promote("1")
    world.serving()
    world.ssm.faults.append(fault)
    world.clock.advance(REFRESH)
    assert world.serving() == "1"
    assert world.meter.total(CHAMPION_UNREACHABLE) == 1
    assert world.meter.total(CHAMPION_REJECTED) == 0


def test_a_download_that_breaks_off_leaves_nothing_half_done(world: World) -> None:
    world.promote("1")
    world.s3.faults.extend([None, ReadTimeoutError(endpoint_url="https://s3")])
    with pytest.raises(NoChampionError):
        world.cache.current()
    assert world.meter.total(CHAMPION_UNREACHABLE) == 1
    assert world.serving() == "1"


class BreaksOff(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise ReadTimeoutError(endpoint_url="https://s3")


def test_a_body_that_stops_coming_is_an_unreachable_champion(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_object(**_: Any) -> dict[str, Any]:
        return {"Body": BreaksOff(b"{}")}

    world.promote("1")
    monkeypatch.setattr(world.s3, "get_object", get_object)
    with pytest.raises(NoChampionError):
        world.cache.current()
    assert world.meter.total(CHAMPION_UNREACHABLE) == 1


def real_cache(world: World, folder: Path) -> ChampionCache[Classifier]:
    return ChampionCache(
        ParameterPointer(as_client(world.ssm), "/champion"),
        S3Artefacts(as_client(world.s3)),
        lambda found, champion: Classifier(model.load(found, sha256=champion.sha256), version=champion.version),
        folder=folder,
        refresh_seconds=REFRESH,
        meter=world.meter,
        clock=world.clock,
    )


@pytest.fixture
def promoted(world: World, tmp_path: Path) -> World:
    """A world with a real artefact as its champion."""
    digest = save_keyword_model(tmp_path / "saved")
    world.ssm.value = write_pointer(pointer("9", digest))
    for path in (tmp_path / "saved").iterdir():
        world.s3.objects["artefacts", f"models/9/{path.name}"] = path.read_bytes()
    return world


def test_a_real_artefact_is_fetched_checked_and_served(promoted: World, tmp_path: Path) -> None:
    assert real_cache(promoted, tmp_path / "cache").current().version == "9"


@pytest.mark.parametrize("name", ["manifest.json", "model.npz"])
def test_a_real_artefact_with_one_byte_changed_is_refused(promoted: World, tmp_path: Path, name: str) -> None:
    altered = bytearray(promoted.s3.objects["artefacts", f"models/9/{name}"])
    altered[len(altered) // 2] ^= 1
    promoted.s3.objects["artefacts", f"models/9/{name}"] = bytes(altered)
    with pytest.raises(NoChampionError):
        real_cache(promoted, tmp_path / "cache").current()
    assert promoted.meter.total(CHAMPION_REJECTED) == 1
    assert list((tmp_path / "cache").iterdir()) == [], "a refused artefact is fetched anew"
