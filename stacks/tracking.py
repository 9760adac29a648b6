"""The network of the training jobs, and the MLflow server that remembers what they did.

Serving never calls MLflow: while this stack is away, or broken, tweets are classified all the same.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.network import MLFLOW_PORT, Network
from stacks.constructs.reasons import acknowledge
from stacks.storage import StorageStack


class TrackingStack(Stack):
    """Network and MLflow.

    Attributes:
        network: of jobs and server.
        credentials: user name and password of MLflow's administrator, as which jobs log in.
        uri: of the tracking server, within the network.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, storage: StorageStack, **kwargs: object
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self.network = Network(self, "Network", stage=stage)
        self.credentials = self._credentials()
        self.uri = f"http://{stage.mlflow_host}:{MLFLOW_PORT}"
        CfnOutput(self, "MlflowSecretArn", value=self.credentials.secret_arn)
        CfnOutput(self, "MlflowUri", value=self.uri)

    def _credentials(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Credentials",
            secret_name=self._stage.secret("mlflow"),
            description="Administrator of the MLflow server",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"username": "admin"}',
                generate_string_key="password",
                password_length=40,
                exclude_punctuation=True,
            ),
            removal_policy=RemovalPolicy.RETAIN if self._stage.keep_data else RemovalPolicy.DESTROY,
        )
        acknowledge(
            secret,
            "The server takes a new password when it starts: to change it, put a new value and replace the instance. "
            "A function that did so by itself would need a way into the network",
            "AwsSolutions-SMG4",
        )
        return secret
