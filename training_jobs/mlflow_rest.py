"""The tracker that speaks to an MLflow server, over its REST API.

The API (https://mlflow.org/docs/latest/api_reference/rest-api.html) is spoken directly, because importing the client
library takes four seconds and 180 MB, and each of the nine short jobs of an execution would pay for it. Files go
through the server's artefact proxy (``mlflow-artifacts:``), so a job needs no right to the server's own store, and
nothing is ever pickled.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, TrackingError
from training_jobs.tracking import MODEL_FOLDER, RegisteredVersion

CHAMPION_ALIAS: Final = "champion"
EXECUTION_TAG: Final = "retrain.execution"
REASON_TAG: Final = "retrain.reason"

MAX_DESCRIPTION: Final = 5_000
"""MLflow's SQL store keeps this many characters of a model version's description."""

MAX_PARAMETER: Final = 6_000
"""The longest parameter value that MLflow keeps."""

_API: Final = "/api/2.0/mlflow/"
_FILES_API: Final = "/api/2.0/mlflow-artifacts/artifacts/"
_PROXIED: Final = "mlflow-artifacts:"
_TIMEOUT_SECONDS: Final = 60.0
_ATTEMPTS: Final = 5
_MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
_EXISTS: Final = "RESOURCE_ALREADY_EXISTS"


class ServerRefusedError(TrackingError):
    """The server answered with an error.

    Attributes:
        code: MLflow's name for it.
    """

    def __init__(self, path: str, code: str, message: str) -> None:
        super().__init__(f"the MLflow server refused {path}: {code} {message}".rstrip())
        self.code: Final = code


class Transport(Protocol):
    """Something that carries requests to the server."""

    def send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send a request; returns the status and the body.

        Raises:
            TrackingError: the server could not be reached.
        """
        ...


class HttpTransport:
    """Requests over HTTP, with retries while the server starts, is busy or is being replaced.

    Args:
        uri: the server's address.
        credentials: user name and password, or None.
    """

    def __init__(self, uri: str, credentials: tuple[str, str] | None) -> None:
        import urllib3  # noqa: PLC0415 - not needed without a server

        if not uri.startswith(("http://", "https://")):
            raise InputError(f"MLFLOW_TRACKING_URI must be the http(s) address of a server, not {uri!r}")
        headers = urllib3.make_headers(basic_auth=":".join(credentials)) if credentials else {}
        self._uri = uri.rstrip("/")
        self._trouble = urllib3.exceptions.HTTPError
        self._pool = urllib3.PoolManager(
            headers={**headers, "Content-Type": "application/json"},
            timeout=_TIMEOUT_SECONDS,
            retries=urllib3.Retry(
                total=_ATTEMPTS, backoff_factor=0.3, status_forcelist=(429, 502, 503, 504), allowed_methods=None,
                raise_on_status=False,
            ),
        )  # fmt: skip

    def send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send a request; see the protocol."""
        try:
            response = self._pool.request(method, self._uri + path, body=body)
        except self._trouble as error:
            raise TrackingError(f"the MLflow server at {self._uri} cannot be reached: {error}") from None
        return response.status, response.data


class MlflowTracker:
    """See :class:`training_jobs.tracking.Tracker`.

    Args:
        transport: to the server.
        environment: names the experiment, the execution and the registered model.
    """

    def __init__(self, transport: Transport, environment: JobEnvironment) -> None:
        self._transport = transport
        self._environment = environment
        self._experiment_id = ""

    @classmethod
    def for_environment(cls, environment: JobEnvironment) -> MlflowTracker:
        """A tracker for the server that the environment names, with its credentials."""
        return cls(HttpTransport(environment.mlflow_tracking_uri, credentials_for(environment)), environment)

    def execution_run(self) -> str:
        """The run of this execution: the one that is there, or a new one."""
        execution = self._environment.retrain_execution
        found = self._post(
            "runs/search",
            experiment_ids=[self._experiment()],
            filter=f"tags.`{EXECUTION_TAG}` = '{execution}' and tags.`job` = 'execution'",
            max_results=1,
        )
        if found.get("runs"):
            return str(found["runs"][0]["info"]["run_id"])
        return self._create_run(execution, {"job": "execution"})

    def start_run(self, name: str, *, parent: str, tags: Mapping[str, str]) -> str:
        """Start a run nested in another; returns its id."""
        nested = {"mlflow.parentRunId": parent} if parent else {}
        return self._create_run(name, {**tags, **nested})

    def log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run."""
        now = _milliseconds()
        self._post(
            "runs/log-batch",
            run_id=run_id,
            params=[{"key": key, "value": str(value)[:MAX_PARAMETER]} for key, value in (parameters or {}).items()],
            metrics=[
                {"key": key, "value": float(value), "timestamp": now, "step": 0}
                for key, value in (metrics or {}).items()
            ],
            tags=_pairs(tags or {}),
        )

    def log_files(self, run_id: str, folder: Path, under: str) -> None:
        """Keep every file of a folder with a run."""
        root = self._files_of(run_id)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = root / under / file.relative_to(folder).as_posix()
            self._send("PUT", _FILES_API + quote(str(target)), file.read_bytes())

    def finish(self, run_id: str, status: str) -> None:
        """End a run."""
        self._post("runs/update", run_id=run_id, status=status, end_time=_milliseconds())

    def register(self, run_id: str, *, description: str, tags: Mapping[str, str]) -> str:
        """Make the artefact of a run a new version of the registered model; returns the version.

        A retried job finds the version it made before.
        """
        name = self._environment.registered_model
        known = self._find_version_of(run_id)
        if known:
            return known
        try:
            self._post("registered-models/create", name=name)
        except ServerRefusedError as error:
            if error.code != _EXISTS:
                raise
        made = self._post(
            "model-versions/create",
            name=name,
            source=f"{self._run(run_id)['info']['artifact_uri']}/{MODEL_FOLDER}",
            run_id=run_id,
            description=description[:MAX_DESCRIPTION],
            tags=_pairs(tags),
        )
        return str(made["model_version"]["version"])

    def version(self, version: str) -> RegisteredVersion:
        """Look up a version.

        Raises:
            InputError: there is none.
        """
        name = self._environment.registered_model
        try:
            found = self._get("model-versions/get", name=name, version=version)
        except ServerRefusedError as error:
            if error.code != _MISSING:
                raise
            raise InputError(f"the registered model {name} has no version {version}") from None
        return _registered(found["model_version"])

    def champion(self) -> RegisteredVersion | None:
        """The version with the alias ``champion``; None before the first promotion."""
        try:
            found = self._get("registered-models/alias", name=self._environment.registered_model, alias=CHAMPION_ALIAS)
        except ServerRefusedError as error:
            # Of a model without the alias the server says INVALID_PARAMETER_VALUE, of no model that it is missing.
            if error.code not in {_MISSING, "INVALID_PARAMETER_VALUE"}:
                raise
            return None
        return _registered(found["model_version"])

    def set_champion(self, version: str) -> None:
        """Move the alias ``champion``."""
        self._post(
            "registered-models/alias", name=self._environment.registered_model, alias=CHAMPION_ALIAS, version=version
        )

    def fetch(self, run_id: str, under: str, target: Path) -> Path:
        """Copy a folder of a run's files to a local one.

        Raises:
            TrackingError: the run keeps no such folder.
        """
        root = self._files_of(run_id)
        found = False
        for path in self._list(run_id, under):
            file = target / PurePosixPath(path).relative_to(under)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._send("GET", _FILES_API + quote(str(root / path)), None))
            found = True
        if not found:
            raise TrackingError(f"the run {run_id} keeps no files under {under!r}")
        return target

    def _find_version_of(self, run_id: str) -> str:
        name = self._environment.registered_model
        query = f"name='{name}' and run_id='{run_id}'"
        versions = self._get("model-versions/search", filter=query, max_results="1").get("model_versions", [])
        return str(versions[0]["version"]) if versions else ""

    def _list(self, run_id: str, folder: str) -> Iterator[str]:
        for entry in self._get("artifacts/list", run_id=run_id, path=folder).get("files", []):
            path = str(entry["path"])
            if ".." in PurePosixPath(path).parts or not path.startswith(folder + "/"):
                raise TrackingError(f"the MLflow server lists a file outside of {folder!r}")
            if entry.get("is_dir"):
                yield from self._list(run_id, path)
            else:
                yield path

    def _files_of(self, run_id: str) -> PurePosixPath:
        uri = str(self._run(run_id)["info"]["artifact_uri"])
        if not uri.startswith(_PROXIED):
            scheme = uri.partition(":")[0]
            raise TrackingError(
                f"the MLflow server does not serve artefacts ({scheme}): start it with --serve-artifacts"
            )
        path = uri.removeprefix(_PROXIED)
        return PurePosixPath(path.removeprefix("//").partition("/")[2] if path.startswith("//") else path.lstrip("/"))

    def _run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self._get("runs/get", run_id=run_id)["run"]
        return run

    def _experiment(self) -> str:
        if not self._experiment_id:
            self._experiment_id = self._find_experiment() or self._create_experiment()
        return self._experiment_id

    def _find_experiment(self) -> str:
        try:
            found = self._get("experiments/get-by-name", experiment_name=self._environment.mlflow_experiment_name)
        except ServerRefusedError as error:
            if error.code != _MISSING:
                raise
            return ""
        return str(found["experiment"]["experiment_id"])

    def _create_experiment(self) -> str:
        try:
            made = self._post("experiments/create", name=self._environment.mlflow_experiment_name)
        except ServerRefusedError as error:
            if error.code != _EXISTS:  # another job may have been faster
                raise
            return self._find_experiment()
        return str(made["experiment_id"])

    def _create_run(self, name: str, tags: Mapping[str, str]) -> str:
        environment = self._environment
        common = {
            EXECUTION_TAG: environment.retrain_execution,
            REASON_TAG: environment.retrain_reason,
            "stage": environment.stage,
            "mlflow.source.type": "JOB",
            "mlflow.source.name": "training_jobs",
        }
        made = self._post(
            "runs/create",
            experiment_id=self._experiment(),
            run_name=name,
            start_time=_milliseconds(),
            tags=_pairs({**common, **tags}),
        )
        return str(made["run"]["info"]["run_id"])

    def _get(self, path: str, /, **query: str) -> dict[str, Any]:
        return _decoded(self._send("GET", f"{_API}{path}?{urlencode(query)}", None))

    def _post(self, path: str, /, **body: object) -> dict[str, Any]:
        return _decoded(self._send("POST", _API + path, json.dumps(body).encode()))

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        status, answer = self._transport.send(method, path, body)
        if status >= 400:  # noqa: PLR2004 - HTTP's own line between answers and errors
            raise _refusal(status, answer, path.partition("?")[0])
        return answer


def credentials_for(environment: JobEnvironment) -> tuple[str, str] | None:
    """User name and password for the server: from the secret if one is named, else from MLflow's own variables.

    Raises:
        InputError: the secret is not a JSON object with ``username`` and ``password``.
    """
    if environment.mlflow_secret_arn:
        import boto3  # noqa: PLC0415 - only where there is a secret

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=environment.mlflow_secret_arn)
        try:
            values = json.loads(secret["SecretString"])
            return str(values["username"]), str(values["password"])
        except (ValueError, KeyError, TypeError):
            raise InputError("the MLflow secret must be a JSON object with a username and a password") from None
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("USERNAME", "PASSWORD"))
    return (user, password) if user and password else None


def _refusal(status: int, answer: bytes, path: str) -> ServerRefusedError:
    try:
        body = json.loads(answer)
        return ServerRefusedError(path, str(body.get("error_code", status)), str(body.get("message", "")))
    except (ValueError, AttributeError):
        return ServerRefusedError(path, str(status), "")


def _decoded(answer: bytes) -> dict[str, Any]:
    try:
        body = json.loads(answer or b"{}")
    except ValueError:
        raise TrackingError("the MLflow server's answer is not JSON: is it an MLflow server at all?") from None
    if not isinstance(body, dict):
        raise TrackingError("the MLflow server's answer is not a JSON object")
    return body


def _registered(found: Mapping[str, Any]) -> RegisteredVersion:
    tags = {str(tag["key"]): str(tag["value"]) for tag in found.get("tags", [])}
    return RegisteredVersion(str(found["version"]), str(found.get("run_id", "")), tags)


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _milliseconds() -> int:
    return int(time.time() * 1000)
