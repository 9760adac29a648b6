"""SageMaker by its SDK: launch a job, follow it and its log, list past ones.

Jobs are looked up and listed by the SDK's resources (``sagemaker.core.resources``) and launched by its client, which
sends a request as it stands: the resources leave out every value that is false or empty, and the trainer classes above
them build requests of their own and call IAM to do so. Logs are read from CloudWatch here, because the SDK's reader
ignores the session and drops what a job writes last. Importing the SDK takes four seconds.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from training_jobs.errors import InputError
from training_jobs.job_requests import TRAINING, JobRequest

if TYPE_CHECKING:
    import boto3

LOG_GROUPS: Final = {"training": "/aws/sagemaker/TrainingJobs", "processing": "/aws/sagemaker/ProcessingJobs"}
ENDED: Final = ("Completed", "Failed", "Stopped")
POLL_SECONDS: Final = 10.0

_MISSING: Final = {"ResourceNotFound", "ValidationException", "ResourceNotFoundException"}


@dataclass(frozen=True)
class JobState:
    """A job as it stands.

    Attributes:
        name: of the job.
        kind: ``training`` or ``processing``.
        status: SageMaker's word for it.
        created: when.
        ended: when, if it has.
        result: a training job's metrics or a processing job's message, or the reason of the failure.
    """

    name: str
    kind: str
    status: str
    created: datetime | None
    ended: datetime | None
    result: str

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in ENDED


class SageMakerJobs:
    """The jobs of one account and region.

    Args:
        session: boto3's.
        pause: waits a number of seconds.
    """

    def __init__(self, session: boto3.Session, pause: Callable[[float], None] = time.sleep) -> None:
        from sagemaker.core.resources import ProcessingJob, TrainingJob  # noqa: PLC0415 - takes four seconds

        self._session = session
        self._pause = pause
        self._resources: dict[str, Any] = {"training": TrainingJob, "processing": ProcessingJob}
        self._logs = session.client("logs")

    def launch(self, request: JobRequest) -> JobState:
        """Start a job, by the request as it stands."""
        from sagemaker.core.utils.utils import SageMakerClient  # noqa: PLC0415 - see above

        sdk = SageMakerClient(session=self._session, region_name=self._session.region_name)
        client = sdk.get_client(service_name="sagemaker")
        if request.operation == TRAINING:
            client.create_training_job(**request.body)
            return self._get("training", request.name)
        client.create_processing_job(**request.body)
        return self._get("processing", request.name)

    def find(self, name: str) -> JobState:
        """A job of either kind.

        Raises:
            InputError: there is none of that name.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415 - comes with the SDK

        for kind in self._resources:
            try:
                return self._get(kind, name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _MISSING:
                    raise
        raise InputError(f"there is no job {name}")

    def newest(self, prefix: str, limit: int) -> list[JobState]:
        """Past and present jobs of both kinds whose names contain a text, newest first."""
        found: list[JobState] = []
        for kind, resource in self._resources.items():
            jobs = resource.get_all(
                name_contains=prefix,
                sort_by="CreationTime",
                sort_order="Descending",
                session=self._session,
                region=self._session.region_name,
            )
            found += [_state(kind, job) for job in itertools.islice(jobs, limit)]
        found.sort(key=lambda job: job.created.timestamp() if job.created else 0.0, reverse=True)
        return found[:limit]

    def follow(self, job: JobState, say: Callable[[str], None]) -> JobState:
        """Say what the job writes to its log until it has ended; returns how it ended."""
        tokens: dict[str, str] = {}
        while True:
            state = self._get(job.kind, job.name)
            # Read after asking for the state, so that nothing of a job that has ended is missed.
            for line in self._new_lines(LOG_GROUPS[job.kind], job.name, tokens):
                say(line)
            if state.has_ended:
                return state
            self._pause(POLL_SECONDS)

    def _get(self, kind: str, name: str) -> JobState:
        key = {f"{kind}_job_name": name}
        return _state(kind, self._resources[kind].get(**key, session=self._session, region=self._session.region_name))

    def _new_lines(self, group: str, name: str, tokens: dict[str, str]) -> Iterator[str]:
        try:
            streams = self._logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except self._logs.exceptions.ResourceNotFoundException:
            return  # the group comes with the account's first job, when its container first writes
        for stream in streams:
            yield from self._new_lines_of(group, stream["logStreamName"], tokens)

    def _new_lines_of(self, group: str, stream: str, tokens: dict[str, str]) -> Iterator[str]:
        while True:
            position: dict[str, Any] = {"nextToken": tokens[stream]} if stream in tokens else {}
            page = self._logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **position)
            yield from (event["message"] for event in page["events"])
            ended = tokens.get(stream) == page["nextForwardToken"]
            tokens[stream] = page["nextForwardToken"]
            if ended:
                return


def _state(kind: str, job: Any) -> JobState:
    return JobState(
        name=str(getattr(job, f"{kind}_job_name")),
        kind=kind,
        status=_assigned(job, f"{kind}_job_status") or "Unknown",
        created=_assigned(job, "creation_time"),
        ended=_assigned(job, "training_end_time" if kind == "training" else "processing_end_time"),
        result=_result(kind, job),
    )


def _result(kind: str, job: Any) -> str:
    failure = _assigned(job, "failure_reason")
    if failure:
        return str(failure)
    if kind == "processing":
        return str(_assigned(job, "exit_message") or "")
    metrics = _assigned(job, "final_metric_data_list") or []
    return ", ".join(f"{metric.metric_name} {metric.value:g}" for metric in metrics)


def _assigned(job: Any, attribute: str) -> Any:
    """An attribute's value; None where the SDK has its own mark for what the service did not say."""
    value = getattr(job, attribute, None)
    return None if type(value).__name__ == "Unassigned" else value
