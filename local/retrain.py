"""Starts the retrain state machine and checks that a champion came out of it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from local import paths
from local.display import Steps
from local.errors import LocalError
from local.executions import follow
from local.stage import LocalStage
from moderation.champion import ChampionPointer, read_pointer
from moderation.errors import ModerationError

_CHAMPION_ALIAS: Final = "champion"


@dataclass(frozen=True)
class Champion:
    """What a retraining left behind, in all three places."""

    pointer: ChampionPointer
    registry_version: str
    execution: str


def retrain(stage: LocalStage, steps: Steps, *, reason: str = "manual") -> Champion:
    """Run the state machine to its end.

    Raises:
        LocalError: the execution failed, or promoted nothing; the message says why and where to look.
        StoppedError: the stage is being stopped.
    """
    states = stage.clients["stepfunctions"]
    arn = stage.machine("retrain")
    name = f"{reason}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps({"reason": reason}))
    described = follow(stage, execution["executionArn"], steps)
    if described["status"] != "SUCCEEDED":
        raise LocalError(_failure(described))
    return _champion(stage, name, described.get("output", ""))


def _failure(described: dict[str, Any]) -> str:
    cause = described.get("cause") or described.get("error") or "no reason was given"
    return f"the retraining ended {described['status']}: {cause}\nlogs of its jobs: {paths.LOGS / 'jobs'}"


def _champion(stage: LocalStage, execution: str, output: str) -> Champion:
    value = stage.clients["ssm"].get_parameter(Name=stage.config.champion_parameter)["Parameter"]["Value"]
    try:
        pointer = read_pointer(value)
    except ModerationError as error:
        raise LocalError(f"the retraining promoted nothing ({error}); its output was {output[:300]}") from None
    bucket, _, prefix = pointer.location.removeprefix("s3://").partition("/")
    stage.clients["s3"].head_object(Bucket=bucket, Key=f"{prefix}/manifest.json")
    version = _registry_version(stage)
    if version != pointer.version:
        raise LocalError(f"the registry's champion is version {version}, the pointer's is {pointer.version}")
    return Champion(pointer, version, execution)


def _registry_version(stage: LocalStage) -> str:
    """The version that has the alias ``champion`` in the MLflow registry."""
    query = urllib.parse.urlencode({"name": stage.config.experiment, "alias": _CHAMPION_ALIAS})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for attempt in range(3):
        try:
            with opener.open(f"{stage.mlflow}/api/2.0/mlflow/registered-models/alias?{query}", timeout=10) as answer:
                return str(json.load(answer)["model_version"]["version"])
        except (urllib.error.URLError, OSError) as error:
            if attempt == 2:  # noqa: PLR2004 - the last of three
                raise LocalError(f"the MLflow registry has no champion: {error}") from None
            time.sleep(0.5)
    raise LocalError("the MLflow registry has no champion")
