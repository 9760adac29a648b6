"""Takes invocations: from the emulator over HTTP, and from the stream pollers in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import ClientError

from local.aws import Clients
from local.errors import LocalError, StoppedError
from local.lambda_host.environment import ExecutionEnvironment, FunctionConfig
from local.lambda_host.pool import Pool, ThrottledError
from local.lambda_host.telemetry import Telemetry
from local.poller.runner import Answer, NotInvokedError
from local.ports import LOOPBACK
from local.processes import Supervisor


class LambdaHost:
    """Runs functions as they are deployed.

    The address is known at once, because the emulator must be told of it when it starts; the rest comes with
    :meth:`connect`.

    Args:
        supervisor: owns the functions' processes.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._clients: Clients | None = None
        self._telemetry: Telemetry | None = None
        self._pools: dict[str, Pool] = {}
        self._lock = threading.Lock()
        self._server = _FrontDoor(self)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="lambda-host", daemon=True).start()

    @property
    def address(self) -> str:
        """Where the emulator sends invocations of any function."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/"

    def connect(self, clients: Clients, telemetry: Telemetry) -> None:
        """Say where the functions are deployed and where their output goes."""
        self._clients = clients
        self._telemetry = telemetry

    def invoke(self, function_arn: str, payload: bytes) -> Answer:
        """Call a function, by name or ARN, qualified or not, and wait for it.

        Raises:
            NotInvokedError: it is throttled, or not deployed.
        """
        try:
            invocation = self._pool(function_arn).invoke(payload, function_arn)
        except ThrottledError as error:
            if self._telemetry is not None:
                self._telemetry.throttled(function_name(function_arn))
            raise NotInvokedError(str(error)) from None
        except (ClientError, LocalError) as error:
            raise NotInvokedError(f"{function_name(function_arn)}: {error}") from None
        return Answer(invocation.answer, invocation.error)

    def warm(self, function_arns: Sequence[str], environments: int = 1) -> None:
        """Start environments ahead of the first invocation."""
        for arn in function_arns:
            self._pool(arn).warm(environments)

    def environments(self, function_arn: str) -> list[ExecutionEnvironment]:
        """The living environments of a function."""
        return self._pool(function_arn).environments()

    def forget(self) -> None:
        """End every environment and read the configurations again at the next invocation, as after a deployment."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def close(self) -> None:
        """Stop taking invocations and end every environment."""
        self._server.shutdown()
        self._server.server_close()
        self.forget()

    def _pool(self, function_arn: str) -> Pool:
        if self._clients is None:
            raise StoppedError("the functions are not deployed yet")
        name = function_name(function_arn)
        with self._lock:
            if name not in self._pools:
                self._pools[name] = Pool(describe(self._clients, function_arn), self._create)
            return self._pools[name]

    def _create(self, config: FunctionConfig) -> ExecutionEnvironment:
        if self._clients is None or self._telemetry is None:
            raise StoppedError("the functions are not deployed yet")
        return ExecutionEnvironment(config, self._supervisor, self._clients.endpoint, self._telemetry)


def function_name(function_arn: str) -> str:
    """The bare name in an ARN, or in a name that may be qualified."""
    parts = function_arn.split(":")
    return parts[6] if parts[0] == "arn" else parts[0]


def describe(clients: Clients, function_arn: str) -> FunctionConfig:
    """What is deployed of a function, from the Lambda API.

    Raises:
        ClientError: there is no such function.
        LocalError: its image has no command, so nobody knows its handler.
    """
    api = clients["lambda"]
    name = function_name(function_arn)
    answer = api.get_function(FunctionName=function_arn)
    config = answer["Configuration"]
    command = (config.get("ImageConfigResponse") or {}).get("ImageConfig", {}).get("Command") or []
    handler = command[0] if command else config.get("Handler")
    if not handler:
        raise LocalError(f"{name} names no command for its image")
    reserved = api.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return FunctionConfig(
        arn=config["FunctionArn"],
        name=name,
        version=config.get("Version", "$LATEST"),
        handler=handler,
        memory_mb=int(config["MemorySize"]),
        timeout=float(config["Timeout"]),
        variables=(config.get("Environment") or {}).get("Variables") or {},
        concurrency=reserved,
        log_group=(config.get("LoggingConfig") or {}).get("LogGroup", ""),
    )


class _FrontDoor(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: LambdaHost) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.host = host

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _FrontDoor

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        arn = self.headers.get("X-Amzn-Lambda-Function-Arn") or self.headers.get("X-Amzn-Lambda-Function-Name") or ""
        try:
            answer = self.server.host.invoke(arn, body)
        except NotInvokedError as error:
            self._reply(429, str(error).encode())
            return
        # The emulator takes any other status than 2xx for a function error.
        self._reply(200 if answer.function_error is None else 502, answer.payload)

    def log_message(self, *_: Any) -> None:
        """The access log of a private door helps nobody."""

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
