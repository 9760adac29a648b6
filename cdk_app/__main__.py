"""Chooses the stacks for a stage: ``cdk deploy --all -c stage=dev``, or ``python -m cdk_app -c stage=dev``.

Synthesis asks nothing of AWS and nothing of Docker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from aws_cdk import App

from cdk_app.composition import compose
from cdk_app.context import app_settings
from cdk_app.settings import StageError
from cdk_app.stages import stage_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Synthesise the templates of one stage; returns the exit code."""
    app = App(**app_settings(sys.argv[1:] if arguments is None else arguments, os.environ))
    try:
        stage = stage_config(str(app.node.get_context("stage")))
    except StageError as error:
        print(f"cdk_app: {error}. Choose one with -c stage=NAME", file=sys.stderr)
        return 2
    compose(app, stage)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
