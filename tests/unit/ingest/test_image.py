"""The image needs no more than it has: its requirements, and the folders that are copied into it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "ingest").rglob("*.py")
    if path.name not in {"__main__.py", "__init__.py"}
)


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages that importing modules brings into a fresh interpreter.

    What it has before is its own: some systems, Debian among them, give it a ``sitecustomize``.
    """
    script = (
        f"import sys; before = {{*sys.modules}}; import {', '.join(modules)}; "
        "print(*{name.split('.')[0] for name in sys.modules.keys() - before})"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(output.stdout.split())


def installed() -> set[str]:
    """What the requirements bring, by the names that one imports."""
    names = re.findall(r"^([\w.-]+)==", (ROOT / "ingest/requirements.txt").read_text(), re.MULTILINE)
    renamed = {"attrs": "attr", "python-dateutil": "dateutil", "typing-extensions": "typing_extensions"}
    return {renamed.get(name, name).replace("-", "_") for name in names} | {"attr", "attrs"}


def test_every_import_is_in_the_image() -> None:
    loaded = loaded_by(*MODULES) - set(sys.stdlib_module_names) - {"ingest", "moderation", "__main__"}
    compiled = {"cython_runtime"}  # has no file of its own
    assert {name for name in loaded if not name.startswith("_")} - installed() - compiled == set()


def test_a_replay_loads_no_client_of_anything() -> None:
    assert not loaded_by("ingest.wiring", "ingest.sources.replay") & {"aiohttp", "websockets", "numpy"}


def test_versions_are_those_of_the_contributors() -> None:
    pins = re.findall(r"^[\w.-]+==[\w.]+", (ROOT / "ingest/requirements.in").read_text(), re.MULTILINE)
    ours = (ROOT / "requirements.txt").read_text()
    assert [pin for pin in pins if f"\n{pin} " not in ours] == []


def test_botocores_models_of_what_is_called_stay_in_the_image() -> None:
    dockerfile = (ROOT / "ingest/Dockerfile").read_text()
    called = set(re.findall(r'_client\("(\w+)"', (ROOT / "ingest/wiring.py").read_text()))
    assert called
    assert called <= set(re.findall(r"! -name (\w+)", dockerfile))
