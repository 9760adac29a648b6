"""Lints the state machines of every synthesised stage: ``python scripts/lint_state_machines.py cdk.out``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.infrastructure.templates import STAGES, flat, read, resources

STATELINT = Path(sys.executable).parent / "statelint"


def findings(definition: str) -> str:
    """What statelint prints; its exit code says nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(json.loads(definition)))
        file.flush()
        done = subprocess.run([STATELINT, file.name], capture_output=True, text=True, check=False)
        return done.stdout.strip()


def main() -> int:
    """Lint them all; returns the exit code."""
    linted = failed = 0
    for stage in STAGES:
        for name, resource in resources(read(Path(sys.argv[1]) / stage), "AWS::StepFunctions::StateMachine"):
            linted += 1
            if found := findings(flat(resource["Properties"]["DefinitionString"])):
                failed += 1
                print(f"{stage}/{name}: {found}", file=sys.stderr)
    print(f"{linted} state machines, {failed} with findings")
    return 1 if failed or not linted else 0


if __name__ == "__main__":
    sys.exit(main())
