"""From put to verdict through the local stage: both streams, the mapping's semantics and a real runtime process.

Both handlers stand in the same place, one after the other, so that they differ in nothing but themselves. The warner
rests, because the original has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.job import Scale, Values
from benchmarks.sides import ORIGINAL, OURS
from cdk_app.stages import ALIAS, TWEET_CLASSIFICATION, TWEET_EVENTS
from local import paths
from local.display import Display
from local.processes import Supervisor
from local.replay import Outgoing, batches, put
from local.stage import LocalStage
from moderation.champion import ChampionPointer, write_pointer
from moderation.manifest import ARRAYS_FILE, MANIFEST_FILE
from moderation.messages import Tweet, TweetEvent, encode

if TYPE_CHECKING:
    from benchmarks.results import Results

SIDES: Final = (OURS, ORIGINAL)
_FUNCTION: Final = "classify"
_WARM_UP: Final = 100
PATIENCE_SECONDS: Final = 120.0


class NoVerdictError(Exception):
    """Verdicts did not arrive in time."""


class _Prediction(msgspec.Struct):
    tweet_id: str


class _Verdict(msgspec.Struct):
    """As much of a verdict as both sides have."""

    prediction: _Prediction


@contextmanager
def running_stage() -> Iterator[LocalStage]:
    """The local stage without training; nothing of it is left afterwards."""
    display = Display()
    with Supervisor() as supervisor:
        stage = LocalStage(supervisor)
        with display.steps().showing() as steps:
            stage.start(steps, with_training=False)
        for poller in stage.pollers:
            if poller.mapping.function_name != stage.config.physical(_FUNCTION):
                poller.stop()
        try:
            yield stage
        finally:
            stage.stop()


def serve_ours(stage: LocalStage, folder: Path) -> None:
    """Promote an artefact, without the registry."""
    bucket = stage.bucket("artefacts")
    for name in (MANIFEST_FILE, ARRAYS_FILE):
        stage.clients["s3"].put_object(Bucket=bucket, Key=f"models/bench/{name}", Body=(folder / name).read_bytes())
    pointer = ChampionPointer(
        "bench", f"s3://{bucket}/models/bench", sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()
    )
    stage.clients["ssm"].put_parameter(
        Name=stage.config.champion_parameter, Value=write_pointer(pointer), Overwrite=True
    )
    stage.host.forget()


def serve_original(stage: LocalStage, folder: Path) -> None:
    """Deploy the original's handler in the classifier's place, as its alias."""
    api = stage.clients["lambda"]
    name = stage.config.physical(_FUNCTION)
    variables = api.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    api.update_function_configuration(
        FunctionName=name,
        ImageConfig={"Command": ["benchmarks.original_function.handler"]},
        Environment={
            "Variables": variables
            | {
                "ORIGINAL_MODEL": str(folder.resolve().relative_to(paths.ROOT)),
                "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
            }
        },
    )
    version = api.publish_version(FunctionName=name)["Version"]
    api.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
    stage.host.forget()


def measure(
    folders: Mapping[str, Path], texts: Sequence[str], scale: Scale, results: Results, step: Callable[[str], None]
) -> None:
    """Both handlers, one after the other, in the same place of the same local stage.

    Args:
        folders: of the models, in the checkout: the local stage gives each function a ``/tmp`` of its own.
        texts: distinct tweets.
        scale: how much to measure.
        results: gets the figures.
        step: told what comes next, once per round.
    """
    with running_stage() as stage:
        for side, serve, number in ((OURS, serve_ours, len(texts)), (ORIGINAL, serve_original, scale.slow_tweets)):
            serve(stage, folders[side])
            put_and_wait(stage, texts[:_WARM_UP], f"{side}-warm")
            for place in range(scale.rounds_of_stages):
                step(f"round {place + 1} of {scale.rounds_of_stages}: end_to_end, {side}")
                results.add("end_to_end", side, put_and_wait(stage, texts[:number], f"{side}-{place}"))


def put_and_wait(stage: LocalStage, texts: Sequence[str], run: str, patience: float = PATIENCE_SECONDS) -> Values:
    """Put tweets as fast as the stream takes them, and wait for every verdict.

    Args:
        stage: with a classifier that serves.
        texts: of the tweets.
        run: makes the tweets' ids different from those of other runs.
        patience: seconds to wait for the last verdict.

    Raises:
        NoVerdictError: a verdict did not arrive.
    """
    events = [TweetEvent(f"{run}-{number}", Tweet(text)) for number, text in enumerate(texts)]
    records = [Outgoing(event.tweet_id, encode(event)) for event in events]
    reader = _Reader(stage)
    put_at: dict[str, float] = {}
    started = time.time()
    for batch in batches(records):
        now = time.time()
        put_at.update((record.key, now) for record in batch)
        put(stage.clients["kinesis"], stage.config.physical(TWEET_EVENTS), batch)
    arrived = reader.wait_for(put_at, started + patience)
    latencies = sorted(arrived[key] - put_at[key] for key in put_at)
    return {
        "tweets_per_second": len(texts) / (max(arrived.values()) - started),
        "p99_seconds": latencies[int(len(latencies) * 0.99)],
    }


def lines(results: Results) -> Iterator[str]:
    """A table of the two sides that are handlers."""
    rows = {
        "tweets_per_second": "from put to verdict (tweets/s)",
        "p99_seconds": "from put to verdict, 99th percentile (s)",
    }
    yield from results.table("end_to_end", SIDES, rows)


class _Reader:
    """Reads verdicts from now on, with the time at which each arrived."""

    def __init__(self, stage: LocalStage) -> None:
        self._kinesis = stage.clients["kinesis"]
        stream = stage.config.physical(TWEET_CLASSIFICATION)
        self._iterators = [
            self._kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time()
            )["ShardIterator"]
            for shard in self._kinesis.list_shards(StreamName=stream)["Shards"]
        ]

    def wait_for(self, wanted: dict[str, float], deadline: float) -> dict[str, float]:
        """When each wanted verdict arrived, in seconds since 1970."""
        arrived: dict[str, float] = {}
        while len(arrived) < len(wanted):
            if time.time() > deadline:
                raise NoVerdictError(f"{len(wanted) - len(arrived)} verdicts did not arrive; see .local/logs")
            for index, iterator in enumerate(self._iterators):
                answer = self._kinesis.get_records(ShardIterator=iterator, Limit=2_000)
                self._iterators[index] = answer["NextShardIterator"]
                for record in answer["Records"]:
                    key = msgspec.json.decode(record["Data"], type=_Verdict).prediction.tweet_id
                    if key in wanted:
                        arrived.setdefault(key, record["ApproximateArrivalTimestamp"].timestamp())
            time.sleep(0.1)
        return arrived
