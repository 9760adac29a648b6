"""Chooses the stacks for a stage: ``cdk deploy --all -c stage=dev``, or ``python -m cdk_app`` for the default stage.

Synthesis asks nothing of AWS and nothing of Docker.
"""

from __future__ import annotations

import sys

from aws_cdk import App

from cdk_app.composition import compose
from cdk_app.stages import StageError, stage_config


def main() -> int:
    """Synthesise the templates of one stage; returns the exit code."""
    app = App()
    try:
        stage = stage_config(str(app.node.try_get_context("stage") or "dev"))
    except StageError as error:
        print(f"cdk_app: {error}. Choose one with -c stage=NAME", file=sys.stderr)
        return 2
    compose(app, stage)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
