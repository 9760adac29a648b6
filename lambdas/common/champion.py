"""The model that serves: kept fresh, swapped whole, and never given up for a worse one.

The champion pointer is read again every so often. A new champion is fetched and loaded beside the old one and has to
classify a harmless tweet before it takes over; whatever goes wrong on the way, the old one keeps serving.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from botocore.exceptions import ClientError

from lambdas.common.delivery import RequestFaults, fault_code
from lambdas.common.metric_names import CHAMPION_AGE, CHAMPION_LOADED, CHAMPION_REJECTED, CHAMPION_UNREACHABLE
from lambdas.common.telemetry import Meter, logger
from moderation.champion import ChampionPointer, read_pointer
from moderation.errors import BadArtefactError, NoChampionError
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE
from moderation.messages import ClassificationEvent, Tweet, TweetEvent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

ARTEFACT_FILES: Final = (MANIFEST_FILE, ARRAYS_FILE)

_NOT_THERE: Final = {"NoSuchKey", "AccessDenied"}
"""What S3 says of an object that is missing: the second to those who may not list the bucket, such as this function."""

_CANARY: Final = TweetEvent(tweet_id="canary", tweet=Tweet(tweet_text="The weather is lovely at the lake today."))


class Classifier(Protocol):
    """Makes verdicts of tweets."""

    def classify(self, events: Sequence[TweetEvent]) -> list[ClassificationEvent]:
        """One verdict for each tweet, in order."""


C = TypeVar("C", bound=Classifier)


class PointerSource(Protocol):
    """Where the champion pointer is kept."""

    def read(self) -> str:
        """Its value now. May raise RequestFaults."""


class ArtefactStore(Protocol):
    """Where artefacts are kept."""

    def fetch(self, location: str, folder: Path) -> None:
        """Copy an artefact's files into a folder that is made for them.

        Raises:
            BadArtefactError: a file is missing there.
            RequestFaults: the store cannot be reached.
        """


class ParameterPointer:
    """The champion pointer in a parameter of Systems Manager."""

    def __init__(self, client: SSMClient, parameter: str) -> None:
        self._client = client
        self._parameter = parameter

    def read(self) -> str:
        """Its value now."""
        return self._client.get_parameter(Name=self._parameter)["Parameter"].get("Value", "")


class S3Artefacts:
    """Artefacts in S3."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def fetch(self, location: str, folder: Path) -> None:
        """Copy an artefact's files into a folder that is made for them."""
        folder.mkdir()
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        for name in ARTEFACT_FILES:
            try:
                answer = self._client.get_object(Bucket=bucket, Key=f"{prefix}/{name}")
            except ClientError as error:
                if fault_code(error) not in _NOT_THERE:
                    raise
                raise BadArtefactError(f"{location} has no {name} that may be read") from None
            with (folder / name).open("wb") as file:
                shutil.copyfileobj(answer["Body"], file, 1 << 20)


class ChampionCache(Generic[C]):
    """Holds the champion.

    Attributes:
        version: of the model that serves, or None before the first one.
    """

    def __init__(
        self,
        pointers: PointerSource,
        artefacts: ArtefactStore,
        load: Callable[[Path, ChampionPointer], C],
        *,
        folder: Path,
        refresh_seconds: float,
        meter: Meter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up; nothing is read yet.

        Args:
            pointers: tell which model is the champion.
            artefacts: fetched from here.
            load: makes a classifier of an artefact folder, or raises BadArtefactError.
            folder: where artefacts are kept while they serve.
            refresh_seconds: how long a pointer is believed, and how long a refused artefact is left alone.
            meter: counts what happens.
            clock: seconds, never going back.
        """
        self._pointers = pointers
        self._artefacts = artefacts
        self._load = load
        self._folder = folder
        self._refresh_seconds = refresh_seconds
        self._meter = meter
        self._clock = clock
        self._classifier: C | None = None
        self._serving: ChampionPointer | None = None
        self._refused: ChampionPointer | None = None
        self._refused_until = 0.0
        self._checked_at = self._confirmed_at = 0.0

    @property
    def version(self) -> str | None:
        """The version of the model that serves."""
        return self._serving.version if self._serving else None

    def current(self) -> C:
        """The champion, looked up again if that was long ago.

        Raises:
            NoChampionError: there is none, and nothing to fall back on. Trying again later can help.
        """
        now = self._clock()
        if self._classifier is None or now - self._checked_at >= self._refresh_seconds:
            self._checked_at = now
            self._refresh(now)
        if self._classifier is None:
            raise NoChampionError("no model could be loaded; see the log for why")
        self._meter.count(CHAMPION_AGE, max(0.0, self._clock() - self._confirmed_at))
        return self._classifier

    def _refresh(self, now: float) -> None:
        """Follow the pointer. Whatever goes wrong, the model that serves now, if there is one, keeps serving."""
        pointer: ChampionPointer | None = None
        try:
            pointer = read_pointer(self._pointers.read())
            if pointer != self._serving:
                self._replace(pointer, now)
        except NoChampionError:
            if self._classifier is None:
                raise
            logger.warning("the champion pointer was emptied; the old model keeps serving", version=self.version)
        except RequestFaults as error:
            logger.error("the champion cannot be fetched", fault=fault_code(error), version=self.version)
            self._meter.count(CHAMPION_UNREACHABLE)
        except Exception as error:  # whatever is wrong with a new model must not stop the old one
            logger.error("the champion is refused", fault=type(error).__name__, detail=_detail(error), pointer=pointer)
            self._meter.count(CHAMPION_REJECTED)
            self._refused, self._refused_until = pointer, now + self._refresh_seconds
        else:
            self._confirmed_at = now

    def _replace(self, pointer: ChampionPointer, now: float) -> None:
        """Fetch, load and try a model, then let it serve."""
        if pointer == self._refused and now < self._refused_until:  # nothing serves, or this were not asked so soon
            raise NoChampionError("the champion was refused a moment ago; see the log for why")
        folder = self._fetch(pointer)
        try:
            classifier = self._load(folder, pointer)
            classifier.classify([_CANARY])
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)  # the next attempt fetches it anew
            raise
        previous = self._serving
        self._classifier, self._serving, self._refused = classifier, pointer, None
        self._meter.count(CHAMPION_LOADED)
        logger.info("a model was taken into service", version=pointer.version, sha256=pointer.sha256)
        if previous is not None and previous.sha256 != pointer.sha256:
            # Its space is needed, and a rollback can fetch it again.
            shutil.rmtree(self._folder / previous.sha256, ignore_errors=True)

    def _fetch(self, pointer: ChampionPointer) -> Path:
        """The artefact's folder on this machine, fetched unless it is there already. Its name is its digest."""
        folder = self._folder / pointer.sha256
        if folder.is_dir():
            return folder
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix="fetching-") as partial:
            self._artefacts.fetch(pointer.location, Path(partial) / folder.name)
            return (Path(partial) / folder.name).rename(folder)


def _detail(error: Exception) -> str | None:
    """What the error says, of errors that are known to say nothing of tweets."""
    return str(error) if isinstance(error, BadArtefactError) else None
