"""Small functions for the tests of the Lambda host. Each runs in a process of the real runtime client."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def echo(event: Any, context: Any) -> dict[str, Any]:
    return {
        "event": event,
        "pid": os.getpid(),
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "variables": {name: os.environ.get(name) for name in event.get("variables", [])},
        "parent_variable": os.environ.get("ONLY_IN_THE_PARENT"),
    }


def fail(_event: Any, _context: Any) -> None:
    raise KeyError("a reason")


def behave(event: Any, _context: Any) -> Any:
    """Do what the event says."""
    match event["do"]:
        case "sleep":
            time.sleep(event["seconds"])
        case "exit":
            sys.stdout.flush()
            os._exit(event["code"])
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "eat":
            hoard = bytearray(event["megabytes"] << 20)
            hoard[::4096] = b"x" * len(hoard[::4096])
            time.sleep(60)
        case "answer":
            return "x" * event["bytes"]
        case "write":
            (Path(os.environ["TMPDIR"]) / "left").write_text("over")
            return os.environ["TMPDIR"]
        case "metric":
            print(json.dumps(event["line"]))
    return os.getpid()
