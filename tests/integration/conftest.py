"""The real stacks in the emulator, with functions in the real runtime client: once for all the tests of this folder."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import paths
from local.display import Steps
from local.processes import Supervisor
from local.replay import Outgoing, put
from local.stage import LocalStage
from moderation.champion import NO_CHAMPION, ChampionPointer, write_pointer
from moderation.labels import Label
from moderation.messages import ClassificationEvent, Tweet, TweetEvent, decode_classification_event, encode
from tests.fakes.artefact import insult, save_keyword_model
from tests.integration.rest import at_rest, iterator_after
from tests.waiting import wait_for

FLAGGED_TEXT = insult(Label.RELIGION)
REFRESH_SECONDS = "0.2"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "running" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.emulator)


class Stage:
    """The running stage, in the words of the tests."""

    def __init__(self, local: LocalStage, folder: Path, logs: Path | None = None) -> None:
        self.local = local
        self.folder = folder
        self.logs = logs or paths.LOGS
        self.clients = local.clients
        self._verdicts: dict[str, list[ClassificationEvent]] = {}
        self._last: dict[str, str] = {}

    # champions

    def promote(self, version: str, *, spoil: Callable[[bytes], bytes] = lambda data: data) -> None:
        """Make a small model the champion; ``spoil`` changes its arrays on the way into the bucket."""
        folder = self.folder / f"model-{version}-{uuid.uuid4().hex[:6]}"
        save_keyword_model(folder)
        # Artefacts are known by their digest: without a difference, every version would be the same artefact.
        manifest = json.loads((folder / "manifest.json").read_bytes()) | {"candidate": folder.name}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        sha256 = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        bucket = self.local.bucket("artefacts")
        for file in ("manifest.json", "model.npz"):
            body = (folder / file).read_bytes()
            body = spoil(body) if file == "model.npz" else body
            self.clients["s3"].put_object(Bucket=bucket, Key=f"models/{folder.name}/{file}", Body=body)
        self.point_to(write_pointer(ChampionPointer(version, f"s3://{bucket}/models/{folder.name}", sha256)))

    def outlast_refresh(self) -> None:
        """Let every look at the champion pointer grow old: whatever environment gets the next event looks again."""
        time.sleep(1.25 * float(REFRESH_SECONDS))

    def point_to(self, value: str = NO_CHAMPION) -> None:
        name = self.local.config.champion_parameter
        self.clients["ssm"].put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    # functions

    def arn(self, function: str) -> str:
        return self.local.poller(function).mapping.function_arn

    def configure(self, function: str, **variables: str) -> None:
        """Deploy other settings: a new version behind the same alias."""
        api, name = self.clients["lambda"], self.local.config.physical(function)
        present = api.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        api.update_function_configuration(FunctionName=name, Environment={"Variables": present | variables})
        version = api.publish_version(FunctionName=name)["Version"]
        api.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        self.local.host.forget()

    # tweets

    def send(self, *texts: str, key: str = "t") -> list[str]:
        """Put tweets; returns their ids."""
        run = f"{key}-{uuid.uuid4().hex[:8]}"
        tweets = [TweetEvent(tweet_id=f"{run}-{n}", tweet=Tweet(tweet_text=text)) for n, text in enumerate(texts)]
        self.put("tweet_events", [Outgoing(tweet.tweet_id, encode(tweet)) for tweet in tweets])
        return [tweet.tweet_id for tweet in tweets]

    def put(self, stream: str, records: list[Outgoing]) -> None:
        for start in range(0, len(records), 500):
            put(self.clients["kinesis"], self.local.config.physical(stream), records[start : start + 500])

    def verdicts(self) -> dict[str, list[ClassificationEvent]]:
        """Every verdict so far, by tweet id."""
        kinesis, stream = self.clients["kinesis"], self.local.config.physical("tweet_classification")
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            for record in self._unread(stream, shard["ShardId"]):
                event = decode_classification_event(record["Data"])
                self._verdicts.setdefault(event.prediction.tweet_id, []).append(event)
        return self._verdicts

    def _unread(self, stream: str, shard: str) -> list[dict[str, Any]]:
        """What came into a shard since the last look. Iterators are not kept: they expire after five minutes."""
        iterator = iterator_after(self.clients["kinesis"], stream, shard, self._last.get(shard))
        records: list[dict[str, Any]] = self.clients["kinesis"].get_records(ShardIterator=iterator)["Records"]
        if records:
            self._last[shard] = records[-1]["SequenceNumber"]
        return records

    def await_verdicts(self, ids: list[str]) -> list[ClassificationEvent]:
        """Wait until every one of these tweets has a verdict; the first of each."""
        wait_for(lambda: self.verdicts().keys() >= set(ids), f"{len(ids)} verdicts")
        return [self._verdicts[tweet][0] for tweet in ids]

    # what came of it

    def ledger(self) -> dict[str, dict[str, Any]]:
        """The entries of the warnings table, by key."""
        pages = (
            self.clients["dynamodb"].get_paginator("scan").paginate(TableName=self.local.config.physical("warnings"))
        )
        return {item["pk"]["S"]: item for page in pages for item in page["Items"]}

    def entries(self, ids: list[str]) -> list[dict[str, Any]]:
        """The entries of some tweets."""
        wanted = set(ids)
        return [item for item in self.ledger().values() if item.get("tweet_id", {}).get("S") in wanted]

    def set_aside(self, function: str = "") -> list[dict[str, Any]]:
        """Parked records, and what the mappings gave up, as they lie in the bucket."""
        s3, bucket = self.clients["s3"], self.local.bucket("failed-records")
        found = []
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=function):
            for listed in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()
                found += [{"key": listed["Key"], **json.loads(line)} for line in body.splitlines() if line.strip()]
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric of ours over everything that was sent."""
        listed = self.clients["cloudwatch"].list_metrics(Namespace="Cyberbullying", MetricName=name)["Metrics"]
        total = 0.0
        for metric in listed:
            if {dimension["Name"] for dimension in metric["Dimensions"]} != {"service", "stage"}:
                continue
            answer = self.clients["cloudwatch"].get_metric_statistics(
                Namespace="Cyberbullying",
                MetricName=name,
                Dimensions=metric["Dimensions"],
                StartTime=time.time() - 3600,
                EndTime=time.time() + 60,
                Period=60,
                Statistics=["Sum"],
            )
            total += sum(point["Sum"] for point in answer["Datapoints"])
        return total

    def at_rest(self) -> bool:
        """Whether every record of the streams has been read and answered."""
        return at_rest(self.local)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, with logs in a folder of its own: other stages may run beside it, or before it in this process."""
    logs = tmp_path_factory.mktemp("logs")
    with Supervisor() as supervisor:
        with pytest.MonkeyPatch.context() as patch, Steps(Console(quiet=True), live=False).showing() as steps:
            patch.setattr(paths, "LOGS", logs)
            local = LocalStage(supervisor)
            local.start(steps, with_training=False)
        stage = Stage(local, tmp_path_factory.mktemp("models"), logs)
        stage.configure("classify", CHAMPION_REFRESH_SECONDS=REFRESH_SECONDS)
        yield stage
        local.stop()


@pytest.fixture
def stage(running: Stage) -> Stage:
    """The stage at rest, with a champion of version 1 that nobody remembers another one of."""
    running.promote("1")
    wait_for(running.at_rest, "the stage to come to rest")
    running.outlast_refresh()
    return running
