"""What a job is told through its environment: the stage, the execution it belongs to, and where to write what.

The state machine sets the same variables in every stage; without them (on a laptop, in a test) a job runs all the
same and tracks nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from training_jobs.errors import InputError


@dataclass(frozen=True)
class JobEnvironment:
    """The typed form of a job's environment variables, which are the fields' names in upper case.

    Attributes:
        stage: the deployment stage.
        mlflow_tracking_uri: of the tracking server; empty for none.
        mlflow_experiment_name: under which runs are kept.
        mlflow_secret_arn: the secret with the tracking server's user name and password; empty for none.
        retrain_execution: the state machine's execution.
        retrain_reason: why it was started.
        registered_model: the model's name in the registry.
        champion_parameter: the parameter that holds the champion pointer.
        artefacts_bucket: where promoted models lie.
    """

    stage: str = "local"
    mlflow_tracking_uri: str = ""
    mlflow_experiment_name: str = "cyberbullying-local"
    mlflow_secret_arn: str = ""
    retrain_execution: str = "by-hand"
    retrain_reason: str = "manual"
    registered_model: str = "cyberbullying-local"
    champion_parameter: str = ""
    artefacts_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> JobEnvironment:
        """Read the variables that are set; the others keep their defaults, which follow the stage."""
        variables = os.environ if environment is None else environment
        stage = variables.get("STAGE", "local")
        values = {"mlflow_experiment_name": f"cyberbullying-{stage}", "registered_model": f"cyberbullying-{stage}"}
        values |= {
            field: variables[field.upper()] for field in cls.__dataclass_fields__ if variables.get(field.upper())
        }
        return cls(**values)

    def require(self, *fields: str) -> None:
        """Fail at once, and with the variable's name, over settings that a job cannot do without.

        Raises:
            InputError: one is not set.
        """
        missing = [field.upper() for field in fields if not getattr(self, field)]
        if missing:
            raise InputError(f"the environment lacks {', '.join(missing)}")
