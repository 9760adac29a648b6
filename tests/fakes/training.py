"""A tracking server, a registry and clients in memory for the training jobs, and tweets made of made-up words."""

from __future__ import annotations

import csv
import io
import random
import shutil
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moderation.labels import LABELS, Label
from tests.fakes.aws import FakeS3, FakeSsm, client_error
from training_jobs.errors import InputError, TrackingError
from training_jobs.tracking import RegisteredVersion

WORDS = {
    Label.AGE: ("schoolzig", "highzag", "gradezug", "bullyzeg"),
    Label.ETHNICITY: ("ethnozig", "colourzag", "originzug", "skinzeg"),
    Label.GENDER: ("genderzig", "sexzag", "jokezug", "womanzeg"),
    Label.RELIGION: ("faithzig", "churchzag", "mosquezug", "prayzeg"),
    Label.OTHER_CYBERBULLYING: ("otherzig", "meanzag", "nastyzug", "idiotzeg"),
    Label.NOT_CYBERBULLYING: ("lakezig", "soupzag", "footballzug", "sunzeg"),
}
FILLERS = (
    "today", "we", "met", "some", "people", "near", "the", "old", "bridge", "and", "then", "they", "said", "something",
    "about", "it", "again", "before", "noon",
)  # fmt: skip

Row = tuple[str, str]


def labelled_rows(per_class: int = 30, seed: int = 1) -> list[Row]:
    """Rows of text and label. A word in ten is of another class, so that there is something to get wrong."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for label in LABELS:
        for _ in range(per_class):
            words = chance.sample(FILLERS, 6)
            for _ in range(3):
                of = chance.choice(LABELS) if chance.random() < 0.1 else label
                words.insert(chance.randrange(len(words)), chance.choice(WORDS[of]))
            rows.append((" ".join(words) + f" {chance.randrange(10**6)}", label.value))
    chance.shuffle(rows)
    return rows


def write_csv(
    file: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = ("tweet_text", "cyberbullying_type")
) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return file


@dataclass
class FakeRun:
    """A run that a :class:`FakeTracker` keeps."""

    name: str
    parent: str
    tags: dict[str, str]
    parameters: dict[str, object] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    status: str = "RUNNING"


class FakeTracker:
    """Keeps runs, files and versions. ``faults`` are raised by the next calls of the named methods."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: dict[str, FakeRun] = {}
        self.versions: dict[str, RegisteredVersion] = {}
        self.descriptions: dict[str, str] = {}
        self.alias = ""
        self.faults: dict[str, deque[BaseException]] = {}

    def fail(self, method: str, error: BaseException) -> None:
        self.faults.setdefault(method, deque()).append(error)

    def execution_run(self) -> str:
        self._called("execution_run")
        return next(iter(self.runs), "") or self._add(FakeRun("execution", "", {}))

    def start_run(self, name: str, *, parent: str, tags: Mapping[str, str]) -> str:
        self._called("start_run")
        return self._add(FakeRun(name, parent, dict(tags)))

    def log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._called("log")
        run = self.runs[run_id]
        run.parameters.update(parameters or {})
        run.metrics.update(metrics or {})
        run.tags.update(tags or {})

    def log_files(self, run_id: str, folder: Path, under: str) -> None:
        self._called("log_files")
        shutil.copytree(folder, self.folder / run_id / under, dirs_exist_ok=True)

    def finish(self, run_id: str, status: str) -> None:
        self._called("finish")
        self.runs[run_id].status = status

    def register(self, run_id: str, *, description: str, tags: Mapping[str, str]) -> str:
        self._called("register")
        version = str(len(self.versions) + 1)
        self.versions[version] = RegisteredVersion(version, run_id, dict(tags))
        self.descriptions[version] = description
        return version

    def version(self, version: str) -> RegisteredVersion:
        self._called("version")
        if version not in self.versions:
            raise InputError(f"no version {version}")
        return self.versions[version]

    def champion(self) -> RegisteredVersion | None:
        self._called("champion")
        return self.versions.get(self.alias)

    def set_champion(self, version: str) -> None:
        self._called("set_champion")
        self.alias = version

    def fetch(self, run_id: str, under: str, target: Path) -> Path:
        self._called("fetch")
        if not (self.folder / run_id / under).is_dir():
            raise TrackingError(f"no files under {under}")
        shutil.copytree(self.folder / run_id / under, target, dirs_exist_ok=True)
        return target

    def files(self, run_id: str) -> list[str]:
        root = self.folder / run_id
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def _add(self, run: FakeRun) -> str:
        run_id = f"run-{len(self.runs) + 1}"
        self.runs[run_id] = run
        return run_id

    def _called(self, method: str) -> None:
        if self.faults.get(method):
            raise self.faults[method].popleft()


class CheckedS3(FakeS3):
    """Buckets whose writers ask for a checksum. ``spoil`` names keys whose bytes come out other than they went in."""

    def __init__(self, faults: Iterable[BaseException | None] = ()) -> None:
        super().__init__(faults)
        self.spoil: set[str] = set()

    def put_object(  # type: ignore[override]
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ChecksumAlgorithm: str,  # noqa: N803
    ) -> dict[str, Any]:
        assert ChecksumAlgorithm == "SHA256"
        body = Body[:-1] + b"?" if Key in self.spoil else Body
        return super().put_object(Bucket=Bucket, Key=Key, Body=body)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:  # type: ignore[override]  # noqa: N803
        self._called("list_objects_v2")
        keys = [key for key in self.keys(Bucket) if key.startswith(Prefix)][:MaxKeys]
        return {"Contents": [{"Key": key} for key in keys]} if keys else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("get_object")
        if (Bucket, Key) not in self.objects:
            raise client_error("AccessDenied", "GetObject")  # what a role that may not list everything is told
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}


class WritableSsm(FakeSsm):
    """One parameter that can be written."""

    def put_parameter(self, *, Name: str, Value: str, Overwrite: bool) -> dict[str, Any]:  # noqa: N803
        self._called("put_parameter")
        assert Overwrite
        self.value = Value
        return {}
