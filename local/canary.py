"""The canary of ``make canary``, sent through the local stage in the course of a demonstration."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_app.canary import Canary, CanaryError, Clients, NotPassedError, Patience
from local.display import Steps
from local.errors import LocalError
from local.stage import LocalStage

_POLL_SECONDS: Final = 0.2


def send(stage: LocalStage, steps: Steps) -> None:
    """Send a harmless tweet through the stage and follow it.

    A champion of whatever data a person brings may find harm in it; that is shown, and is no fault of the stage.

    Raises:
        LocalError: the stage did something wrong.
    """
    clients = stage.clients
    canary = Canary(
        stage.config,
        Clients(clients["kinesis"], clients["cloudwatch"], clients["dynamodb"], clients["ssm"]),
        Patience(poll=_POLL_SECONDS, sleep=stage.supervisor.pause),
        say=lambda _line: None,
    )
    with steps.step("Canary") as step:
        try:
            sighting = canary.fly()
        except NotPassedError as error:
            step.note = str(error)
        except (CanaryError, ClientError, BotoCoreError) as error:
            raise LocalError(f"the canary did not come through: {error}") from error
        else:
            step.note = (
                f"verdict after {sighting.verdict_seconds:.1f} s, metrics after {sighting.metrics_seconds:.1f} s, "
                "no effects"
            )
