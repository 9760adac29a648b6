"""The AWS emulator (MiniStack), on the loopback interface only, with our functions routed to the Lambda host."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

from local import paths, ports
from local.errors import LocalError
from local.processes import Child, Supervisor

_START_SECONDS: Final = 60.0
_TRIES: Final = 3


def start(
    supervisor: Supervisor,
    *,
    functions: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    port: int = 0,
) -> tuple[str, Child]:
    """Start the emulator and wait until it answers.

    Args:
        supervisor: owns the process.
        functions: by name, the address that takes a function's invocations.
        settings: further variables of the emulator's environment.
        port: to listen on; 0 for any free one.

    Returns:
        Its endpoint and its process.

    Raises:
        LocalError: it is not installed, its port is taken, or it does not come up.
    """
    if not paths.MINISTACK.exists():
        raise LocalError(f"the emulator is not installed in {paths.MINISTACK.parent.parent}; run `make setup`")
    for attempt in range(_TRIES):
        chosen = ports.choose("the AWS emulator", port)
        child = _launch(supervisor, {**_routes(functions or {}), **(settings or {})}, chosen)
        endpoint = f"http://{ports.LOOPBACK}:{chosen}"
        if _comes_up(supervisor, child, endpoint):
            return endpoint, child
        child.end()
        if port or attempt == _TRIES - 1:
            break
    raise LocalError(f"the AWS emulator did not start; the end of {child.log}:\n{child.tail()}")


def _routes(functions: Mapping[str, str]) -> dict[str, str]:
    return {f"MINISTACK_LAMBDA_PROXY_{name}": address for name, address in functions.items()}


def _launch(supervisor: Supervisor, settings: Mapping[str, str], port: int) -> Child:
    return supervisor.start(
        "emulator",
        [paths.MINISTACK],
        environment={
            "BIND_HOST": ports.LOOPBACK,
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": ports.LOOPBACK,
            "LOG_LEVEL": "WARNING",
            "STATE_DIR": str(supervisor.folder / "emulator-state"),
            "S3_DATA_DIR": str(supervisor.folder / "emulator-s3"),
            "NO_PROXY": "*",
            **settings,
        },
        cwd=supervisor.folder,
        log=paths.LOGS / "emulator.log",
        disposable=True,  # it keeps everything in memory
    )


def _comes_up(supervisor: Supervisor, child: Child, endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(int(_START_SECONDS / 0.1)):
        if child.poll() is not None:
            return False
        try:
            with opener.open(f"{endpoint}/_ministack/health", timeout=2) as answer:
                return bool(json.load(answer))
        except (urllib.error.URLError, OSError, ValueError):
            supervisor.pause(0.1)
    return False
