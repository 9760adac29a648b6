"""The checkpoint follows delivery; a stop drains; a stalled sink holds the source back."""

from __future__ import annotations

import asyncio

import pytest

from ingest.buffer import Buffer
from ingest.checkpoint import MemoryStore
from ingest.clock import SystemClock
from ingest.errors import SourceRefusedError, StoreError
from ingest.events import SourceEvent
from ingest.filters import Filter
from ingest.metric_names import CHECKPOINT_FAILED, TWEET_LAG, TWEETS_DELIVERED, WITHDRAWALS_ANNOUNCED
from ingest.pump import Pace, Pump
from ingest.telemetry import Meter
from ingest.window import Window
from moderation.messages import TweetWithdrawn, Withdrawal
from tests.fakes.ingest import FaultyStore, MemorySink, ScriptedSource, run, tweet, tweets
from tests.fakes.jetstream import eventually


class Setup:
    def __init__(
        self, source: ScriptedSource, *, store: MemoryStore | None = None, events: int = 1000, drain: float = 5.0
    ) -> None:
        self.source = source
        self.store = store or MemoryStore()
        self.sink = MemorySink()
        self.meter = Meter("replay", "test")
        self.buffer = Buffer(max_events=events, max_bytes=10_000_000)
        self.stop = asyncio.Event()
        self.pump = Pump(
            source,
            self.sink,
            self.store,
            buffer=self.buffer,
            filter_=Filter(languages=["en"], window=Window(10_000), meter=self.meter),
            meter=self.meter,
            clock=SystemClock(),
            pace=Pace(linger=0.01, checkpoint=0.0, drain=drain),
        )


def test_everything_of_a_source_that_ends_is_delivered_in_order() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource(tweets(1234)))
        assert await setup.pump.run(setup.stop) == 0
        return setup

    setup = run(scenario())
    assert setup.sink.keys == [str(number) for number in range(1, 1235)]
    assert setup.store.checkpoint == "1234"
    assert setup.meter.total(TWEETS_DELIVERED) == 1234
    assert max(setup.sink.batches) == 500


def test_reading_goes_on_from_the_checkpoint() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource(tweets(1)), store=MemoryStore("41"))
        await setup.pump.run(setup.stop)
        return setup

    assert run(scenario()).source.started_from == ["41"]


def test_no_checkpoint_is_written_before_delivery() -> None:
    async def scenario() -> None:
        setup = Setup(ScriptedSource([*tweets(10), ...]))
        setup.sink.open_.clear()
        running = asyncio.create_task(setup.pump.run(setup.stop))
        await eventually(lambda: setup.source.yielded == 10)
        await asyncio.sleep(0.05)
        assert setup.store.checkpoint is None
        setup.sink.open_.set()
        await eventually(lambda: setup.store.checkpoint == "10")
        setup.stop.set()
        assert await running == 0

    run(scenario())


def test_a_stalled_sink_holds_the_source_back() -> None:
    async def scenario() -> None:
        setup = Setup(ScriptedSource([*tweets(5000), ...]), events=600)
        setup.sink.open_.clear()
        running = asyncio.create_task(setup.pump.run(setup.stop))
        await eventually(lambda: setup.source.yielded >= 600)
        await asyncio.sleep(0.05)
        assert setup.source.yielded <= 600 + 500 + 1, "the buffer, a batch on its way, and one that waits for room"
        setup.sink.open_.set()
        await eventually(lambda: len(setup.sink.parcels) == 5000)
        setup.stop.set()
        await running

    run(scenario())


def test_a_stop_delivers_what_was_read() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource([*tweets(700), ...]))
        running = asyncio.create_task(setup.pump.run(setup.stop))
        await eventually(lambda: setup.source.yielded == 700)
        setup.stop.set()
        assert await running == 0
        return setup

    setup = run(scenario())
    assert (len(setup.sink.keys), setup.store.checkpoint, setup.source.closed) == (700, "700", True)


def test_what_cannot_be_delivered_in_time_is_reported_and_comes_before_no_checkpoint() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource([*tweets(700), ...]), drain=0.05)
        setup.sink.open_.clear()
        running = asyncio.create_task(setup.pump.run(setup.stop))
        await eventually(lambda: setup.source.yielded == 700)
        setup.stop.set()
        assert await running == 700
        return setup

    assert run(scenario()).store.checkpoint is None


def test_filtered_events_move_the_checkpoint_too() -> None:
    async def scenario() -> Setup:
        foreign = SourceEvent(tweet("2"), checkpoint="2", languages=("pt",))
        setup = Setup(ScriptedSource([*tweets(1), foreign, SourceEvent(checkpoint="3")]))
        await setup.pump.run(setup.stop)
        return setup

    setup = run(scenario())
    assert (setup.sink.keys, setup.store.checkpoint) == (["1"], "3")


def test_a_refused_source_ends_the_run_after_delivering_what_was_read() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource([*tweets(3), SourceRefusedError("no")]))
        with pytest.raises(SourceRefusedError):
            await setup.pump.run(setup.stop)
        return setup

    setup = run(scenario())
    assert (setup.sink.keys, setup.store.checkpoint) == (["1", "2", "3"], "3")


def test_a_checkpoint_that_cannot_be_written_is_written_later() -> None:
    async def scenario() -> Setup:
        setup = Setup(ScriptedSource(tweets(600)), store=FaultyStore(1))
        await setup.pump.run(setup.stop)
        return setup

    setup = run(scenario())
    assert setup.store.checkpoint == "600"
    assert setup.meter.total(CHECKPOINT_FAILED) == 1


def test_a_checkpoint_that_cannot_be_read_starts_nothing() -> None:
    class Unreadable(MemoryStore):
        def load(self) -> str | None:
            raise StoreError("made to happen")

    async def scenario() -> None:
        setup = Setup(ScriptedSource(tweets(1)), store=Unreadable())
        with pytest.raises(StoreError):
            await setup.pump.run(setup.stop)
        assert setup.source.started_from == []

    run(scenario())


def test_withdrawals_and_lag_are_counted() -> None:
    async def scenario() -> Setup:
        gone = TweetWithdrawn(tweet_id="1", source="x", reason=Withdrawal.DELETED, withdrawn_at="now")
        old = SourceEvent(tweet("2"), happened_at=SystemClock().now() - 60)
        setup = Setup(ScriptedSource([SourceEvent(gone), old]))
        await setup.pump.run(setup.stop)
        return setup

    setup = run(scenario())
    assert (setup.meter.total(WITHDRAWALS_ANNOUNCED), setup.meter.total(TWEETS_DELIVERED)) == (1, 1)
    line = setup.meter.line(0.0)
    assert line is not None
    assert f'"{TWEET_LAG.name}":60' in line.decode()
