"""Generates the dashboards' JSON, and puts it into a Grafana that is already there.

``write`` generates what is committed. ``push`` uploads it to an Amazon Managed Grafana workspace or any other Grafana,
whose service account token it takes from the environment variable GRAFANA_TOKEN.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from monitoring.dashboards.boards import BOARDS

GENERATED: Final = Path(__file__).parent / "generated"
GRAFANA: Final = "grafana"
"""The folder of Grafana's files, which holds nothing else: Grafana loads whatever lies in it."""

NATIVE: Final = "cloudwatch.json"
_TIMEOUT: Final = 30


def generated() -> dict[str, str]:
    """The JSON of every dashboard by its file's path below the generated folder."""
    from monitoring.dashboards import grafana, native  # noqa: PLC0415 - `push` needs no SDK

    return {f"{GRAFANA}/{board.name}.json": grafana.render(board) for board in BOARDS} | {NATIVE: native.render(BOARDS)}


def write(folder: Path = GENERATED) -> list[Path]:
    """Generate the files, and remove those of dashboards that are no more.

    Returns:
        The files.
    """
    (folder / GRAFANA).mkdir(parents=True, exist_ok=True)
    files = generated()
    for stale in set(folder.rglob("*.json")) - {folder / name for name in files}:
        stale.unlink()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in files]


def push(url: str, token: str, folder: Path = GENERATED) -> None:
    """Upload every Grafana dashboard, over the one of the same name.

    Args:
        url: of the Grafana, without a path.
        token: of a service account that may edit dashboards.
        folder: of the generated files.

    Raises:
        OSError: Grafana cannot be reached, or refuses.
    """
    for path in sorted((folder / GRAFANA).glob("*.json")):
        body = json.dumps({"dashboard": json.loads(path.read_text(encoding="utf-8")), "overwrite": True}).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked by main
            f"{url.rstrip('/')}/api/dashboards/db",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - see above
            print(f"uploaded {path.stem}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 if it did what it was told, 1 if Grafana refused, 2 if it was told nonsense."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.dashboards", description="The dashboards as files.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write", help="generate the committed JSON from the code")
    upload = commands.add_parser("push", help="upload the dashboards to a Grafana (token in GRAFANA_TOKEN)")
    upload.add_argument("--url", required=True, help="https://g-0123456789.grafana-workspace.us-east-1.amazonaws.com")
    options = parser.parse_args(arguments)
    actions: dict[str, Callable[[], int]] = {"write": _write, "push": lambda: _push(options.url)}
    return actions[options.command]()


def _write() -> int:
    for path in write():
        print(path, file=sys.stderr)
    return 0


def _push(url: str) -> int:
    token = os.environ.get("GRAFANA_TOKEN", "")
    if not token or not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        print("a token in GRAFANA_TOKEN and an https address are needed", file=sys.stderr)
        return 2
    try:
        push(url, token)
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        print(f"{url}: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
