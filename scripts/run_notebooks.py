"""Execute the notebooks, on the sample or on the file that DATA names.

    python scripts/run_notebooks.py [--data FILE] [--seed N] [--write]

Executed copies go to out/notebooks. With --write the notebooks themselves are rewritten with their outputs, without
anything of this machine. A notebook that fails ends the run with exit code 1, its cell and its error.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

ROOT: Final = Path(__file__).parents[1]
NOTEBOOKS: Final = ROOT / "notebooks"
SECONDS_PER_CELL: Final = 1800
COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")
KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def run(notebook: NotebookNode, name: str, scratch: Path) -> None:
    """Execute a notebook in place, from the top of the checkout, and say how far it is."""
    # Sockets of files, not of a port that others on the machine could listen to.
    config = Config(KernelManager={"transport": "ipc", "connection_file": str(scratch / "kernel.json")})
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    started, done = time.monotonic(), 0

    def say(**_: object) -> None:
        nonlocal done
        done += 1
        if sys.stdout.isatty():
            print(f"\r  {name}: cell {done} of {cells}, {time.monotonic() - started:.0f} s ", end="", flush=True)

    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        config=config,
        resources={"metadata": {"path": str(ROOT)}},
        record_timing=False,
        on_cell_executed=say,
    )
    client.execute()
    print(f"\r  {name}: {cells} cells in {time.monotonic() - started:.0f} s            ", flush=True)


def without_machine(notebook: NotebookNode) -> NotebookNode:
    """The notebook without what differs from machine to machine: its kernel's name, versions and times."""
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        cell.metadata = NotebookNode()
    return notebook


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "sample" / "tweets.csv", help="labelled tweets, CSV")
    parser.add_argument("--seed", type=int, default=7, help="of everything random (%(default)s)")
    parser.add_argument("--write", action="store_true", help="rewrite the notebooks themselves, with their outputs")
    options = parser.parse_args()
    if not options.data.is_file():
        parser.error(f"there is no file {options.data}")
    out = NOTEBOOKS if options.write else ROOT / "out" / "notebooks"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:  # or the kernel leaves files in the home folder
        os.environ |= {"DATA": str(options.data.resolve()), "SEED": str(options.seed), "IPYTHONDIR": scratch}
        os.environ |= dict.fromkeys(("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"), scratch)
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            try:
                run(notebook, path.name, Path(scratch))
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                print(f"\n{path.name} failed:\n{COLOURS.sub('', str(error))}", file=sys.stderr)
                return 1
            nbformat.write(without_machine(notebook), out / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
