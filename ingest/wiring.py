"""From settings to a running source: the only place that knows which class serves which setting."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from ingest.budget import Budget
from ingest.buffer import Buffer
from ingest.checkpoint import DynamoDbStore, FileStore, MemoryStore, Store
from ingest.clock import Clock, SystemClock
from ingest.errors import SettingsError
from ingest.events import SourceName, TweetSource
from ingest.filters import Filter
from ingest.health import HealthFile
from ingest.metric_names import (
    BUDGET_EXHAUSTED,
    BUDGET_USED,
    BUFFERED_EVENTS,
    DELIVERY_STALLED,
    SOURCE_CONNECTED,
    SPEND,
    Metric,
)
from ingest.pump import Pace, Pump
from ingest.settings import TOKEN_VARIABLE, Settings
from ingest.sinks import AwsSink, LineSink, Sink
from ingest.status import Status
from ingest.telemetry import Emitter, Meter
from ingest.tokens import FixedToken, SecretToken, TokenProvider
from ingest.window import Window


@dataclass(slots=True)
class Service:
    """A source with everything around it."""

    pump: Pump
    meter: Meter
    status: Status
    emitter: Emitter | None
    health: HealthFile | None

    async def run(self, stop: asyncio.Event) -> int:
        """Run until the source ends or is told to stop; returns what could not be delivered in time.

        Raises:
            IngestError: the source cannot go on.
        """
        beside = [asyncio.create_task(part.run()) for part in (self.emitter, self.health) if part is not None]
        try:
            return await self.pump.run(stop)
        finally:
            for task in beside:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            if self.emitter is not None:
                self.emitter.emit()


def build(settings: Settings) -> Service:
    """Put a service together.

    Raises:
        SettingsError: the budget buys nothing, or AWS is not set up here.
    """
    try:
        return _build(settings)
    except BotoCoreError as error:
        raise SettingsError(f"AWS cannot be used from here: {error}") from error


def _build(settings: Settings) -> Service:
    clock = SystemClock()
    status = Status()
    meter = Meter(settings.source.value, settings.stage)
    store = _store(settings)
    budget = _budget(settings, store, clock)
    buffer = Buffer(max_events=settings.buffer_events, max_bytes=int(settings.buffer_megabytes * 1024 * 1024))
    pump = Pump(
        _source(settings, clock, meter, status, budget),
        _sink(settings, clock, meter, status),
        store,
        buffer=buffer,
        filter_=Filter(
            languages=[language.strip() for language in settings.languages.split(",") if language.strip()],
            window=Window(settings.duplicate_window),
            meter=meter,
        ),
        meter=meter,
        clock=clock,
        pace=Pace(linger=settings.linger_seconds, drain=settings.drain_seconds),
    )

    def gauges() -> dict[Metric, float]:
        return _gauges(clock, status, buffer, budget)

    # Lines on standard output are for the next program in the pipe, which expects tweets and nothing else.
    emitter = None if settings.to_lines else Emitter(meter, clock, gauges, seconds=settings.metrics_seconds)
    health = HealthFile(Path(settings.health_file), status, clock) if settings.health_file else None
    return Service(pump, meter, status, emitter, health)


def _gauges(clock: Clock, status: Status, buffer: Buffer, budget: Budget | None) -> dict[Metric, float]:
    gauges: dict[Metric, float] = {
        # A source that rests on purpose has an alarm of its own.
        SOURCE_CONNECTED: float(status.connected or status.resting),
        BUFFERED_EVENTS: float(len(buffer)),
        DELIVERY_STALLED: status.stalled_for(clock.monotonic()),
    }
    if budget is not None:
        spending = budget.spending()
        gauges |= {
            SPEND: spending.dollars,
            BUDGET_USED: spending.percent,
            BUDGET_EXHAUSTED: float(status.resting),
        }
    return gauges


def _source(settings: Settings, clock: Clock, meter: Meter, status: Status, budget: Budget | None) -> TweetSource:
    # Each source is imported only where it is chosen: a replay needs no HTTP client.
    if settings.source is SourceName.REPLAY:
        from ingest.sources.replay import Replay  # noqa: PLC0415

        path = Path(settings.replay_file)
        return Replay(path, rate=settings.replay_rate, clock=clock, meter=meter, status=status)

    from ingest.sources.reconnect import Reconnector  # noqa: PLC0415

    reconnector = Reconnector(clock, meter, status)
    if settings.source is SourceName.BLUESKY:
        from ingest.sources.jetstream import INSTANCES, Jetstream  # noqa: PLC0415

        urls = [url.strip() for url in settings.jetstream_urls.split(",") if url.strip()]
        return Jetstream(reconnector, clock=clock, meter=meter, instances=urls or INSTANCES)

    from ingest.sources.x_client import XClient  # noqa: PLC0415
    from ingest.sources.x_search import RecentSearch, XSearch  # noqa: PLC0415
    from ingest.sources.x_stream import XStream  # noqa: PLC0415

    if budget is None:  # settings refuse paid sources without one
        raise AssertionError(settings.source)
    client = XClient(_tokens(settings, clock), base_url=settings.x_api_url)
    search = RecentSearch(client, budget, clock)
    if settings.source is SourceName.X_SEARCH:
        return XSearch(search, reconnector, clock=clock, meter=meter, poll_seconds=settings.x_poll_seconds)
    return XStream(client, search, budget, reconnector, clock=clock, meter=meter, backfill=settings.x_backfill)


def _sink(settings: Settings, clock: Clock, meter: Meter, status: Status) -> Sink:
    if settings.to_lines:
        return LineSink(sys.stdout.buffer)
    return AwsSink(
        _client("kinesis"),
        _client("events"),
        stream=settings.stream,
        bus=settings.event_bus_name,
        event_source=settings.event_source,
        clock=clock,
        meter=meter,
        status=status,
    )


def _store(settings: Settings) -> Store:
    if settings.checkpoint_table:
        return DynamoDbStore(_client("dynamodb", attempts=4), settings.checkpoint_table, settings.source.value)
    return FileStore(Path(settings.checkpoint_file)) if settings.checkpoint_file else MemoryStore()


def _budget(settings: Settings, store: Store, clock: Clock) -> Budget | None:
    if not settings.paid:
        return None
    return Budget(store, clock, dollars_a_day=settings.daily_budget_usd, price=settings.price_per_read_usd)


def _tokens(settings: Settings, clock: Clock) -> TokenProvider:
    if settings.x_token_secret_arn:
        return SecretToken(_client("secretsmanager", attempts=4), settings.x_token_secret_arn, clock)
    return FixedToken(os.environ[TOKEN_VARIABLE])


def _client(service: str, *, attempts: int = 1) -> Any:
    """A client of AWS that gives up early: the sinks retry themselves, and notice a stop signal between attempts."""
    from botocore.config import Config  # noqa: PLC0415 - half a second which lines on standard output do not need
    from botocore.session import get_session  # noqa: PLC0415

    config = Config(connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": attempts})
    return get_session().create_client(service, region_name=os.environ.get("AWS_REGION"), config=config)
