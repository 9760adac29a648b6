"""The stages: every difference between local, dev, staging and prod is a value here, and nowhere else.

A construct never asks which stage it is in; it reads a value. Nothing of the CDK is imported, so that the local stage
and the tests can ask for names without starting Node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cdk_app.settings import (
    JOB_ENDPOINTS,
    SERVER_ENDPOINTS,
    DeliverySettings,
    FunctionSettings,
    IngestSettings,
    JobLauncher,
    MonitoringSettings,
    StageError,
    StreamSettings,
    TrackingSettings,
    TrainingSettings,
)

PRODUCT: Final = "cyberbullying"

FUNCTIONS: Final = ("classify", "warn", "withdraw")
"""The Lambda functions of the streaming stack."""

ALIAS: Final = "live"
"""The alias of each function that event source mappings invoke."""

TWEET_EVENTS: Final = "tweet_events"
TWEET_CLASSIFICATION: Final = "tweet_classification"

EMULATOR_ACCOUNT: Final = "000000000000"


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
