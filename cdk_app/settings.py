"""The settings that make up a stage, by what they are about; each refuses values that cannot hold.

Defaults are those of most stages. See :mod:`cdk_app.stages` for what each stage sets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ZONES: Final = 2
"""Availability zones of the network: what a database with a standby needs at least."""


class StageError(ValueError):
    """A stage that does not exist, or values that cannot hold together."""


class JobLauncher(StrEnum):
    """Who runs the training jobs."""

    SAGEMAKER = "sagemaker"
    LOCAL_QUEUE = "local_queue"


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """Capacity of the two streams and how they are read.

    Attributes:
        shards: provisioned shards of each stream; None for on-demand capacity.
        retention_hours: how long a record can be read, 24 to 8,760.
        batch_size: most records of one invocation, 1 to 10,000.
        batching_window_seconds: longest wait for a full batch, 0 to 300.
        parallelization: concurrent batches of one shard, 1 to 10.
        retry_attempts: of a failing batch, before its records go to the failure destination.
        max_record_age_seconds: after which a record goes to the failure destination unread.
        mappings_enabled: False where something else than Lambda reads the streams.
    """

    shards: int | None = None
    retention_hours: int = 24
    batch_size: int = 200
    batching_window_seconds: int = 1
    parallelization: int = 2
    retry_attempts: int = 8
    max_record_age_seconds: int = 6 * 3600
    mappings_enabled: bool = True

    def __post_init__(self) -> None:
        """Refuse what Kinesis or Lambda would refuse, or what would lose records."""
        if not 24 <= self.retention_hours <= 8760:  # noqa: PLR2004 - the limits stand in the message
            raise StageError(f"retention_hours is {self.retention_hours}; Kinesis keeps records for 24 to 8,760 hours")
        if not 1 <= self.parallelization <= 10:  # noqa: PLR2004
            raise StageError(f"parallelization is {self.parallelization}; Lambda takes 1 to 10")
        if not 1 <= self.batch_size <= 10_000:  # noqa: PLR2004
            raise StageError(f"batch_size is {self.batch_size}; Lambda takes 1 to 10,000")
        if self.max_record_age_seconds >= self.retention_hours * 3600:
            raise StageError("records would leave the stream before they reach the failure destination")


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Size of one function. ``concurrency`` is reserved; None takes from the account's pool."""

    memory_mb: int
    timeout_seconds: int
    concurrency: int | None


JOB_ENDPOINTS: Final = ("secretsmanager", "ssm")
"""Services that the training jobs call besides S3; nothing but an endpoint leads there from an isolated subnet."""

SERVER_ENDPOINTS: Final = ("ecr.api", "ecr.dkr", "logs", "ssmmessages")
"""Services that the MLflow server calls on top, where it has no way out of its network either."""


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """The network of the training jobs, and the MLflow server in it.

    Attributes:
        instance_type: of the server; of the x86 architecture, as all images are.
        private: whether the server sits in isolated subnets behind interface endpoints, or in public subnets with
            an address for outgoing traffic only. Either way nothing is let in from outside.
        interface_endpoints: services that are reached through an endpoint in the network. Each costs by the hour.
        endpoint_zones: in how many availability zones each of them is, 1 or 2.
        database_class: of the PostgreSQL instance.
        database_multi_az: whether it has a standby.
        database_backup_days: how long its backups are kept.
        database_storage_gb: that it starts with; it grows by itself up to five times that.
    """

    instance_type: str = "t3.small"
    private: bool = False
    interface_endpoints: tuple[str, ...] = JOB_ENDPOINTS
    endpoint_zones: int = 1
    database_class: str = "t4g.micro"
    database_multi_az: bool = False
    database_backup_days: int = 1
    database_storage_gb: int = 20

    def __post_init__(self) -> None:
        """Refuse a network in which jobs or server could not reach what they need."""
        needed = {*JOB_ENDPOINTS, *(SERVER_ENDPOINTS if self.private else ())}
        missing = sorted(needed.difference(self.interface_endpoints))
        if missing:
            raise StageError(f"interface_endpoints lacks {', '.join(missing)}, to which there would be no way")
        if self.endpoint_zones not in {1, ZONES}:
            raise StageError(f"endpoint_zones is {self.endpoint_zones}; the network has {ZONES} zones")
        if self.database_multi_az and self.database_backup_days < 1:
            raise StageError("a database with a standby needs backups")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How models are retrained. ``schedule`` is an EventBridge Scheduler expression, or None for by hand only."""

    launcher: JobLauncher = JobLauncher.SAGEMAKER
    training_instance: str = "ml.c5.xlarge"
    processing_instance: str = "ml.t3.large"
    max_runtime_seconds: int = 3600
    schedule: str | None = None


@dataclass(frozen=True, kw_only=True)
class GrafanaSettings:
    """An Amazon Managed Grafana workspace.

    Attributes:
        version: of Grafana.
        authentication: how people sign in: ``AWS_SSO``, which needs IAM Identity Center in the account, or ``SAML``.
    """

    version: str = "10.4"
    authentication: str = "AWS_SSO"

    def __post_init__(self) -> None:
        """Refuse what Managed Grafana would refuse."""
        if self.authentication not in {"AWS_SSO", "SAML"}:
            raise StageError(f"authentication is {self.authentication}; Managed Grafana takes AWS_SSO or SAML")


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """How the champion is watched.

    Attributes:
        schedule: of the drift report, an EventBridge Scheduler expression, or None for by hand only.
        schedule_hours: how long at most lies between two reports by that schedule; the alarm on missing data waits for
            two of them.
        window_hours: how many hours of verdicts a report compares.
        label_hours: how far back verdicts are looked up for labels, which come late.
        minimum_verdicts: below which a report says 'not enough data'.
        minimum_labels: the same for quality.
        minimum_class_labels: the same for the quality of one class.
        instance: of the processing job. A report takes 0.4 GB.
        archive_days: how long tweets and verdicts are kept in the archive.
        report_days: how long reports are kept.
        cooldown_hours: how long drift starts no other retraining after one.
        expects_traffic: whether too few verdicts, or no report at all, is a fault.
        composite_alarm: False where CloudFormation cannot make one. The alarms that it would combine then start the
            retraining, which itself looks whether both are raised.
        grafana: a managed workspace, or None.
    """

    schedule: str | None = "rate(6 hours)"
    schedule_hours: int = 6
    window_hours: float = 24.0
    label_hours: float = 168.0
    minimum_verdicts: int = 500
    minimum_labels: int = 200
    minimum_class_labels: int = 30
    instance: str = "ml.t3.medium"
    archive_days: int = 30
    report_days: int = 400
    cooldown_hours: int = 72
    expects_traffic: bool = True
    composite_alarm: bool = True
    grafana: GrafanaSettings | None = None

    def __post_init__(self) -> None:
        """Refuse values that contradict each other."""
        if self.archive_days * 24 < self.label_hours:
            raise StageError("verdicts would leave the archive before their labels are looked up")
        if self.label_hours < self.window_hours:
            raise StageError("label_hours must cover the window")


TWEET_SOURCES: Final = ("x-stream", "x-search", "bluesky")
"""What a stage can read tweets from; the sources of ``python -m ingest`` but for the replay of files."""

PAID_SOURCES: Final = ("x-stream", "x-search")
"""Those that cost money for every tweet."""


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Where a stage's tweets come from.

    Attributes:
        source: one of :data:`TWEET_SOURCES`, or None: then nothing is deployed, and whoever has the right to may put
            tweets into the stream.
        languages: primary tags of the languages that are read, with commas between them.
        daily_budget_usd: most US dollars that a paid source may cost in a UTC day.
        x_backfill: whether the plan at X has backfill (Enterprise).
        cpu: of the task, in 1/1024 of a virtual CPU.
        memory_mb: of the task. A source takes 65 MB, and its buffer at most 32.
        lag_alarm_seconds: how old a tweet may be when it reaches the stream.
    """

    source: str | None = None
    languages: str = "en"
    daily_budget_usd: float = 0.0
    x_backfill: bool = False
    cpu: int = 256
    memory_mb: int = 512
    lag_alarm_seconds: int = 300

    def __post_init__(self) -> None:
        """Refuse what could not start, or would cost money without a limit."""
        if self.source is not None and self.source not in TWEET_SOURCES:
            raise StageError(f"there is no tweet source {self.source!r}; there are {', '.join(TWEET_SOURCES)}")
        if (self.source in PAID_SOURCES) != (self.daily_budget_usd > 0):
            raise StageError("daily_budget_usd goes with a source that costs money, and with no other")


REPOSITORY: Final = "set-owner@0/set-repository@0"
"""The GitHub repository whose workflows deliver the cloud stages, as the subjects of its tokens name it.

Nobody's repository has the id 0, so until this is set nobody is let in, and synthesis says so. See
docs/setup/delivery.md.
"""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]+(@\d+)?/[\w.-]+(@\d+)?")


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """Who may deliver a stage, without a long-lived key.

    Attributes:
        repository: on GitHub, ``owner@id/name@id``, or ``owner/name`` for one whose tokens do without the ids.
        branch: from which the stage is delivered.
        makes_provider: whether the stage's delivery stack makes GitHub's identity provider. An account can have but
            one: of stages that share an account, one makes it.
    """

    repository: str = REPOSITORY
    branch: str = "main"
    makes_provider: bool = True

    def __post_init__(self) -> None:
        """Refuse a repository that would let in more than one, or none."""
        if not _REPOSITORY.fullmatch(self.repository):
            raise StageError(f"{self.repository!r} is not a repository: owner@id/name@id or owner/name, no wildcards")
        if not re.fullmatch(r"[\w./-]+", self.branch):
            raise StageError(f"{self.branch!r} is not a branch; wildcards would let in others")

    @property
    def lets_nobody_in(self) -> bool:
        """Whether no repository was named yet: one with the id 0 is nobody's."""
        return any(part.endswith("@0") for part in self.repository.split("/"))
