"""One job: from SageMaker's request to what SageMaker would describe afterwards."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from local import paths
from local.jobs import folders
from local.jobs.errors import JobFailedError
from local.processes import Child, Supervisor

_PROGRAMS: Final = ("python", "python3")
_FIGURES: Final = {
    "validation:macro_f1": "macro-F1",
    "macro_f1": "macro-F1",
    "rows": "rows",
    "passed": "passed",
    "version": "version",
    "drifted_share": "signals drifted",
    "macro_f1_drop": "macro-F1 lost",
}
_MAX_EXIT_MESSAGE: Final = 1_024
_MAX_FAILURE: Final = 1_024
_DEFAULT_RUNTIME: Final = 86_400
_REQUEST_CONFIG: Final = "config"


@dataclass(frozen=True)
class Surroundings:
    """What a job has around it.

    Attributes:
        s3: boto3's client.
        supervisor: owns the process.
        variables: set in the job's environment after the request's own (endpoint, tracking server).
        logs: folder for one log per job.
    """

    s3: Any
    supervisor: Supervisor
    variables: Mapping[str, str]
    logs: Path


class Job(Protocol):
    """A kind of job.

    Attributes:
        name: of the job.
        label: what it does, in a word or two.
        one_of_many: whether others of its kind run beside it.
    """

    name: str
    label: str
    one_of_many: bool

    def run(self, surroundings: Surroundings) -> dict[str, Any]:
        """Run to the end; what the ``Describe`` call of its kind would answer.

        Raises:
            JobFailedError: it failed.
            StoppedError: the stage is being stopped.
        """


def read_job(message: Mapping[str, Any]) -> Job:
    """The job in a message of the local queue.

    Raises:
        JobFailedError: it names an operation that is none.
    """
    request = message["request"]
    match message["operation"]:
        case "createTrainingJob":
            return TrainingJob(request)
        case "createProcessingJob":
            return ProcessingJob(request)
    raise JobFailedError(f"ValidationException: unknown operation {message['operation']!r}")


class TrainingJob:
    """A request of ``CreateTrainingJob``.

    Args:
        request: the API's request.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.name: str = request["TrainingJobName"]
        asked = request.get("HyperParameters", {})
        self.label: str = asked.get("candidate", self.name)
        self.one_of_many = asked.get("refit") != "true"
        self._request = request

    def run(self, surroundings: Surroundings) -> dict[str, Any]:
        """Train, and upload the model."""
        base = surroundings.supervisor.scratch(self.name)
        try:
            self._prepare(base, surroundings)
            algorithm = self._request["AlgorithmSpecification"]
            command = [*algorithm.get("ContainerEntrypoint", []), *algorithm.get("ContainerArguments", [])]
            log = _execute(self, command, self._request, base, surroundings)
            artefact = self._upload(base, surroundings)
            return {
                "TrainingJobName": self.name,
                "TrainingJobStatus": "Completed",
                "ModelArtifacts": {"S3ModelArtifacts": artefact},
                "FinalMetricDataList": final_metrics(log, algorithm.get("MetricDefinitions", [])),
            }
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _prepare(self, base: Path, surroundings: Surroundings) -> None:
        config = base / "input" / _REQUEST_CONFIG
        folders.write_json(config / "hyperparameters.json", self._request.get("HyperParameters", {}))
        folders.write_json(config / "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
        channels = self._request.get("InputDataConfig", [])
        modes = {
            channel["ChannelName"]: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
            for channel in channels
        }
        folders.write_json(config / "inputdataconfig.json", modes)
        for channel in channels:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            folders.download(surroundings.s3, uri, base / "input" / "data" / channel["ChannelName"])
        for folder in ("model", "output/data"):
            (base / folder).mkdir(parents=True, exist_ok=True)

    def _upload(self, base: Path, surroundings: Surroundings) -> str:
        target = f"{self._request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"
        folders.upload_archive(surroundings.s3, base / "model", f"{target}/model.tar.gz", base)
        if any((base / "output" / "data").iterdir()):
            folders.upload_archive(surroundings.s3, base / "output" / "data", f"{target}/output.tar.gz", base)
        return f"{target}/model.tar.gz"


class ProcessingJob:
    """A request of ``CreateProcessingJob``.

    Args:
        request: the API's request.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.name: str = request["ProcessingJobName"]
        entry_point = request.get("AppSpecification", {}).get("ContainerEntrypoint") or [self.name]
        self.one_of_many = False
        self.label: str = entry_point[-1].rsplit(".", 1)[-1]
        self._request = request

    def run(self, surroundings: Surroundings) -> dict[str, Any]:
        """Process, and upload every output."""
        base = surroundings.supervisor.scratch(self.name)
        try:
            outputs = self._prepare(base, surroundings)
            specification = self._request["AppSpecification"]
            command = [*specification.get("ContainerEntrypoint", []), *specification.get("ContainerArguments", [])]
            _execute(self, command, self._request, base, surroundings)
            for folder, uri in outputs.items():
                folders.upload(surroundings.s3, folder, uri)
            described = {"ProcessingJobName": self.name, "ProcessingJobStatus": "Completed"}
            message = folders.read_text(base / "output" / "message", _MAX_EXIT_MESSAGE)
            return described | ({"ExitMessage": message} if message else {})
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _prepare(self, base: Path, surroundings: Surroundings) -> dict[Path, str]:
        """Fetch the inputs; returns the folders of the outputs with where they go."""
        folders.write_json(base / _REQUEST_CONFIG / "processingjobconfig.json", self._request)
        folders.write_json(
            base / _REQUEST_CONFIG / "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]}
        )
        for given in self._request.get("ProcessingInputs", []):
            source = given["S3Input"]
            folders.download(surroundings.s3, source["S3Uri"], folders.in_base(base, source["LocalPath"]))
        outputs = {}
        for output in self._request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            folder = folders.in_base(base, output["S3Output"]["LocalPath"])
            folder.mkdir(parents=True, exist_ok=True)
            outputs[folder] = output["S3Output"]["S3Uri"]
        (base / "output").mkdir(exist_ok=True)
        return outputs


def final_metrics(log: str, definitions: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The last value that each metric's expression finds in a job's log."""
    found = []
    for definition in definitions:
        values = re.findall(definition["Regex"], log)
        if values:
            found.append({"MetricName": definition["Name"], "Value": float(values[-1]), "Timestamp": time.time()})
    return found


def note_of(described: Mapping[str, Any]) -> str:
    """The figures in a job's description that a person looks for."""
    metrics = {metric["MetricName"]: metric["Value"] for metric in described.get("FinalMetricDataList", [])}
    try:
        message = json.loads(described.get("ExitMessage", "{}"))
    except ValueError:
        message = {}
    figures = {**metrics, **(message if isinstance(message, dict) else {})}
    return ", ".join(
        f"{title} {value:.3f}" if isinstance(value, float) else f"{title} {value}"
        for name, title in _FIGURES.items()
        if isinstance(value := figures.get(name), (str, int, float))
    )


def _execute(
    job: TrainingJob | ProcessingJob,
    command: list[str],
    request: Mapping[str, Any],
    base: Path,
    surroundings: Surroundings,
) -> str:
    """Run the entry point; what it wrote."""
    if not command or command[0] not in _PROGRAMS:
        raise JobFailedError(f"ClientError: the local stage runs Python entry points, not {command[:1]}")
    log = surroundings.logs / f"{job.name}.log"
    seconds = float(request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME))
    child = surroundings.supervisor.start(
        job.name,
        [paths.PYTHON, *command[1:]],
        environment={
            **request.get("Environment", {}),
            "SAGEMAKER_BASE_DIR": str(base),
            "TMPDIR": str(_made(base / "tmp")),
            "TRAINING_JOB_NAME": job.name,
            # Two cores at most are here for several jobs at a time.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **surroundings.variables,
        },
        log=log,
    )
    code = child.wait(seconds)
    surroundings.supervisor.check()
    if code is None:
        child.end()
        raise JobFailedError(f"Stopped: the job ran longer than MaxRuntimeInSeconds ({seconds:.0f})")
    if code != 0:
        raise JobFailedError(_failure(child, code, base))
    return log.read_text(errors="replace")


def _failure(child: Child, code: int, base: Path) -> str:
    """SageMaker's ``FailureReason`` (Developer Guide, "Understand failure reasons")."""
    reason = folders.read_text(base / "output" / "failure", _MAX_FAILURE)
    return (
        f"AlgorithmError: {reason or 'the job gave no reason; its log has the rest'}, exit code: {code} ({child.log})"
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def encode(described: Mapping[str, Any]) -> str:
    """A job's description as the output of its task."""
    return json.dumps(described)
