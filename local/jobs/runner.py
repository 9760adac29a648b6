"""Takes jobs from the queue of the local state machine, a few at a time, and answers their task tokens."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError, StoppedError
from local.jobs.errors import JobFailedError
from local.jobs.job import Surroundings, encode, note_of, read_job

_log = logging.getLogger(__name__)

AT_A_TIME: Final = max(2, os.cpu_count() or 2)
"""Jobs that run at the same time; the others wait in the queue."""

TASK_FAILED: Final = "States.TaskFailed"
"""The error of a failed job; the ``.sync`` integration of SageMaker fails with the same name."""

_NOBODY_WAITS: Final = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_WAIT_SECONDS: Final = 2
_HELD_SECONDS: Final = 2
"""How long a job that is held back is out of sight."""
_MAX_CAUSE: Final = 32_768


class Happened(StrEnum):
    """What a job did."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        name: of the job.
        label: what it does, in a word or two.
        what: happened.
        note: the figures of its result, or the reason of its failure.
        one_of_many: whether others of its kind run beside it.
    """

    name: str
    label: str
    what: Happened
    note: str = ""
    one_of_many: bool = False


class JobRunner:
    """Serves a queue until it is stopped.

    Args:
        sqs: boto3's client.
        states: boto3's Step Functions client.
        queue_url: of the queue.
        surroundings: of every job.
        at_a_time: jobs that run at the same time.
        observe: is told of every job's start, end and failure.
    """

    def __init__(
        self,
        *,
        sqs: Any,
        states: Any,
        queue_url: str,
        surroundings: Surroundings,
        at_a_time: int = AT_A_TIME,
        observe: Callable[[JobEvent], None] | None = None,
    ) -> None:
        self._sqs = sqs
        self._states = states
        self._queue_url = queue_url
        self._surroundings = surroundings
        self._observe = observe or (lambda _event: None)
        self._stopping = threading.Event()
        self._only = ""
        self._threads = [
            threading.Thread(target=self._serve, name=f"job-runner-{number}", daemon=True)
            for number in range(at_a_time)
        ]

    def start(self) -> None:
        """Begin to take jobs, and return."""
        for thread in self._threads:
            thread.start()

    def take_only(self, prefix: str) -> None:
        """From now on take only jobs whose names begin with a prefix; others stay in the queue. Empty for any."""
        self._only = prefix

    def stop(self) -> None:
        """Take no more jobs. Those under way end when their supervisor is closed."""
        self._stopping.set()

    def _serve(self) -> None:
        while not self._stopping.is_set() and not self._surroundings.supervisor.closing:
            try:
                answer = self._sqs.receive_message(
                    QueueUrl=self._queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=_WAIT_SECONDS
                )
                for message in answer.get("Messages", []):
                    if _name_of(json.loads(message["Body"])).startswith(self._only):
                        self.handle(message)
                    else:
                        self._give_back(message)
            except StoppedError:
                return
            except (ClientError, BotoCoreError) as error:
                if not self._surroundings.supervisor.closing:
                    _log.warning("the job queue cannot be read: %s", type(error).__name__)
                self._stopping.wait(1.0)

    def handle(self, message: Mapping[str, Any]) -> None:
        """Run the job in one message, answer its token, and take the message from the queue.

        Raises:
            StoppedError: the stage is being stopped; the message stays.
        """
        body = json.loads(message["Body"])
        try:
            job = read_job(body)
            self._observe(JobEvent(job.name, job.label, Happened.STARTED, one_of_many=job.one_of_many))
            described = job.run(self._surroundings)
        except StoppedError:
            raise
        except JobFailedError as error:
            self._fail(body, str(error))
        except (KeyError, TypeError) as error:
            self._fail(body, f"ValidationException: the request has no usable {error}")
        except (LocalError, ClientError) as error:
            self._surroundings.supervisor.check()
            self._fail(body, f"ClientError: {error}")
        else:
            self._observe(JobEvent(job.name, job.label, Happened.COMPLETED, note_of(described)))
            self._answer(lambda: self._states.send_task_success(taskToken=body["task_token"], output=encode(described)))
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _give_back(self, message: Mapping[str, Any]) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=_HELD_SECONDS
        )

    def _fail(self, body: Mapping[str, Any], reason: str) -> None:
        name = _name_of(body) or "a job"
        _log.warning("%s failed: %s", name, reason)
        self._observe(JobEvent(name, name, Happened.FAILED, reason))
        self._answer(
            lambda: self._states.send_task_failure(
                taskToken=body["task_token"], error=TASK_FAILED, cause=reason[:_MAX_CAUSE]
            )
        )

    def _answer(self, send: Callable[[], object]) -> None:
        """Answer a token; nobody may be waiting for it any more, after a timeout or a stopped execution."""
        try:
            send()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOBODY_WAITS:
                raise
            _log.warning("nobody waits for a job any more: %s", error.response["Error"]["Code"])


def _name_of(body: Mapping[str, Any]) -> str:
    """The name of the job in a message; empty if it has none."""
    request = body.get("request") or {}
    return str(request.get("TrainingJobName") or request.get("ProcessingJobName") or "")
