"""The tracker's side of MLflow's REST API; that the server agrees is tests/integration/test_mlflow_server.py."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from training_jobs import mlflow_rest as module
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError, TrackingError
from training_jobs.mlflow_rest import HttpTransport, MlflowTracker, ServerRefusedError, credentials_for
from training_jobs.tracking import NullTracker, tracker_for

RUN = {"run": {"info": {"run_id": "r1", "artifact_uri": "mlflow-artifacts:/1/r1/artifacts"}}}


class ScriptedTransport:
    """Answers by the start of the path, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {path.replace("__", "/").replace("_", "-"): answer for path, answer in answers.items()}
        self.asked: list[tuple[str, str, Any]] = []

    def send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        short = path.removeprefix("/api/2.0/mlflow/").removeprefix("/api/2.0/")
        self.asked.append((method, short, body))
        for start, answer in self.answers.items():
            if short.startswith(start):
                status, content = answer if isinstance(answer, tuple) else (200, answer)
                return status, content if isinstance(content, bytes) else json.dumps(content).encode()
        raise AssertionError(f"unexpected request {short}")


def tracker(**answers: Any) -> tuple[MlflowTracker, ScriptedTransport]:
    transport = ScriptedTransport(**answers)
    return MlflowTracker(transport, JobEnvironment(registered_model="cyberbullying-dev")), transport


def error(code: str, status: int = 404) -> tuple[int, dict[str, str]]:
    return status, {"error_code": code, "message": "made to happen"}


def test_a_refusal_names_what_was_asked_and_why() -> None:
    client, _ = tracker(runs__get=error("PERMISSION_DENIED", 403))
    with pytest.raises(ServerRefusedError, match=r"runs/get: PERMISSION_DENIED made to happen"):
        client.fetch("r1", "model", Path("nowhere"))


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_something_else_than_mlflow_is_noticed(answer: bytes) -> None:
    client, _ = tracker(model_versions__get=answer)
    with pytest.raises(TrackingError, match="not"):
        client.version("1")


def test_a_refusal_without_json_keeps_its_status() -> None:
    client, _ = tracker(model_versions__get=(401, b"You are not authenticated"))
    with pytest.raises(ServerRefusedError, match="401"):
        client.version("1")


def test_a_server_that_keeps_its_artefacts_to_itself_is_named() -> None:
    client, _ = tracker(runs__get={"run": {"info": {"artifact_uri": "s3://bucket/1/r1/artifacts"}}})
    with pytest.raises(TrackingError, match=r"--serve-artifacts"):
        client.fetch("r1", "model", Path("nowhere"))


@pytest.mark.parametrize("path", ["../../etc/passwd", "model/../../outside", "other/file"])
def test_files_outside_of_the_folder_are_not_written(tmp_path: Path, path: str) -> None:
    client, _ = tracker(runs__get=RUN, artifacts__list={"files": [{"path": path}]}, mlflow_artifacts=b"x")
    with pytest.raises(TrackingError, match="outside"):
        client.fetch("r1", "model", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_run_without_the_files_is_named(tmp_path: Path) -> None:
    client, _ = tracker(runs__get=RUN, artifacts__list={})
    with pytest.raises(TrackingError, match="keeps no files under 'model'"):
        client.fetch("r1", "model", tmp_path)


@pytest.mark.parametrize("uri", ["mlflow-artifacts:/1/r1/artifacts", "mlflow-artifacts://host:5000/1/r1/artifacts"])
def test_files_go_through_the_servers_proxy(tmp_path: Path, uri: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a file.txt").write_bytes(b"content")
    run = {"run": {"info": {"run_id": "r1", "artifact_uri": uri}}}
    client, transport = tracker(runs__get=run, mlflow_artifacts={})
    client.log_files("r1", tmp_path, "twin")
    assert transport.asked[-1] == ("PUT", "mlflow-artifacts/artifacts/1/r1/artifacts/twin/sub/a%20file.txt", b"content")


def test_long_values_are_cut_to_what_mlflow_keeps() -> None:
    client, transport = tracker(runs__log_batch={})
    client.log("r1", parameters={"long": "x" * 9000}, metrics={"macro_f1": 1})
    body = json.loads(transport.asked[-1][2])
    assert len(body["params"][0]["value"]) == module.MAX_PARAMETER
    assert body["metrics"][0]["value"] == 1.0


def test_faults_of_the_registry_are_not_taken_for_its_being_empty() -> None:
    client, _ = tracker(
        registered_models__alias=error("INTERNAL_ERROR", 500), model_versions__get=error("INTERNAL_ERROR")
    )
    with pytest.raises(ServerRefusedError):
        client.champion()
    with pytest.raises(ServerRefusedError):
        client.version("1")


def test_an_experiment_made_by_another_job_meanwhile_is_taken() -> None:
    client, transport = tracker(experiments__create=error("RESOURCE_ALREADY_EXISTS", 400), runs__create=RUN)
    answers = deque([error("RESOURCE_DOES_NOT_EXIST"), {"experiment": {"experiment_id": "4"}}])
    original = transport.send

    def send(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if "get-by-name" in path:
            answer = answers.popleft()
            return (
                (answer[0], json.dumps(answer[1]).encode())
                if isinstance(answer, tuple)
                else (200, json.dumps(answer).encode())
            )
        return original(method, path, body)

    transport.send = send  # type: ignore[method-assign]
    assert client.start_run("a run", parent="", tags={}) == "r1"
    assert json.loads(transport.asked[-1][2])["experiment_id"] == "4"


@pytest.mark.parametrize("path", ["experiments__get_by_name", "experiments__create"])
def test_an_experiment_that_may_not_be_seen_or_made_is_a_failure(path: str) -> None:
    answers = {"experiments__get_by_name": error("RESOURCE_DOES_NOT_EXIST"), path: error("PERMISSION_DENIED", 403)}
    client, _ = tracker(**answers)
    with pytest.raises(ServerRefusedError, match="PERMISSION_DENIED"):
        client.start_run("a run", parent="", tags={})


def test_a_model_that_may_not_be_made_is_a_failure() -> None:
    client, _ = tracker(model_versions__search={}, registered_models__create=error("PERMISSION_DENIED", 403))
    with pytest.raises(ServerRefusedError, match="PERMISSION_DENIED"):
        client.register("r1", description="", tags={})


class Server(ThreadingHTTPServer):
    """Gives the next of ``statuses`` and remembers the headers."""

    statuses: deque[int]
    headers: list[dict[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(self.server.statuses.popleft() if self.server.statuses else 200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), _Handler) as running:
        running.statuses, running.headers = deque(), []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


def test_a_server_that_is_busy_or_being_replaced_is_asked_again(server: Server) -> None:
    server.statuses.extend([503, 502])
    assert HttpTransport(address(server), None).send("GET", "/health", None) == (200, b"{}")
    assert len(server.headers) == 3


def test_what_will_not_change_is_not_asked_again(server: Server) -> None:
    server.statuses.append(403)
    assert HttpTransport(address(server), None).send("GET", "/health", None)[0] == 403
    assert len(server.headers) == 1


def test_credentials_are_sent(server: Server) -> None:
    HttpTransport(address(server), ("jobs", "pass:word")).send("GET", "/", None)
    sent = server.headers[0]["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"jobs:pass:word"


def test_a_server_that_is_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    gone = address(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(TrackingError, match="cannot be reached"):
        HttpTransport(gone, None).send("GET", "/", None)


def test_only_servers_can_be_tracked_to() -> None:
    with pytest.raises(InputError, match="sqlite"):
        tracker_for(JobEnvironment(mlflow_tracking_uri="sqlite:///mlflow.db"))


def test_without_a_server_nothing_is_kept() -> None:
    client = tracker_for(JobEnvironment())
    assert isinstance(client, NullTracker)
    assert (client.execution_run(), client.start_run("a", parent="", tags={}), client.champion()) == ("", "", None)
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        client.version("1")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        client.fetch("r", "model", Path())


def secrets(monkeypatch: pytest.MonkeyPatch, content: str) -> JobEnvironment:
    def client(service: str) -> SimpleNamespace:
        assert service == "secretsmanager"
        return SimpleNamespace(get_secret_value=lambda SecretId: {"SecretString": content, "ARN": SecretId})  # noqa: N803

    monkeypatch.setattr(boto3, "client", client)
    return JobEnvironment(mlflow_tracking_uri="http://mlflow", mlflow_secret_arn="arn:the-secret")  # noqa: S106


def test_credentials_come_from_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = secrets(monkeypatch, '{"username": "jobs", "password": "hidden"}')
    assert credentials_for(environment) == ("jobs", "hidden")


@pytest.mark.parametrize("content", ["hidden", "[]", '{"username": "jobs"}'])
def test_a_secret_of_another_form_is_not_quoted(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    with pytest.raises(InputError, match="username and a password") as refusal:
        credentials_for(secrets(monkeypatch, content))
    assert "hidden" not in str(refusal.value)


def test_without_a_secret_mlflows_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    assert credentials_for(JobEnvironment()) is None
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hidden")
    assert credentials_for(JobEnvironment()) == ("me", "hidden")


def test_names_follow_the_stage_unless_they_are_given() -> None:
    environment = JobEnvironment.from_environment({"STAGE": "prod"})
    assert environment.mlflow_experiment_name == environment.registered_model == "cyberbullying-prod"
    given = JobEnvironment.from_environment({"STAGE": "prod", "REGISTERED_MODEL": "other", "RETRAIN_REASON": ""})
    assert (given.registered_model, given.retrain_reason) == ("other", "manual")
