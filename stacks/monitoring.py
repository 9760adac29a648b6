"""Watching: the archive of both streams, drift reports by schedule, what follows from drift, and dashboards.

It reads the streams through consumers of its own and touches nothing of the tweets' way, so it can be deployed,
changed and destroyed beside a running stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.stages import TWEET_CLASSIFICATION, TWEET_EVENTS, StageConfig
from stacks.constructs.alarms import Alarms
from stacks.constructs.drift_report import DriftReport, run_by_schedule
from stacks.constructs.drift_response import DriftResponse
from stacks.constructs.managed_grafana import ManagedGrafana, native_dashboard
from stacks.constructs.stream_archive import StreamArchive
from stacks.storage import StorageStack
from stacks.streaming import StreamingStack

NATIVE_DASHBOARD: Final = Path(__file__).parents[1] / "monitoring" / "dashboards" / "generated" / "cloudwatch.json"
_MB_PER_GB: Final = 1024


class MonitoringStack(Stack):
    """What watches a stage."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        storage: StorageStack,
        streaming: StreamingStack,
        **kwargs: object,
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self._storage = storage
        # By name, not by export: stacks that import each other's exports cannot be changed independently.
        self._buckets = {
            thing: s3.Bucket.from_bucket_name(self, thing.title(), stage.bucket(thing, self.account))
            for thing in ("archive", "artefacts", "reports")
        }
        self._alarms = Alarms(self, "Alarms", stage=stage, topic=storage.alarms)
        self._archive(TWEET_EVENTS, streaming.tweet_events)
        self._archive(TWEET_CLASSIFICATION, streaming.tweet_classification)
        report = self._report()
        response = DriftResponse(
            self, "DriftResponse", stage=stage, alarms=self._alarms, topic=storage.alarms, key=storage.key
        )
        self._dashboard()
        CfnOutput(self, "DriftReportArn", value=report.machine.state_machine_arn)
        CfnOutput(self, "DriftResponseArn", value=response.workflow.machine.state_machine_arn)
        CfnOutput(self, "ReportsAddress", value=self._reports_address())
        if stage.monitoring.grafana is not None:
            workspace = ManagedGrafana(self, "Grafana", stage=stage, settings=stage.monitoring.grafana)
            CfnOutput(self, "GrafanaAddress", value=f"https://{workspace.endpoint}")

    def _archive(self, thing: str, stream: kinesis.IStream) -> None:
        StreamArchive(
            self,
            f"Archive{thing.title().replace('_', '')}",
            stage=self._stage,
            thing=thing,
            stream=stream,
            key=self._storage.key,
            bucket=self._buckets["archive"],
            alarms=self._alarms,
        )

    def _report(self) -> DriftReport:
        report = DriftReport(
            self,
            "DriftReport",
            stage=self._stage,
            repository=self._storage.repositories["monitoring"],
            archive=self._buckets["archive"],
            artefacts=self._buckets["artefacts"],
            reports=self._buckets["reports"],
            champion=self._storage.champion,
            topic=self._storage.alarms,
            key=self._storage.key,
        )
        run_by_schedule(self, "Drift_report", stage=self._stage, machine=report.machine)
        return report

    def _dashboard(self) -> None:
        stage = self._stage
        retrain = f"arn:{self.partition}:states:{stage.region}:{self.account}:stateMachine:{stage.physical('retrain')}"
        values = {
            "stage": stage.name,
            "region": stage.region,
            "retrain": retrain,
            "reports": self._reports_address(),
            "classify_memory_gb": f"{stage.classify.memory_mb / _MB_PER_GB:g}",
            "warn_memory_gb": f"{stage.warn.memory_mb / _MB_PER_GB:g}",
        }
        cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=stage.physical("all"),
            dashboard_body=native_dashboard(NATIVE_DASHBOARD.read_text(encoding="utf-8"), values),
        )

    def _reports_address(self) -> str:
        """The latest report, in the console."""
        bucket = self._buckets["reports"].bucket_name
        return f"https://{self._stage.region}.console.aws.amazon.com/s3/buckets/{bucket}?prefix=drift/latest/"
