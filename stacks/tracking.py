"""The network of the training jobs, and the MLflow server that remembers what they did.

Serving never calls MLflow: while this stack is away, or broken, tweets are classified all the same.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Fn, Stack
from constructs import Construct

from cdk_app.settings import ZONES
from cdk_app.stages import StageConfig
from stacks.constructs.alarms import Alarms
from stacks.constructs.mlflow_address import MlflowAddress
from stacks.constructs.mlflow_database import MlflowDatabase
from stacks.constructs.mlflow_server import MlflowServer
from stacks.constructs.network import MLFLOW_PORT, Network
from stacks.constructs.password import Password
from stacks.storage import StorageStack


class TrackingStack(Stack):
    """Network and MLflow.

    Attributes:
        network: of jobs and server.
        credentials: user name and password of MLflow's administrator, as which jobs log in.
        uri: of the tracking server, within the network.
        server: the tracking server.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, storage: StorageStack, **kwargs: object
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage = stage
        self.network = Network(self, "Network", stage=stage)
        self.credentials = Password(
            self,
            "Credentials",
            stage=stage,
            thing="mlflow",
            username="admin",
            description="Administrator of the MLflow server, as which training jobs log in",
        )
        self.uri = f"http://{stage.mlflow_host}:{MLFLOW_PORT}"
        alarms = Alarms(self, "Alarms", stage=stage, topic=storage.alarms)
        database = MlflowDatabase(self, "Database", stage=stage, network=self.network, alarms=alarms)
        self.server = MlflowServer(
            self,
            "Server",
            stage=stage,
            network=self.network,
            storage=storage,
            credentials_arn=self.credentials.secret_arn,
            database_secret_arn=database.credentials_arn,
            alarms=alarms,
        )
        self.server.node.add_dependency(database)
        MlflowAddress(self, "Address", stage=stage, network=self.network, group=self.server.group)
        CfnOutput(self, "MlflowGroupName", value=self.server.group.auto_scaling_group_name)
        CfnOutput(self, "MlflowSecretArn", value=self.credentials.secret_arn)
        CfnOutput(self, "MlflowUri", value=self.uri)

    @property
    def availability_zones(self) -> list[str]:
        """The first zones of the region, whichever they are.

        Left to itself the CDK looks their names up in the account where it knows one, and synthesis is to need neither
        an account nor a network.
        """
        return [Fn.select(index, Fn.get_azs()) for index in range(ZONES)]
