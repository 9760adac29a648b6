"""An archive, a bucket, CloudWatch and SSM in memory, some of which fail when told to."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from botocore.exceptions import ClientError

from moderation.labels import LABELS, Label
from moderation.messages import ClassificationEvent, Decision, Prediction, Tweet, TweetEvent, encode, timestamp
from monitoring.archive import TWEETS, VERDICTS, WITHDRAWN, partition


def error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class MemoryStore:
    """Objects in a dictionary; it counts how many are open at once."""

    def __init__(self, objects: Mapping[str, bytes], *, unreadable: str | None = None) -> None:
        self.objects = dict(objects)
        self.unreadable = unreadable
        self.opened: list[IO[bytes]] = []

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def open(self, key: str) -> IO[bytes]:
        if key == self.unreadable:
            raise OSError("the connection broke off")
        file = io.BytesIO(self.objects[key])
        self.opened.append(file)
        return file


class FakeS3:
    """Lists two keys a page, whatever there is."""

    def __init__(self, objects: Mapping[str, bytes], *, denied: bool = False) -> None:
        self.objects = dict(objects)
        self.denied = denied

    def get_paginator(self, operation: str) -> FakeS3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        keys = sorted(key for key in self.objects if key.startswith(f"{Bucket}/{Prefix}"))
        for start in range(0, len(keys), 2):
            yield {"Contents": [{"Key": key.removeprefix(f"{Bucket}/")} for key in keys[start : start + 2]]}
        yield {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if self.denied:
            raise error("AccessDenied", "GetObject")
        if f"{Bucket}/{Key}" not in self.objects:
            raise error("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.objects[f"{Bucket}/{Key}"])}


class FakeSsm:
    def __init__(self, value: str) -> None:
        self.value = value

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Parameter": {"Name": Name, "Value": self.value}}


class FakeCloudWatch:
    """Refuses what CloudWatch refuses: too much at once, and what is not a number."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        assert Namespace == "Cyberbullying"
        if len(MetricData) > 1000 or any(datum["Value"] != datum["Value"] for datum in MetricData):
            raise error("InvalidParameterValue", "PutMetricData")
        self.requests.append(MetricData)

    @property
    def data(self) -> list[dict[str, Any]]:
        return [datum for request in self.requests for datum in request]


def verdict_line(
    tweet_id: str, moment: datetime, label: Label = Label.AGE, *, confidence: float = 0.9, version: str = "3"
) -> bytes:
    scores = dict.fromkeys(LABELS, (1 - confidence) / 5) | {label: confidence}
    return encode(
        ClassificationEvent(
            schema_version=1,
            model="cyberbullying",
            version=version,
            prediction=Prediction(tweet_id, label, confidence, scores, Decision.PASS),
            classified_at=timestamp(moment),
        )
    )


def tweet_line(tweet_id: str, text: str, *, lang: str | None = None) -> bytes:
    return encode(TweetEvent(tweet_id=tweet_id, tweet=Tweet(text), lang=lang))


def archived(records: Mapping[str, list[tuple[datetime, bytes]]]) -> dict[str, bytes]:
    """Objects of an archive, one a record: ``{"verdicts": [(delivered, line)], "tweets": ...}``."""
    streams = {"verdicts": VERDICTS, "tweets": TWEETS, "tombstones": WITHDRAWN}
    return {
        f"{partition(streams[kind], moment)}{number:06d}": line + b"\n"
        for kind, lines in records.items()
        for number, (moment, line) in enumerate(lines)
    }
