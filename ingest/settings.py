"""The settings of a tweet source: from the environment, and overridden by the command line.

Each field of :class:`Settings` is an environment variable of the same name in capitals and an option of the same name
with dashes. The X token is not among them, so that it can be neither printed nor shown in a list of processes: it comes
from Secrets Manager (``x_token_secret_arn``) or from the environment variable ``X_BEARER_TOKEN``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from ingest.budget import X_PRICE_PER_READ
from ingest.errors import SettingsError
from ingest.events import SourceName

STANDARD_OUTPUT: Final = "-"
TOKEN_VARIABLE: Final = "X_BEARER_TOKEN"  # noqa: S105 - the variable's name

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set.

    Attributes:
        source: x-stream, x-search, bluesky or replay.
        stage: the stage, a dimension of the metrics.
        stream: name of the tweet_events stream, or - for lines on standard output.
        event_bus_name: bus for withdrawals; needed unless stream is -.
        event_source: source of the events on the bus.
        checkpoint_table: DynamoDB table for checkpoints and counts of reads.
        checkpoint_file: file for them, where there is no table; without both, the source starts from now.
        languages: primary tags of the languages wanted, with commas between them; empty for all.
        linger_seconds: longest wait for a full batch.
        buffer_events: most events that wait for delivery.
        buffer_megabytes: most memory that they take.
        duplicate_window: how many tweets are remembered to drop duplicates.
        daily_budget_usd: most US dollars that reads of a UTC day may cost; X only.
        price_per_read_usd: what X charges for a post.
        x_token_secret_arn: secret that holds the X token.
        x_api_url: address of the X API.
        x_backfill: whether the plan has backfill_minutes (Enterprise).
        x_poll_seconds: from one search to the next.
        jetstream_urls: instances of Jetstream, with commas between them.
        replay_file: CSV or JSONL file to replay.
        replay_rate: tweets a second; 0 for as fast as possible.
        metrics_seconds: from one emission of metrics to the next.
        health_file: touched while the source is healthy.
        drain_seconds: time for delivering what was read after a stop signal.
        log_level: DEBUG, INFO, WARNING or ERROR.
    """

    source: SourceName
    stage: str = "local"
    stream: str = STANDARD_OUTPUT
    event_bus_name: str = ""
    event_source: str = ""
    checkpoint_table: str = ""
    checkpoint_file: str = ""
    languages: str = "en"
    linger_seconds: NotNegative = 1.0
    buffer_events: AtLeastOne = 5_000
    buffer_megabytes: Positive = 32.0
    duplicate_window: AtLeastOne = 100_000
    daily_budget_usd: NotNegative = 0.0
    price_per_read_usd: NotNegative = X_PRICE_PER_READ
    x_token_secret_arn: str = ""
    x_api_url: str = "https://api.x.com"
    x_backfill: bool = False
    x_poll_seconds: Positive = 60.0
    jetstream_urls: str = ""
    replay_file: str = ""
    replay_rate: NotNegative = 10.0
    metrics_seconds: Positive = 60.0
    health_file: str = ""
    drain_seconds: NotNegative = 25.0
    log_level: str = "INFO"

    @property
    def to_lines(self) -> bool:
        """Whether tweets go to standard output."""
        return self.stream == STANDARD_OUTPUT

    @property
    def paid(self) -> bool:
        """Whether reads cost money."""
        return self.source in {SourceName.X_STREAM, SourceName.X_SEARCH}


def load(options: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        options: of the command line, by field.
        environment: variables; those that are no settings are ignored.

    Raises:
        SettingsError: a value is missing, unreadable, or contradicts another. The message names the field.
    """
    fields = {field.name for field in msgspec.structs.fields(Settings)}
    given = {name: environment[name.upper()] for name in fields if environment.get(name.upper())}
    try:
        settings = msgspec.convert({**given, **options}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_explained(error)) from error
    _check(settings, environment)
    return settings


def _check(settings: Settings, environment: Mapping[str, str]) -> None:
    if not settings.to_lines and not (settings.event_bus_name and settings.event_source):
        raise SettingsError("event_bus_name and event_source are needed, so that deletions can be passed on")
    if settings.checkpoint_table and settings.checkpoint_file:
        raise SettingsError("checkpoint_table and checkpoint_file cannot both be set")
    if settings.source is SourceName.REPLAY and not Path(settings.replay_file).is_file():
        raise SettingsError(f"replay_file {settings.replay_file!r} is no file")
    if settings.paid:
        _check_paid(settings, environment)


def _check_paid(settings: Settings, environment: Mapping[str, str]) -> None:
    if settings.daily_budget_usd <= 0:
        raise SettingsError(f"{settings.source.value} costs money: daily_budget_usd must say how much it may")
    if not settings.x_token_secret_arn and not environment.get(TOKEN_VARIABLE):
        raise SettingsError(f"{settings.source.value} needs a token: set x_token_secret_arn or {TOKEN_VARIABLE}")
    if not settings.checkpoint_table and not settings.checkpoint_file:
        raise SettingsError(
            "checkpoint_table or checkpoint_file is needed, so that a restart does not forget the budget"
        )


def _explained(error: msgspec.ValidationError) -> str:
    message = str(error)
    if "required field `source`" in message:
        return f"source is missing: one of {', '.join(name.value for name in SourceName)}"
    return message.replace("`$.", "`")
