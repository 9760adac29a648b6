"""The whole program as a process, between a Jetstream and a Kinesis on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from moderation.messages import decode_tweet_event
from tests.fakes.aws_server import FakeAws
from tests.fakes.ingest import run
from tests.fakes.jetstream import FakeJetstream, account, eventually, message, tweet_id

ROOT = Path(__file__).parents[3]

BURST = 50_000
MEMORY_FOR_A_BURST = 25
"""Megabytes by which the process may grow: the buffer's limit, and what the allocator and the sockets need."""


@asynccontextmanager
async def ingest(
    jetstream: FakeJetstream, aws: FakeAws, folder: Path, environment: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {
        "source": "bluesky",
        "stage": "test",
        "stream": "tweets",
        "event-bus-name": "bus",
        "event-source": "cyberbullying.test",
        "checkpoint-file": folder / "state.json",
        "jetstream-urls": jetstream.url,
        "linger-seconds": 0.05,
        **{name.replace("_", "-"): value for name, value in options.items()},
    }
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **aws.environment, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stopped(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Tell it to stop, and wait for the end."""
    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def until_read(process: asyncio.subprocess.Process, tweets: int) -> None:
    """Wait until so many tweets have been read, by the process's own count."""
    assert process.stdout is not None
    read = 0
    while read < tweets:
        line = await process.stdout.readline()
        assert line, f"it ended after {read} tweets"
        read += int(json.loads(line).get("TweetsRead", 0))


async def settled(value: Callable[[], int], *, seconds: float = 0.7) -> None:
    """Wait until a value has not changed for some time."""
    last, since = value(), 0.0
    while since < seconds:
        await asyncio.sleep(0.1)
        last, since = (last, since + 0.1) if value() == last else (value(), 0.0)


def megabytes(process: asyncio.subprocess.Process) -> float:
    """The most memory that the process has ever had, from the kernel."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6


def test_tweets_go_into_the_stream_and_withdrawals_onto_the_bus(tmp_path: Path) -> None:
    async def scenario() -> None:
        posts = [message(number) for number in range(20)]
        others = [
            message(3, operation="delete"),
            account(21, active=False, status="deleted"),
            message(22, langs=["pt"]),
        ]
        async with (
            FakeJetstream([*posts, *others]) as jetstream,
            FakeAws(refuse_every=3) as aws,
            ingest(jetstream, aws, tmp_path, metrics_seconds=0.2) as process,
        ):
            await eventually(lambda: len(aws.records) >= 20 and len(aws.events) >= 2)
            code, out, err = await stopped(process)
        assert code == 0, err
        assert sorted(aws.keys) == sorted(tweet_id(number) for number in range(20))
        assert all(decode_tweet_event(data).tweet_id == key for key, data in aws.records)
        assert [event["DetailType"] for event in aws.events] == ["TweetWithdrawn", "AuthorWithdrawn"]
        assert json.loads(aws.events[0]["Detail"])["tweet_id"] == tweet_id(3)
        counted = [json.loads(line) for line in out.splitlines()]
        assert sum(line.get("TweetsDelivered", 0) for line in counted) == 20
        assert sum(line.get("DeliveryRetries", 0) for line in counted) >= 6
        assert "some text" not in out + err

    run(scenario())


def test_a_burst_on_a_stalled_stream_takes_bounded_memory_and_is_delivered_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        # As long as posts may be, and so random that neither compression nor sockets can swallow them.
        letters = random.Random(0)
        posts = [message(number, letters.randbytes(150).hex()) for number in range(BURST)]
        async with (
            FakeJetstream(posts) as jetstream,
            FakeAws() as aws,
            ingest(jetstream, aws, tmp_path, buffer_events=2000, duplicate_window=10_000) as process,
        ):
            aws.open_.clear()
            await eventually(lambda: aws.calls > 0)
            before = megabytes(process)
            await settled(lambda: jetstream.sent)
            assert jetstream.sent < BURST, "nothing holds the server back"
            aws.open_.set()
            await eventually(lambda: len(aws.records) >= BURST)
            grown = megabytes(process) - before
            code, _, err = await stopped(process)
        assert code == 0, err
        assert sorted(set(aws.keys)) == sorted({tweet_id(number) for number in range(BURST)})
        assert grown < MEMORY_FOR_A_BURST, f"{grown:.1f} MB"
        assert max(aws.sizes) == 500

    run(scenario())


def test_killed_at_any_moment_it_loses_nothing_and_repeats_only_what_its_checkpoint_does_not_cover(
    tmp_path: Path,
) -> None:
    total = 20_000
    first = message(0)["time_us"]
    history = [{**message(number), "time_us": first + number * 1_000_000} for number in range(total)]

    def noted() -> int:
        state = tmp_path / "state.json"
        return int(json.loads(state.read_text())["checkpoint"]) if state.exists() else 0

    async def scenario() -> FakeAws:
        async with FakeJetstream(history) as jetstream, FakeAws(refuse_every=7) as aws:
            for connection, reached in enumerate((1000, 3000), 1):
                async with ingest(jetstream, aws, tmp_path) as process:
                    await eventually(
                        lambda connection=connection, reached=reached: (
                            len(jetstream.cursors) == connection and len(set(aws.keys)) >= reached and noted()
                        )
                    )
                    process.send_signal(signal.SIGKILL)
                    await process.wait()
                delivered = set(aws.keys)
                covered = (noted() - first) // 1_000_000
                assert {tweet_id(number) for number in range(covered + 1)} <= delivered
            async with ingest(jetstream, aws, tmp_path) as process:
                await eventually(lambda: len(jetstream.cursors) == 3 and len(set(aws.keys)) == total)
                assert jetstream.cursors[-1] == first + (covered - 5) * 1_000_000
                code, _, err = await stopped(process)
                assert code == 0, err
        return aws

    aws = run(scenario())
    assert set(aws.keys) == {tweet_id(number) for number in range(total)}


def test_stopped_and_started_again_it_repeats_only_what_the_rewound_cursor_brings(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        spread = [{**message(number), "time_us": message(0)["time_us"] + number * 1_000_000} for number in range(100)]
        async with FakeJetstream(spread) as jetstream, FakeAws() as aws:
            for expected in (100, 106):
                async with ingest(jetstream, aws, tmp_path) as process:
                    await eventually(lambda expected=expected: len(aws.keys) >= expected)
                    code, _, err = await stopped(process)
                    assert code == 0, err
            return aws.keys

    keys = run(scenario())
    assert len(keys) == 100 + 6, "five seconds back, and the last one"


def test_a_stop_while_the_stream_is_stalled_ends_in_time_and_loses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeJetstream([message(number) for number in range(50)]) as jetstream, FakeAws() as aws:
            aws.open_.clear()
            async with ingest(jetstream, aws, tmp_path, drain_seconds=0.5, metrics_seconds=0.1) as process:
                await eventually(lambda: aws.calls > 0)
                await until_read(process, 50)
                code, _, err = await stopped(process)
            assert code == 1
            assert "50 events could not be delivered in time; the next run reads them again" in err
            aws.open_.set()
            async with ingest(jetstream, aws, tmp_path) as process:
                await eventually(lambda: len(set(aws.keys)) == 50)
                await stopped(process)

    run(scenario())


def test_lines_on_standard_output_are_events_that_the_classifier_reads(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        async with (
            FakeJetstream([message(number) for number in range(5)], drop_after=[5]) as jetstream,
            FakeAws() as aws,
            ingest(jetstream, aws, tmp_path, stream="-", health_file=tmp_path / "health") as process,
        ):
            assert process.stdout is not None
            lines = [await process.stdout.readline() for _ in range(5)]
            await eventually((tmp_path / "health").exists)
            await stopped(process)
            return lines[4]

    assert decode_tweet_event(run(scenario()).strip()).tweet_id == tweet_id(4)


def test_a_source_that_is_refused_ends_with_its_reason(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, str]:
        async with (
            FakeJetstream(statuses=[400]) as jetstream,
            FakeAws() as aws,
            ingest(jetstream, aws, tmp_path) as process,
        ):
            _, err = await process.communicate()
            return process.returncode, err.decode()

    code, err = run(scenario())
    assert code == 1
    assert "Jetstream refuses the connection (HTTP 400)" in err
    assert "Traceback" not in err
