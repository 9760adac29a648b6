"""One execution environment: a process that serves one invocation at a time, within its memory and its time.

Faults are reported as Lambda reports them (AWS Lambda Developer Guide, "Understanding the Lambda execution environment
lifecycle" and "Troubleshoot invocation issues in Lambda"); after a crash, a timeout or a failed initialisation the
process is gone, and the next invocation starts another.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import psutil

from local import aws, paths
from local.lambda_host.runtime_api import Invocation, RuntimeApi
from local.lambda_host.telemetry import Telemetry
from local.lambda_host.xray import Sampler
from local.processes import Child, Supervisor

_log = logging.getLogger(__name__)

INIT_SECONDS: Final = 10.0
"""What the initialisation may take before the first invocation; after that it counts as part of one."""

_WATCH_SECONDS: Final = 0.25
_TMP: Final = "/tmp"  # noqa: S108 - the name that functions know, not a folder that is used
_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class FunctionConfig:
    """What is deployed of a function.

    Attributes:
        arn: unqualified.
        name: of the function.
        version: that the alias points to.
        handler: ``module.function``, the image's command.
        memory_mb: the limit.
        timeout: seconds of one invocation.
        variables: the deployed environment.
        concurrency: reserved, None for none.
        log_group: in CloudWatch Logs.
    """

    arn: str
    name: str
    version: str
    handler: str
    memory_mb: int
    timeout: float
    variables: Mapping[str, str] = field(default_factory=dict)
    concurrency: int | None = None
    log_group: str = ""


class ExecutionEnvironment:
    """A process of the runtime client with its Runtime API.

    Args:
        config: of the function.
        supervisor: owns the process.
        endpoint: of the emulator.
        telemetry: gets what the process writes.
    """

    def __init__(self, config: FunctionConfig, supervisor: Supervisor, endpoint: str, telemetry: Telemetry) -> None:
        self.config = config
        self.max_memory = 0
        self.killed_for_memory = False
        self._telemetry = telemetry
        self._sampler = Sampler()
        self._log_stream = f"{time.strftime('%Y/%m/%d')}/[{config.version}]{uuid.uuid4().hex}"
        self._scratch = supervisor.scratch(config.name)
        self._api = RuntimeApi()
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._current: Invocation | None = None
        self._reported_init = False
        try:
            self._child = supervisor.start(
                config.name,
                [paths.PYTHON, "-m", "awslambdaric", config.handler],
                environment=self._environment(endpoint),
                piped=True,
                disposable=True,  # a function must survive that on Lambda, too
            )
        except BaseException:
            self._api.close()
            raise
        threading.Thread(target=self._read_output, name=f"{config.name}-output", daemon=True).start()
        threading.Thread(target=self._watch_memory, name=f"{config.name}-memory", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can take an invocation."""
        return not self._ended.is_set()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def wait_until_ready(self, seconds: float = INIT_SECONDS) -> bool:
        """Wait for the end of the initialisation; whether it ended well in time."""
        deadline = time.monotonic() + seconds
        while not self._api.ready.wait(0.02):
            if not self.alive or time.monotonic() > deadline:
                return False
        return True

    def invoke(self, payload: bytes, function_arn: str) -> Invocation:
        """Serve one invocation; the environment must not be shared meanwhile. It may be dead afterwards."""
        ready = self.wait_until_ready()
        init = time.monotonic() - self._started
        timeout = self.config.timeout
        invocation = Invocation(
            request_id=str(uuid.uuid4()),
            payload=payload,
            function_arn=function_arn,
            deadline_ms=int((time.time() + timeout) * 1000),
            trace_id=self._sampler.trace_header(),
        )
        self._write(f"START RequestId: {invocation.request_id} Version: {self.config.version}")
        started = time.monotonic()
        with self._lock:
            self._current = invocation
        self._api.submit(invocation)
        if not self.alive:
            self._fail_because_ended(invocation)
        if not invocation.done.wait(timeout):
            invocation.fail(
                "Sandbox.Timedout",
                f"RequestId: {invocation.request_id} Error: Task timed out after {timeout:.2f} seconds",
            )
            self._write(f"{invocation.request_id} Task timed out after {timeout:.2f} seconds")
            self.close()
        with self._lock:
            self._current = None
        self._report(invocation, time.monotonic() - started, init if ready else None)
        return invocation

    def close(self) -> None:
        """End the process and free what it had."""
        self._child.signal(signal.SIGKILL)
        self._child.end(grace=1.0)
        self._ended.wait(2.0)

    def _environment(self, endpoint: str) -> dict[str, str]:
        config = self.config
        return {
            "TMPDIR": str(self._scratch),
            **{name: self._moved(value) for name, value in config.variables.items()},
            **aws.environment(endpoint),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_XRAY_DAEMON_ADDRESS": self._telemetry.xray_address,
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_VERSION": config.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": config.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log_stream,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(paths.ROOT),
            "_HANDLER": config.handler,
            "TZ": ":UTC",
            # The images have one virtual CPU's share or less of numerical threads to gain from.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _moved(self, value: str) -> str:
        """A value that leads below ``/tmp``, of which every environment on Lambda has its own, moved to ours."""
        return f"{self._scratch}{value.removeprefix(_TMP)}" if value.startswith(f"{_TMP}/") else value

    def _read_output(self) -> None:
        output = self._child.stdout
        if output is None:
            raise RuntimeError("the process was not started with a pipe")
        for line in output:
            self._write(line.decode(errors="replace").rstrip("\n"))
        output.close()
        self._child.wait()
        self._after_end()

    def _after_end(self) -> None:
        self._ended.set()
        with self._lock:
            current = self._current
        if current is not None:
            self._fail_because_ended(current)
        self._api.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _fail_because_ended(self, invocation: Invocation) -> None:
        body = self._api.init_error
        if body is not None:
            invocation.fail("Runtime.Unknown", "", body)
            return
        reason = f"RequestId: {invocation.request_id} Error: {exit_reason(self._child)}"
        invocation.fail("Runtime.ExitError", reason)
        self._write(reason)

    def _watch_memory(self) -> None:
        """Kill the process when it takes more memory than the function has, as the kernel would."""
        process = psutil.Process(self._child.pid) if self._child.poll() is None else None
        while process is not None and not self._ended.wait(_WATCH_SECONDS):
            try:
                used = process.memory_info().rss
            except psutil.Error:
                return
            self.max_memory = max(self.max_memory, used)
            if used > self.config.memory_mb * _MEGABYTE:
                self.killed_for_memory = True
                self._child.signal(signal.SIGKILL)
                return

    def _report(self, invocation: Invocation, seconds: float, init: float | None) -> None:
        milliseconds = seconds * 1000
        report = (
            f"REPORT RequestId: {invocation.request_id}\tDuration: {milliseconds:.2f} ms"
            f"\tMemory Size: {self.config.memory_mb} MB\tMax Memory Used: {self.max_memory // _MEGABYTE} MB"
        )
        if init is not None and not self._reported_init:
            report += f"\tInit Duration: {init * 1000:.2f} ms"
        self._reported_init = True
        self._write(f"END RequestId: {invocation.request_id}")
        self._write(report)
        self._telemetry.invoked(self.config.name, milliseconds, failed=invocation.error is not None)

    def _write(self, line: str) -> None:
        self._telemetry.line(self.config.name, self.config.log_group, self._log_stream, line)


def exit_reason(child: Child) -> str:
    """Why a process ended, in Lambda's words."""
    code = child.poll()
    if code is None or code == 0:
        return "Runtime exited without providing a reason"
    if code < 0:
        name = "killed" if code == -signal.SIGKILL else signal.strsignal(-code) or str(-code)
        return f"Runtime exited with error: signal: {name.lower()}"
    return f"Runtime exited with error: exit status {code}"


def error_type(answer: bytes) -> str:
    """The ``errorType`` of a failed invocation's answer, for messages."""
    try:
        return str(json.loads(answer).get("errorType", "Unknown"))
    except (ValueError, AttributeError):
        return "Unknown"
