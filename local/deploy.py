"""The real ``cdk bootstrap`` and ``cdk deploy`` of the local stage, into the emulator.

Synthesis takes most of the time and depends on files only, so its result is kept under a digest of all of them; the
deployment itself is never skipped.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local import aws, paths
from local.errors import LocalError
from local.processes import Supervisor

STAGE: Final = "local"

_SOURCES: Final = ("cdk_app", "stacks", "lambdas", "moderation", "training_jobs", "monitoring", "ingest", "tracking")
_FILES: Final = ("cdk.json", "package-lock.json", "requirements.txt", ".dockerignore")
_KEPT_RESULTS: Final = 3
_QUIET: Final = {
    "CI": "true",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "NO_COLOR": "1",
}


def missing_tools() -> list[str]:
    """What must be there before anything is started, in words."""
    missing = []
    if shutil.which("node") is None:
        missing.append("node (Node 20 or newer) is not on the PATH")
    if not paths.CDK.exists():
        missing.append(f"the CDK command line tool is not in {paths.CDK.parent}; run `make setup`")
    if not paths.MINISTACK.exists():
        missing.append(f"the AWS emulator is not in {paths.MINISTACK.parent}; run `make setup`")
    if not paths.PYTHON.exists():
        missing.append(f"the Python environment is not in {paths.PYTHON.parent}; run `make setup`")
    return missing


def synthesise(supervisor: Supervisor) -> Path:
    """The folder with the synthesised local stage, from an earlier run if nothing it is made of has changed.

    Raises:
        LocalError: synthesis failed; the message has the end of its log.
    """
    before = digest()
    target = paths.SYNTH / before
    if (target / "manifest.json").exists():
        target.touch()
        return target
    beside = supervisor.scratch("synth")
    log = paths.LOGS / "synth.log"
    command: list[str | Path] = [
        paths.CDK,
        "synth",
        "--quiet",
        "--all",
        "-c",
        f"stage={STAGE}",
        "--output",
        beside,
        *_common(),
    ]
    supervisor.run("cdk synth", command, environment={**_QUIET, **aws.environment("http://127.0.0.1:9")}, log=log)
    if digest() != before:  # somebody is editing: good for this run, but for no other
        return beside
    paths.SYNTH.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        beside.rename(target)
    _forget_old_results()
    return target


def bootstrap(supervisor: Supervisor, endpoint: str, account: str) -> None:
    """Prepare the emulated account for the CDK.

    Raises:
        LocalError: the tool failed; the message has the end of its log.
    """
    # From the run's folder, so that the tool finds no cdk.json and synthesises nothing.
    command: list[str | Path] = [paths.CDK, "bootstrap", f"aws://{account}/{aws.REGION}", *_common()]
    _cdk(supervisor, "cdk bootstrap", command, endpoint, cwd=supervisor.folder)


def deploy(supervisor: Supervisor, endpoint: str, synthesised: Path) -> None:
    """Deploy every stack of the local stage.

    Raises:
        LocalError: a stack failed; the message has the end of the tool's log.
    """
    outputs = paths.HOME / "outputs.json"
    command: list[str | Path] = [
        paths.CDK,
        "deploy",
        "--all",
        "--app",
        synthesised,
        "--require-approval",
        "never",
        "--concurrency",
        "4",
        "--outputs-file",
        outputs,
        "--method",
        "direct",
        *_common(),
    ]
    _cdk(supervisor, "cdk deploy", command, endpoint, cwd=supervisor.folder)


def digest() -> str:
    """A digest of everything that the templates are made of."""
    total = hashlib.sha256()
    for file in sorted(_files()):
        total.update(str(file.relative_to(paths.ROOT)).encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for folder in _SOURCES:
        for file in (paths.ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file
    for name in _FILES:
        if (paths.ROOT / name).is_file():
            yield paths.ROOT / name


def _common() -> list[str]:
    return ["--no-notices", "--no-color", "--progress", "events", "--version-reporting=false"]


def _cdk(supervisor: Supervisor, name: str, command: list[str | Path], endpoint: str, *, cwd: Path) -> None:
    log = paths.LOGS / f"{name.replace(' ', '-')}.log"
    try:
        supervisor.run(name, command, environment={**_QUIET, **aws.environment(endpoint)}, cwd=cwd, log=log)
    except LocalError as error:
        raise LocalError(f"{error}\n(the whole log is {log})") from None


def _forget_old_results() -> None:
    folders = sorted(paths.SYNTH.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[_KEPT_RESULTS:]:
        shutil.rmtree(folder, ignore_errors=True)
