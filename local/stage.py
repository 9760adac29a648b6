"""The local stage as a whole: emulator, MLflow, deployed stacks, functions, pollers and job runner."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cdk_app.stages import FUNCTIONS, StageConfig, stage_config
from local import aws, deploy, emulator, mlflow_server, paths
from local.alarm_events import AlarmEvents
from local.aws import Clients
from local.display import Steps
from local.errors import LocalError
from local.jobs.job import Surroundings
from local.jobs.runner import JobEvent, JobRunner
from local.lambda_host.host import LambdaHost
from local.lambda_host.telemetry import Telemetry
from local.poller.checkpoints import Checkpoints
from local.poller.destination import BucketDestination, Destination, QueueDestination, TopicDestination
from local.poller.records import Mapping, read_mapping
from local.poller.runner import MappingPoller
from local.processes import Supervisor
from local.service_metrics import ServiceMetrics

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ports:
    """Ports to listen on; 0 for any free one."""

    emulator: int = 0
    mlflow: int = 0


class LocalStage:
    """Everything that runs. Start it once; it ends with its supervisor.

    Args:
        supervisor: owns every process.
        ports: to listen on.
    """

    def __init__(self, supervisor: Supervisor, ports: Ports | None = None) -> None:
        self.config: StageConfig = stage_config(deploy.STAGE)
        self.supervisor = supervisor
        self.endpoint = ""
        self.mlflow = ""
        self.pollers: list[MappingPoller] = []
        self.job_events: queue.SimpleQueue[JobEvent] = queue.SimpleQueue()
        self._ports = ports or Ports()
        self._clients: Clients | None = None
        self._telemetry: Telemetry | None = None
        self._host: LambdaHost | None = None
        self._jobs: JobRunner | None = None
        self._alarm_events: AlarmEvents | None = None
        self._metrics: ServiceMetrics | None = None

    @property
    def account(self) -> str:
        """The emulated account."""
        if self.config.account is None:
            raise LocalError("the local stage needs an account in its values")
        return self.config.account

    @property
    def clients(self) -> Clients:
        """Clients of the emulator."""
        if self._clients is None:
            raise LocalError("the local stage is not started")
        return self._clients

    @property
    def host(self) -> LambdaHost:
        """The host of the functions."""
        if self._host is None:
            raise LocalError("the local stage is not started")
        return self._host

    def bucket(self, thing: str) -> str:
        """The name of one of the stage's buckets."""
        return self.config.bucket(thing, self.account)

    def machine(self, thing: str) -> str:
        """The ARN of one of the stage's state machines."""
        return f"arn:aws:states:{aws.REGION}:{self.account}:stateMachine:{self.config.physical(thing)}"

    def poller(self, function: str) -> MappingPoller:
        """The poller that calls a function.

        Raises:
            LocalError: there is none.
        """
        for poller in self.pollers:
            if poller.mapping.function_name == self.config.physical(function):
                return poller
        raise LocalError(f"nothing polls a stream for {function}")

    def start(self, steps: Steps, *, with_training: bool = True) -> None:
        """Start everything, several things at a time, and deploy.

        Args:
            steps: shows what is under way.
            with_training: whether MLflow and the job runner are wanted.

        Raises:
            LocalError: something did not start; everything that did ends with the supervisor.
        """
        _clear_old_logs()
        with ThreadPoolExecutor(3, thread_name_prefix="start") as pool:
            tracking = pool.submit(self._start_mlflow, steps) if with_training else None
            synthesis = pool.submit(self._synthesise, steps)
            try:
                self._start_emulator(steps)
                self._bootstrap(steps)
                self._deploy(steps, synthesis.result())
                self._connect()
                if tracking is not None:
                    tracking.result()
                    self._start_jobs()
            except BaseException:
                self.supervisor.close()
                raise

    @property
    def jobs(self) -> JobRunner:
        """The runner of jobs.

        Raises:
            LocalError: the stage was started without training.
        """
        if self._jobs is None:
            raise LocalError("the local stage runs no jobs")
        return self._jobs

    def take_line(self, program: str, line: str) -> None:
        """Take a line that a program beside the functions wrote: into its log, and its metrics to CloudWatch."""
        if self._telemetry is None:
            raise LocalError("the local stage is not started")
        self._telemetry.line(program, "", "", line)

    def warm(self) -> None:
        """Start one environment of each function ahead of the first event."""
        self.host.warm([poller.mapping.function_arn for poller in self.pollers])

    def stop(self) -> None:
        """Stop politely: pollers finish what they are at, logs are written. The supervisor does the rest."""
        if self._jobs is not None:
            self._jobs.stop()
        if self._alarm_events is not None:
            self._alarm_events.stop()
        if self._metrics is not None:
            self._metrics.stop()
        threads = [threading.Thread(target=poller.stop, daemon=True) for poller in self.pollers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5.0)
        with suppress(Exception):
            if self._host is not None:
                self._host.close()
            if self._telemetry is not None:
                self._telemetry.close()

    def _synthesise(self, steps: Steps) -> Any:
        with steps.step("Stacks synthesised") as step:
            folder = deploy.synthesise(self.supervisor)
            step.note = ", ".join(name.rsplit("-", 1)[1] for name in _stacks(folder))
            return folder

    def _start_emulator(self, steps: Steps) -> None:
        with steps.step("AWS emulator") as step:
            self._host = LambdaHost(self.supervisor)
            names = [self.config.physical(name) for name in FUNCTIONS]
            self.endpoint, _ = emulator.start(
                self.supervisor, functions=dict.fromkeys(names, self._host.address), port=self._ports.emulator
            )
            self._clients = Clients(self.endpoint)
            step.note = self.endpoint

    def _start_mlflow(self, steps: Steps) -> None:
        with steps.step("MLflow server") as step:
            self.mlflow, child = mlflow_server.launch(self.supervisor, port=self._ports.mlflow)
            mlflow_server.wait(self.supervisor, self.mlflow, child)
            step.note = self.mlflow

    def _bootstrap(self, steps: Steps) -> None:
        with steps.step("CDK bootstrap") as step:
            deploy.bootstrap(self.supervisor, self.endpoint, self.account)
            step.note = f"account {self.account}, {aws.REGION}"

    def _deploy(self, steps: Steps, folder: Any) -> None:
        with steps.step("CDK deploy") as step:
            deploy.deploy(self.supervisor, self.endpoint, folder)
            step.note = f"{len(_stacks(folder))} stacks"

    def _connect(self) -> None:
        """Let the functions and the pollers loose on what is deployed."""
        self._telemetry = Telemetry(self.clients, paths.LOGS)
        self.host.connect(self.clients, self._telemetry)
        self._metrics = ServiceMetrics(
            self.clients, [self.machine(thing) for thing in ("retrain", "drift_report", "drift_response")]
        )
        checkpoints = Checkpoints(self.supervisor.folder / "checkpoints.json")
        for described in self.clients["lambda"].list_event_source_mappings()["EventSourceMappings"]:
            if ":kinesis:" not in described["EventSourceArn"]:
                continue  # queues are polled by the emulator itself
            mapping = self._read_mapping(described)
            poller = MappingPoller(
                mapping,
                kinesis=self.clients["kinesis"],
                invoker=self._metrics.metered(self.host, mapping.function_name),
                destination=self._destination(mapping),
                checkpoints=checkpoints,
                observe_age=partial(self._telemetry.iterator_age, mapping.function_name),
            )
            self.pollers.append(poller)
            self._metrics.watch(poller)
            poller.start()
        self._metrics.start()
        self._alarm_events = AlarmEvents(self.clients)
        self._alarm_events.start()

    def _read_mapping(self, described: dict[str, Any]) -> Mapping:
        name = described["EventSourceArn"].rsplit("/", 1)[1]
        stream = self.clients["kinesis"].describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return read_mapping(described, retention_hours=stream["RetentionPeriodHours"])

    def _destination(self, mapping: Mapping) -> Destination | None:
        kinds: dict[str, Callable[[], Destination]] = {
            "s3": lambda: BucketDestination(self.clients["s3"]),
            "sqs": lambda: QueueDestination(self.clients["sqs"]),
            "sns": lambda: TopicDestination(self.clients["sns"]),
        }
        return kinds[mapping.destination.split(":")[2]]() if mapping.destination else None

    def _start_jobs(self) -> None:
        # The server here wants no password, so there is no secret to read.
        variables = {**aws.environment(self.endpoint), "MLFLOW_TRACKING_URI": self.mlflow, "MLFLOW_SECRET_ARN": ""}
        self._jobs = JobRunner(
            sqs=self.clients["sqs"],
            states=self.clients["stepfunctions"],
            queue_url=self.clients["sqs"].get_queue_url(QueueName=self.config.jobs_queue)["QueueUrl"],
            surroundings=Surroundings(self.clients["s3"], self.supervisor, variables, paths.LOGS / "jobs"),
            observe=self.job_events.put,
        )
        self._jobs.start()


def _stacks(folder: Any) -> list[str]:
    manifest = json.loads((folder / "manifest.json").read_text())
    kinds = manifest["artifacts"].items()
    return [name for name, artifact in kinds if artifact["type"] == "aws:cloudformation:stack"]


def _clear_old_logs() -> None:
    """Begin this run's logs anew; an older run's are of no use once there is a newer one."""
    for file in (*paths.LOGS.rglob("*.log"), *paths.LOGS.rglob("*.jsonl")):
        file.unlink(missing_ok=True)
    paths.LOGS.mkdir(parents=True, exist_ok=True)
