"""Where the local stage keeps what it makes: everything below ``.local`` in the checkout, nothing anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout."""

HOME: Final = ROOT / ".local"
LOGS: Final = HOME / "logs"
REPORT: Final = HOME / "report"
MLFLOW: Final = HOME / "mlflow"
SYNTH: Final = HOME / "synth"
STATE: Final = HOME / "stage.json"

PYTHON: Final = ROOT / ".venv" / "bin" / "python"
MINISTACK: Final = HOME / "ministack" / "bin" / "ministack"
CDK: Final = ROOT / "node_modules" / ".bin" / "cdk"
