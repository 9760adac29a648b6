"""Functions run in the real runtime client, and every fault is reported as Lambda reports it.

Sources: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", "Troubleshoot
invocation issues in Lambda", "Using the Lambda runtime API for custom runtimes"; Lambda API, Invoke.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.lambda_host.environment import _TMP, ExecutionEnvironment, FunctionConfig
from local.lambda_host.host import function_name
from local.lambda_host.pool import Pool, ThrottledError
from local.lambda_host.runtime_api import MAX_RESPONSE_BYTES
from local.lambda_host.telemetry import embedded_metrics
from local.processes import Supervisor
from tests.waiting import wait_for

ARN = "arn:aws:lambda:us-east-1:000000000000:function:tiny:live"


class Written:
    """Takes what a function writes, in place of the telemetry."""

    xray_address = "127.0.0.1:9"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed: list[bool] = []

    def line(self, _function: str, _group: str, _stream: str, text: str) -> None:
        self.lines.append(text)

    def invoked(self, _function: str, _milliseconds: float, *, failed: bool) -> None:
        self.failed.append(failed)


Make = Callable[..., ExecutionEnvironment]


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as started:
        yield started


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def make(supervisor: Supervisor, written: Written) -> Make:
    def create(handler: str = "tests.unit.local.functions.behave", **settings: Any) -> ExecutionEnvironment:
        return ExecutionEnvironment(config(handler, **settings), supervisor, "http://127.0.0.1:9", written)  # type: ignore[arg-type]

    return create


def config(handler: str = "tests.unit.local.functions.behave", **settings: Any) -> FunctionConfig:
    values = {"memory_mb": 256, "timeout": 60.0, **settings}
    return FunctionConfig(arn=ARN, name="tiny", version="3", handler=handler, **values)


def call(environment: ExecutionEnvironment, event: Any) -> tuple[Any, str | None]:
    invocation = environment.invoke(json.dumps(event).encode(), ARN)
    return json.loads(invocation.answer), invocation.error


def test_a_function_runs_with_its_deployed_environment_and_nothing_of_ours(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONLY_IN_THE_PARENT", "secret")
    names = ["STAGE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "AWS_ENDPOINT_URL"]
    names.append("AWS_XRAY_DAEMON_ADDRESS")
    environment = make("tests.unit.local.functions.echo", variables={"STAGE": "local"})
    answer, error = call(environment, {"variables": names, "text": "ä"})
    assert error is None
    assert answer["event"]["text"] == "ä"
    assert answer["arn"] == ARN
    assert answer["variables"] == {
        "STAGE": "local",
        "AWS_LAMBDA_FUNCTION_NAME": "tiny",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",
    }
    assert answer["parent_variable"] is None
    assert 0 < answer["remaining_ms"] <= 60_000
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1", answer["trace"])


def test_an_environment_stays_warm_and_reports_each_invocation(make: Make, written: Written) -> None:
    environment = make()
    first, _ = call(environment, {"do": "nothing"})
    second, _ = call(environment, {"do": "nothing"})
    assert first == second == environment.pid
    reports = [line for line in written.lines if line.startswith("REPORT")]
    assert len(reports) == 2
    assert "Init Duration" in reports[0]
    assert "Init Duration" not in reports[1]
    assert "Memory Size: 256 MB" in reports[0]


def test_an_exception_is_a_function_error_and_the_environment_lives_on(make: Make) -> None:
    environment = make("tests.unit.local.functions.fail")
    answer, error = call(environment, {})
    assert error == "Unhandled"
    assert answer["errorType"] == "KeyError"
    assert answer["errorMessage"] == "'a reason'"
    assert environment.alive


def test_a_timeout_ends_the_process(make: Make) -> None:
    environment = make(timeout=0.5)
    environment.wait_until_ready()
    answer, error = call(environment, {"do": "sleep", "seconds": 30})
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Error: Task timed out after 0.50 seconds")
    assert not environment.alive


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
        ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "kill"}, "Runtime exited with error: signal: killed"),
    ],
)
def test_a_crash_is_reported_with_its_reason(make: Make, event: dict[str, Any], reason: str) -> None:
    environment = make()
    answer, error = call(environment, event)
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith(f"Error: {reason}")
    assert not environment.alive


def test_more_memory_than_configured_kills_the_process(make: Make) -> None:
    environment = make(memory_mb=128)
    answer, _ = call(environment, {"do": "eat", "megabytes": 300})
    assert answer["errorMessage"].endswith("signal: killed")
    assert environment.killed_for_memory


def test_a_failed_initialisation_is_the_invocations_error(make: Make) -> None:
    answer, error = call(make("tests.unit.local.broken_function.handler"), {})
    assert error == "Unhandled"
    assert answer["errorType"] == "RuntimeError"
    assert answer["errorMessage"] == "cannot start"


def test_a_handler_that_does_not_exist_is_said_so(make: Make) -> None:
    answer, _ = call(make("tests.unit.local.functions.nowhere"), {})
    assert answer["errorType"] == "Runtime.HandlerNotFound"


def test_an_answer_that_is_too_large_is_refused(make: Make) -> None:
    answer, error = call(make(), {"do": "answer", "bytes": MAX_RESPONSE_BYTES})
    assert error == "Unhandled"
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"


def test_an_environment_has_a_tmp_of_its_own_which_ends_with_it(make: Make) -> None:
    environment = make()
    assert environment._moved(f"{_TMP}/cache") == f"{environment._scratch}/cache"
    assert environment._moved(f"{_TMP}file") == f"{_TMP}file"
    folder, _ = call(environment, {"do": "write"})
    assert folder == str(environment._scratch)
    assert (Path(folder) / "left").exists()
    environment.close()
    wait_for(lambda: not Path(folder).exists())


def test_what_a_function_prints_is_taken(make: Make, written: Written) -> None:
    call(make(), {"do": "metric", "line": {"a": 1}})
    wait_for(lambda: '{"a": 1}' in written.lines)


def test_a_pool_starts_another_process_after_a_crash(make: Make) -> None:
    pool = Pool(config(), lambda settings: make(settings.handler))
    first = json.loads(pool.invoke(b'{"do": "nothing"}', ARN).answer)
    pool.invoke(b'{"do": "kill"}', ARN)
    second = json.loads(pool.invoke(b'{"do": "nothing"}', ARN).answer)
    assert first != second
    pool.close()


def test_a_pool_runs_no_more_processes_than_it_may(make: Make) -> None:
    pool = Pool(config(), lambda settings: make(settings.handler), most=2)
    event = b'{"do": "sleep", "seconds": 0.3}'
    threads = [threading.Thread(target=pool.invoke, args=(event, ARN)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pool.environments()) == 2
    pool.close()


def test_reserved_concurrency_throttles(make: Make) -> None:
    pool = Pool(config(concurrency=1), lambda settings: make(settings.handler, timeout=600.0))
    pool.warm()
    busy = threading.Thread(target=pool.invoke, args=(b'{"do": "sleep", "seconds": 300}', ARN))
    busy.start()
    wait_for(lambda: bool(pool._busy))
    with pytest.raises(ThrottledError, match="reserved concurrency of 1"):
        pool.invoke(b'{"do": "nothing"}', ARN)
    pool.close()
    busy.join()


def test_a_stopped_pool_takes_nothing_more(make: Make) -> None:
    pool = Pool(config(), lambda settings: make(settings.handler))
    pool.close()
    with pytest.raises(ThrottledError, match="being stopped"):
        pool.invoke(b"{}", ARN)


def test_names_are_read_from_arns_and_from_names() -> None:
    assert function_name(ARN) == function_name("tiny:live") == function_name("tiny") == "tiny"


def test_embedded_metrics_become_data_for_every_set_of_dimensions() -> None:
    """CloudWatch User Guide, "Specification: Embedded metric format"."""
    line = {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Cyberbullying",
                    "Dimensions": [["service", "stage"], ["service"]],
                    "Metrics": [{"Name": "Tweets", "Unit": "Count"}, {"Name": "Absent"}],
                }
            ],
        },
        "service": "classify",
        "stage": "local",
        "Tweets": [3, 4],
    }
    data = list(embedded_metrics(json.dumps(line)))
    assert [namespace for namespace, _ in data] == ["Cyberbullying", "Cyberbullying"]
    assert data[0][1] == {
        "MetricName": "Tweets",
        "Dimensions": [{"Name": "service", "Value": "classify"}, {"Name": "stage", "Value": "local"}],
        "Timestamp": 1_700_000_000.0,
        "Unit": "Count",
        "Values": [3.0, 4.0],
    }
    assert len(data[1][1]["Dimensions"]) == 1


@pytest.mark.parametrize("line", ["", "plain", "{}", '{"_aws": 1}', '{"_aws": {"Timestamp": 1}}', '{"_aws": '])
def test_other_lines_hold_no_metrics(line: str) -> None:
    assert list(embedded_metrics(line)) == []


def test_no_process_is_left(make: Make, supervisor: Supervisor) -> None:
    environment = make()
    environment.wait_until_ready()
    supervisor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(environment.pid, 0)
