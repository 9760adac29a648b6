"""The app's context when something else than the CDK's command line starts it: ``cdk.json``, then ``-c key=value``.

The command line merges both itself and hands them over in the environment; then there is nothing to do here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cdk_app.images import ROOT

HANDED_OVER: Final = "CDK_CONTEXT_JSON"
OUTPUT: Final = "CDK_OUTDIR"
CONTEXT_FILE: Final = ROOT / "cdk.json"


def app_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """What the app is to be made with.

    Args:
        arguments: ``-c key=value``, any number of times.
        environment: in which the CDK's command line leaves what it merged.

    Returns:
        Keyword arguments of ``aws_cdk.App``; without the command line the templates go into a folder of their stage,
        below the one that ``cdk.json`` names.
    """
    parser = argparse.ArgumentParser(prog="python -m cdk_app", description="Synthesise the stacks of a stage.")
    parser.add_argument("-c", "--context", action="append", default=[], type=_pair, metavar="KEY=VALUE")
    given = dict(parser.parse_args(arguments).context)
    if HANDED_OVER in environment:
        return {"context": given} if given else {}
    settings = json.loads(CONTEXT_FILE.read_text())
    context = settings["context"] | given
    if OUTPUT in environment:
        return {"context": context}
    return {"context": context, "outdir": str(ROOT / settings["output"] / context["stage"])}


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value
