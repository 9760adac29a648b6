"""Every panel of the dashboards and every alarm has data, after a demonstration and a bad day."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from local import live
from local.display import Display
from local.replay import Outgoing
from moderation.champion import ChampionPointer, read_pointer, write_pointer
from moderation.messages import Decision, TweetWithdrawn, Withdrawal, encode, timestamp
from monitoring.dashboards.boards import BOARDS
from tests.e2e.conftest import Demo
from tests.fakes.jetstream import FakeJetstream, message
from tests.fakes.panels import PanelQuery, data_points, panel_queries
from tests.integration.conftest import Stage
from tests.waiting import PATIENCE_SECONDS, wait_for

_LIMITLESS = "the emulator's streams take and give whatever they are asked to"
_NO_MACHINE = "no machine and no database runs behind the emulator's"
_NEVER_FAILS = "the emulator does not fail by itself; tests/integration and tests/unit make it"
_QUEUE = "the emulator's queues measure nothing; tests/integration/test_withdrawals.py looks into them"
_FREE = "only a source that is paid for counts it; tests/unit/ingest/test_budget.py"

WITHOUT_DATA: dict[str, str] = {
    "WriteProvisionedThroughputExceeded": _LIMITLESS,
    "ReadProvisionedThroughputExceeded": _LIMITLESS,
    "DeliveryToS3.DataFreshness": "the emulator's Firehose writes each record at once and measures nothing",
    "FreeStorageSpace": _NO_MACHINE,
    "GroupInServiceInstances": _NO_MACHINE,
    "DestinationDeliveryFailures": _NEVER_FAILS,
    "ParkingFailed": _NEVER_FAILS,
    "VerdictsRetried": _NEVER_FAILS,
    "VerdictsFailed": _NEVER_FAILS,
    "SinkFailed": _NEVER_FAILS,
    "WithdrawalsFailed": _NEVER_FAILS,
    "ApproximateNumberOfMessagesVisible": _QUEUE,
    "ApproximateAgeOfOldestMessage": _QUEUE,
    "TweetsRejected": "no tweet is as large as a record may be; tests/unit/ingest/test_sinks.py",
    "DeliveryRetries": _NEVER_FAILS,
    "CheckpointFailed": _NEVER_FAILS,
    "CheckpointGaps": "Jetstream gives back what it has; only search and stream of X know gaps",
    "SpendUsd": _FREE,
    "BudgetUsedPercent": _FREE,
    "BudgetExhausted": _FREE,
}
"""Metrics that have no data here, with the reason."""


class Day(Stage):
    """A bad day: what a demonstration has no occasion for."""

    def repeat_a_verdict(self) -> None:
        """Deliver a verdict on a tweet that was acted upon a second time."""
        self._put_verdict("again", lambda tweet: tweet)
        wait_for(lambda: self.metric("DuplicatesSkipped") > 0, "a repeated verdict to be left alone")

    def park_a_verdict(self) -> None:
        before = self.metric("RecordsParked")
        self.put("tweet_classification", [Outgoing("bad", b"not a verdict")])
        wait_for(lambda: self.metric("RecordsParked") > before, "a verdict to be parked")

    def use_up_the_quota(self) -> None:
        self.configure("warn", DAILY_WARNING_QUOTA="0")
        self._put_verdict("held", lambda tweet: f"{tweet}-held")
        wait_for(lambda: self.metric("WarningsHeld") > 0, "a warning to be held")

    def withdraw(self) -> None:
        """Let a source take back a tweet whose author was warned, and say something that is no withdrawal."""
        wait_for(lambda: bool(self.verdicts()), "verdicts")
        tweet = next(
            one.prediction.tweet_id
            for several in self.verdicts().values()
            for one in several
            if one.prediction.decision is Decision.FLAG
        )
        deleted = TweetWithdrawn(tweet_id=tweet, source="test", reason=Withdrawal.DELETED, withdrawn_at=timestamp())
        for detail in (encode(deleted).decode(), "{}"):
            self.clients["events"].put_events(
                Entries=[
                    {
                        "EventBusName": self.local.config.event_bus,
                        "Source": self.local.config.event_source,
                        "DetailType": TweetWithdrawn.__name__,
                        "Detail": detail,
                    }
                ]
            )
        for metric in ("WarningsWithdrawn", "WithdrawalsRefused"):
            wait_for(lambda metric=metric: self.metric(metric) > 0, metric)  # type: ignore[misc]

    def lose_the_champion(self) -> None:
        """Point to a damaged artefact, then to none at all, then nowhere, with a tweet after each."""
        self.configure("classify", CHAMPION_REFRESH_SECONDS="0.1")
        name = self.local.config.champion_parameter
        pointer = read_pointer(self.clients["ssm"].get_parameter(Name=name)["Parameter"]["Value"])
        self.await_verdicts(self.send("before"))
        damaged = ChampionPointer("98", pointer.location, hashlib.sha256(b"another").hexdigest())
        missing = ChampionPointer("99", "s3://no-such-bucket/models/99", pointer.sha256)
        for wrong, metric in ((damaged, "ChampionRejected"), (missing, "ChampionUnreachable")):
            self.point_to(write_pointer(wrong))
            wait_for(lambda metric=metric: bool(self.send("during")) and self.metric(metric) > 0, metric)  # type: ignore[misc]
        self.point_to()
        self.local.host.forget()
        self.send("after")
        wait_for(lambda: self.metric("ChampionMissing") > 0, "a batch to be turned back")
        wait_for(lambda: self.local.poller("classify").counts.discarded > 0, "a batch to be given up")

    def break_the_warner(self) -> None:
        """Deploy a warner that cannot start, until a verdict is given up."""
        self.configure("warn", DAILY_WARNING_QUOTA="none")
        self._put_verdict("given-up", lambda tweet: f"{tweet}-given-up")
        wait_for(lambda: self.local.poller("warn").counts.discarded > 0, "a verdict to be given up")
        self.configure("warn", DAILY_WARNING_QUOTA="1")

    def _put_verdict(self, key: str, renamed: Callable[[str], str]) -> None:
        wait_for(lambda: bool(self.verdicts()), "verdicts")
        verdict = next(
            one for several in self.verdicts().values() for one in several if one.prediction.decision is Decision.FLAG
        )
        tweet = renamed(verdict.prediction.tweet_id)
        prediction = msgspec.structs.replace(verdict.prediction, tweet_id=tweet)
        changed = msgspec.structs.replace(verdict, prediction=prediction)
        self.put("tweet_classification", [Outgoing(key, encode(changed))])


def read_bluesky(demo: Demo) -> None:
    """Read a Jetstream that breaks off, sends what is no message, and tells of a deletion."""
    posts: list[dict[str, Any] | str] = [
        message(1, "What a fine day"),
        message(2, "Rain tomorrow"),
        "not JSON",
        message(1, operation="delete"),
    ]

    async def scenario() -> None:
        async with FakeJetstream(posts, drop_after=[1]) as jetstream:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("JETSTREAM_URLS", jetstream.url)
                source = live.Source("bluesky", tweets=2, seconds=PATIENCE_SECONDS)
                live.check(source)
                found = await asyncio.to_thread(live.read, demo.stage, Display(), source)
                assert len(found.verdicts) == 2

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def bad_day(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Day:
    day = Day(demo.stage, tmp_path_factory.mktemp("models"))
    day.repeat_a_verdict()
    day.withdraw()
    read_bluesky(demo)
    day.use_up_the_quota()
    day.lose_the_champion()
    day.break_the_warner()
    day.park_a_verdict()  # last: whoever reads the stream of verdicts stumbles over it
    wait_for(day.at_rest, "the stage to come to rest")
    return day


def alarm_queries(day: Day) -> Iterator[PanelQuery]:
    """The metrics of every deployed alarm."""
    for alarm in day.clients["cloudwatch"].describe_alarms()["MetricAlarms"]:
        several = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        for metric in several or [alarm]:
            dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or "Sum"
            yield PanelQuery(alarm["AlarmName"], metric["Namespace"], metric["MetricName"], dimensions, statistic)


def all_queries(day: Day) -> list[PanelQuery]:
    stage = day.local
    variables = {"stage": stage.config.name, "retrain": stage.machine("retrain")}
    drawn = [query for board in BOARDS for query in panel_queries(board.name, variables)]
    return [*drawn, *alarm_queries(day)]


def test_every_panel_and_every_alarm_has_data(bad_day: Day) -> None:
    queries = all_queries(bad_day)
    assert len({query.panel for query in queries}) > 80
    empty = [query for query in queries if query.metric not in WITHOUT_DATA]

    def all_arrived() -> bool:
        """Whether what was measured has come to CloudWatch, which it does in the background."""
        empty[:] = [query for query in empty if not data_points(bad_day.clients["cloudwatch"], query)]
        return not empty

    with suppress(AssertionError):  # the list says more
        wait_for(all_arrived, "data")
    assert empty == []


def test_no_exception_outlives_its_reason(bad_day: Day) -> None:
    queries = all_queries(bad_day)
    assert {query.metric for query in queries} >= set(WITHOUT_DATA)
    excused = [query for query in queries if query.metric in WITHOUT_DATA]
    assert [query for query in excused if data_points(bad_day.clients["cloudwatch"], query)] == []


def test_the_manual_of_each_alarm_is_there(bad_day: Day) -> None:
    for alarm in bad_day.clients["cloudwatch"].describe_alarms()["MetricAlarms"]:
        page = alarm["AlarmDescription"].rpartition("Runbook: ")[2]
        assert (Path(__file__).parents[2] / page).is_file(), alarm["AlarmName"]
