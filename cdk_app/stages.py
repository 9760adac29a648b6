"""The stages: every difference between local, dev, staging and prod is a value here, and nowhere else.

A construct never asks which stage it is in; it reads a value. Nothing of the CDK is imported, so that the local stage
and the tests can ask for names without starting Node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PRODUCT: Final = "cyberbullying"

FUNCTIONS: Final = ("classify", "warn", "withdraw")
"""The Lambda functions of the streaming stack."""

ALIAS: Final = "live"
"""The alias of each function that event source mappings invoke."""

TWEET_EVENTS: Final = "tweet_events"
TWEET_CLASSIFICATION: Final = "tweet_classification"

EMULATOR_ACCOUNT: Final = "000000000000"

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


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage. To add a region, an account, a permissions boundary or an alarm address, set one value.

    Attributes:
        name: of the stage; part of every physical name.
        account: AWS account, or None for that of the credentials at deployment.
        region: AWS region.
        keep_data: whether buckets, tables, keys and logs outlive their stack.
        empty_buckets_on_destroy: whether a custom resource empties buckets when their stack is destroyed.
        flow_logs: whether the network's traffic is logged.
        log_retention_days: of every log group.
        alarm_email: gets every alarm, or None.
        permissions_boundary: name of a managed policy put on every role, or None.
        daily_warning_quota: most warnings a day; the rest is held back, with an alarm.
        iterator_age_alarm_seconds: how far behind a consumer may fall.
        trace_share: share of the tweets whose way is traced, 0 to 1. A traced tweet costs X-Ray's price of a trace.
        withdrawal_window_seconds: how long deletions and edits are gathered before they are acted upon, 1 to 300.
        withdrawal_alarm_seconds: how old one may become that is not acted upon; X allows 24 hours.
        delivery: who may deliver the stage from GitHub, or None.
    """

    name: str
    account: str | None = None
    region: str = "us-east-1"
    keep_data: bool = True
    empty_buckets_on_destroy: bool = False
    flow_logs: bool = True
    log_retention_days: int = 30
    alarm_email: str | None = None
    permissions_boundary: str | None = None
    daily_warning_quota: int = 10_000
    iterator_age_alarm_seconds: int = 300
    trace_share: float = 0.01
    withdrawal_window_seconds: int = 300
    withdrawal_alarm_seconds: int = 6 * 3600
    streams: StreamSettings = field(default_factory=StreamSettings)
    classify: FunctionSettings = field(
        default_factory=lambda: FunctionSettings(memory_mb=1024, timeout_seconds=60, concurrency=20)
    )
    warn: FunctionSettings = field(
        default_factory=lambda: FunctionSettings(memory_mb=512, timeout_seconds=60, concurrency=10)
    )
    withdraw: FunctionSettings = field(
        default_factory=lambda: FunctionSettings(memory_mb=256, timeout_seconds=120, concurrency=None)
    )
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    monitoring: MonitoringSettings = field(default_factory=MonitoringSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    delivery: DeliverySettings | None = field(default_factory=DeliverySettings)

    def __post_init__(self) -> None:
        """Refuse values that contradict each other."""
        if self.keep_data and self.empty_buckets_on_destroy:
            raise StageError(f"{self.name}: data cannot be kept and deleted at once")
        if self.training.launcher is JobLauncher.LOCAL_QUEUE and self.account != EMULATOR_ACCOUNT:
            raise StageError(f"{self.name}: nothing serves the queue of jobs in an account of AWS")
        if not 0 <= self.trace_share <= 1:
            raise StageError(f"{self.name}: trace_share is {self.trace_share}; a share is between 0 and 1")
        shards = self.streams.shards
        for function in (self.classify, self.warn):
            if shards and function.concurrency is not None:
                _check_concurrency(self.name, function.concurrency, shards * self.streams.parallelization)

    def physical(self, thing: str) -> str:
        """The name of a stream, table, function, topic, queue or state machine."""
        return f"{PRODUCT}_{self.name}_{thing}"

    def bucket(self, thing: str, account: str) -> str:
        """The name of a bucket, which must be unique in the world, hence the account and the region in it."""
        return f"{PRODUCT}-{self.name}-{thing}-{account}-{self.region}"

    def stack(self, thing: str) -> str:
        """The name of a stack."""
        return f"{PRODUCT}-{self.name}-{thing}"

    def repository(self, image: str) -> str:
        """The name of an image repository."""
        return f"{PRODUCT}/{self.name}/{image}"

    def parameter(self, thing: str) -> str:
        """The name of a parameter in Systems Manager."""
        return f"/{PRODUCT}/{self.name}/{thing}"

    @property
    def champion_parameter(self) -> str:
        """The parameter that holds the champion pointer."""
        return self.parameter("model/champion")

    def secret(self, thing: str) -> str:
        """The name of a secret."""
        return f"{PRODUCT}/{self.name}/{thing}"

    @property
    def namespace(self) -> str:
        """The domain of the private network."""
        return f"{PRODUCT}-{self.name}.internal"

    @property
    def mlflow_host(self) -> str:
        """The MLflow server's name within the private network."""
        return f"mlflow.{self.namespace}"

    @property
    def jobs_queue(self) -> str:
        """The queue of training jobs, where the stage's launcher is the queue."""
        return self.physical("jobs")

    @property
    def event_bus(self) -> str:
        """The bus on which flagged tweets are announced."""
        return f"{PRODUCT}_{self.name}"

    @property
    def event_source(self) -> str:
        """The source of those events."""
        return f"{PRODUCT}.{self.name}"

    @property
    def experiment(self) -> str:
        """The MLflow experiment and the registered model."""
        return f"{PRODUCT}-{self.name}"


def _check_concurrency(stage: str, concurrency: int, batches: int) -> None:
    if concurrency < batches:
        raise StageError(f"{stage}: {concurrency} concurrent invocations cannot keep up with {batches} batches at once")


STAGES: Final[dict[str, StageConfig]] = {
    stage.name: stage
    for stage in (
        StageConfig(
            name="local",
            account=EMULATOR_ACCOUNT,
            # Nothing but this machine deploys it, and the emulator's CloudFormation knows no identity providers.
            delivery=None,
            keep_data=False,
            flow_logs=False,
            log_retention_days=7,
            withdrawal_window_seconds=1,
            streams=StreamSettings(shards=2, mappings_enabled=False, batching_window_seconds=0, retry_attempts=3),
            training=TrainingSettings(launcher=JobLauncher.LOCAL_QUEUE),
            monitoring=MonitoringSettings(
                schedule=None,
                # A demonstration lasts minutes and must not see the one before it.
                window_hours=1.0,
                label_hours=1.0,
                # The sample's validation data are some ninety tweets.
                minimum_verdicts=50,
                minimum_labels=50,
                minimum_class_labels=8,
                archive_days=7,
                report_days=7,
                cooldown_hours=1,
                expects_traffic=False,
                # The emulator's CloudFormation knows no composite alarms.
                composite_alarm=False,
            ),
        ),
        StageConfig(
            name="dev",
            keep_data=False,
            empty_buckets_on_destroy=True,
            log_retention_days=7,
            daily_warning_quota=1_000,
            streams=StreamSettings(shards=1),
            classify=FunctionSettings(memory_mb=1024, timeout_seconds=60, concurrency=None),
            warn=FunctionSettings(memory_mb=512, timeout_seconds=60, concurrency=None),
            monitoring=MonitoringSettings(schedule=None, archive_days=7, report_days=30, expects_traffic=False),
        ),
        StageConfig(
            name="staging",
            streams=StreamSettings(retention_hours=48),
            training=TrainingSettings(schedule="rate(30 days)"),
            ingest=IngestSettings(source="bluesky"),
            monitoring=MonitoringSettings(schedule="rate(1 day)", schedule_hours=24),
        ),
        StageConfig(
            name="prod",
            log_retention_days=90,
            daily_warning_quota=50_000,
            streams=StreamSettings(retention_hours=168, max_record_age_seconds=24 * 3600, parallelization=4),
            classify=FunctionSettings(memory_mb=1769, timeout_seconds=60, concurrency=100),
            warn=FunctionSettings(memory_mb=1024, timeout_seconds=60, concurrency=50),
            tracking=TrackingSettings(
                instance_type="t3.medium",
                private=True,
                interface_endpoints=(*JOB_ENDPOINTS, *SERVER_ENDPOINTS),
                endpoint_zones=2,
                database_class="t4g.small",
                database_multi_az=True,
                database_backup_days=14,
            ),
            training=TrainingSettings(training_instance="ml.c5.2xlarge", schedule="rate(7 days)"),
            monitoring=MonitoringSettings(archive_days=90, cooldown_hours=168),
            ingest=IngestSettings(source="x-stream", daily_budget_usd=25.0),
        ),
    )
}


def stage_config(name: str) -> StageConfig:
    """The values of a stage.

    Raises:
        StageError: there is no such stage.
    """
    try:
        return STAGES[name]
    except KeyError:
        raise StageError(f"there is no stage {name!r}; there are {', '.join(STAGES)}") from None
