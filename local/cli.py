"""The commands of ``python -m local``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from local import aws, background, live, paths, traces
from local.demo import run
from local.display import Display
from local.errors import LocalError, StoppedError
from local.processes import Supervisor
from local.stage import LocalStage, Ports

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 for a failure, 130 when it was interrupted."""
    options = _parser().parse_args(arguments)
    _isolate()
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1


def _demo(options: argparse.Namespace) -> int:
    with background.only_one():
        code = _watched(options, lambda _stage: None, lasting=False)
    if code == 0:
        print("Everything is stopped again. `make up` does the same and keeps it running, MLflow included.")
    return code


def _serve(options: argparse.Namespace) -> int:
    """The process behind ``up``: the same as ``demo``, and then waits to be told to stop."""
    with background.only_one():
        return _watched(options, lambda stage: background.serve(stage, options.ready), lasting=True)


def _up(options: argparse.Namespace) -> int:
    return background.up(["--data", str(options.data), *_optional(options)])


def _status(_options: argparse.Namespace) -> int:
    return background.status(Display())


def _traces(options: argparse.Namespace) -> int:
    return traces.run(Display().console, options.tweet)


def _down(options: argparse.Namespace) -> int:
    return background.down(quiet=options.quiet)


def _watched(options: argparse.Namespace, afterwards: Callable[[LocalStage], None], *, lasting: bool) -> int:
    """Do the work in a thread, while this one waits for its end or for a signal, and clears up after either.

    Signals only ever set an event, so nothing is interrupted half-way: the supervisor is closed, which ends every
    process, and the work ends with what it was waiting for.
    """
    stop = threading.Event()
    result: list[BaseException] = []

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in _SIGNALS:
        signal.signal(number, on_signal)
    display = Display()
    with Supervisor() as supervisor:

        def work() -> None:
            try:
                stage = run(
                    supervisor,
                    display,
                    options.data,
                    options.tweets,
                    _ports(options),
                    source=_source(options),
                    lasting=lasting,
                )
                afterwards(stage)
                stage.stop()
            except BaseException as error:
                result.append(error)
            finally:
                stop.set()

        worker = threading.Thread(target=work, name="work", daemon=True)
        worker.start()
        while worker.is_alive() and not stop.wait(0.5):
            pass
        interrupted = worker.is_alive() and not _ends_soon(worker)
        if interrupted:
            display.say("\nStopping; everything that was started is being ended.")
        supervisor.close()
        worker.join(10.0)
    return _exit_code(result, interrupted=interrupted)


def _ends_soon(worker: threading.Thread) -> bool:
    """Whether the work set the event itself, as the last thing it does."""
    worker.join(0.2)
    return not worker.is_alive()


def _exit_code(result: list[BaseException], *, interrupted: bool) -> int:
    if interrupted or any(isinstance(error, StoppedError) for error in result):
        return _INTERRUPTED
    for error in result:
        if isinstance(error, LocalError):
            print(f"local: {error}", file=sys.stderr)
        else:
            logging.getLogger("local").error("the local stage failed", exc_info=error)
        return 1
    return 0


def _isolate() -> None:
    """Keep a person's own AWS settings and proxies out of this process."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(aws.environment("http://127.0.0.1:9"))
    del os.environ["AWS_ENDPOINT_URL"]
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=paths.HOME / "local.log",
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)


def _source(options: argparse.Namespace) -> live.Source | None:
    return live.Source(options.source, options.file, options.budget) if options.source else None


def _ports(options: argparse.Namespace) -> Ports:
    return Ports(emulator=options.emulator_port, mlflow=options.mlflow_port)


def _optional(options: argparse.Namespace) -> list[str]:
    pairs = [
        ("--tweets", options.tweets),
        ("--source", options.source),
        ("--file", options.file),
        ("--budget", options.budget),
        ("--emulator-port", options.emulator_port),
        ("--mlflow-port", options.mlflow_port),
    ]
    return [part for name, value in pairs if value for part in (name, str(value))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Run the whole project on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, command, text in (
        ("demo", _demo, "deploy, train, replay, sum up, and stop"),
        ("up", _up, "the same, and keep it running in the background"),
        ("serve", _serve, "what `up` runs in the background"),
    ):
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(command=command)
        sub.add_argument(
            "--data", type=Path, default=paths.ROOT / "sample" / "tweets.csv", help="labelled tweets (CSV)"
        )
        sub.add_argument("--tweets", type=int, help="how many tweets to hold out and replay")
        sub.add_argument("--source", help=f"read real tweets, too: {', '.join(live.NAMES)}")
        sub.add_argument("--file", type=Path, help="what --source replay reads (CSV or JSONL)")
        sub.add_argument("--budget", type=float, default=0.0, help="most US dollars a day for a source of X")
        sub.add_argument("--emulator-port", type=int, default=0, help="of the AWS emulator (any free one)")
        sub.add_argument("--mlflow-port", type=int, default=0, help="of the MLflow server (any free one)")
        sub.add_argument("--ready", type=int, default=-1, help=argparse.SUPPRESS)
    status = commands.add_parser("status", help="say what is running")
    status.set_defaults(command=_status)
    ways = commands.add_parser("traces", help="show the way of the tweets that were traced, from put to warning")
    ways.set_defaults(command=_traces)
    ways.add_argument("--tweet", metavar="ID", help="show this one (otherwise the latest)")
    down = commands.add_parser("down", help="stop what `up` started")
    down.set_defaults(command=_down)
    down.add_argument("--quiet", action="store_true", help="say nothing if nothing runs")
    return parser
