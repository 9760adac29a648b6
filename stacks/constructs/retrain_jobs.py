"""The jobs of a retrain as requests to SageMaker, and the two ways to launch them.

A request is the same in every stage, to the letter; what differs is who runs it. Plain dictionaries of the Amazon
States Language in JSONata, without the CDK: values that only a deployment knows stand as ``${Name}`` and are
substituted by CloudFormation (see :data:`SUBSTITUTED`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from cdk_app.settings import TrainingSettings
from cdk_app.stages import PRODUCT

Json = dict[str, Any]

SUBSTITUTED: Final = (
    "AlarmsTopicArn",
    "ArtefactsBucket",
    "ChampionParameter",
    "DataBucket",
    "JobRoleArn",
    "JobsSecurityGroup",
    "JobsSubnetA",
    "JobsSubnetB",
    "MlflowSecretArn",
    "MlflowUri",
    "PromotionRoleArn",
    "RegisteredModel",
    "Stage",
    "TrainingImage",
)
"""Names that the definition leaves for the deployment to fill in; a launcher may add its own."""

RUN_FOLDER: Final = "s3://${ArtefactsBucket}/runs/"
DISK_GB: Final = 30
PROCESSING: Final = "/opt/ml/processing"
MACRO_F1: Final = "validation:macro_f1"
SERVABLE: Final = "servable"


def jsonata(expression: str) -> str:
    """An expression, marked as one."""
    return f"{{% {expression} %}}"


class Launcher(Protocol):
    """Runs a request and hands back what SageMaker's describe call says of the finished job."""

    def task(self, operation: str, request: Json) -> Json:
        """The ``Resource`` and ``Arguments`` of the state.

        Args:
            operation: ``createTrainingJob`` or ``createProcessingJob``.
            request: of that operation.
        """


@dataclass(frozen=True)
class SageMakerLauncher:
    """Step Functions starts the job and waits for its end."""

    def task(self, operation: str, request: Json) -> Json:
        """See :class:`Launcher`."""
        return {"Resource": f"arn:aws:states:::sagemaker:{operation}.sync", "Arguments": request}


@dataclass(frozen=True)
class QueueLauncher:
    """A worker takes the job from the queue ``${JobsQueueUrl}`` and reports its end with the task's token."""

    def task(self, operation: str, request: Json) -> Json:
        """See :class:`Launcher`."""
        return {
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {
                "QueueUrl": "${JobsQueueUrl}",
                "MessageBody": {
                    "task_token": jsonata("$states.context.Task.Token"),
                    "operation": operation,
                    "request": request,
                },
            },
        }


@dataclass(frozen=True)
class Jobs:
    """Makes the requests of a stage's jobs.

    Attributes:
        settings: instance types and the longest time a job may take.
    """

    settings: TrainingSettings

    def train(self, candidate: str, *, refit: bool) -> Json:
        """A training job.

        Args:
            candidate: JSONata that gives the candidate's name.
            refit: on everything, instead of without the validation fold.
        """
        step = "'refit'" if refit else candidate
        return {
            "TrainingJobName": _job_name(step),
            "RoleArn": "${JobRoleArn}",
            "AlgorithmSpecification": {
                "TrainingImage": "${TrainingImage}",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python", "-m", "training_jobs.train"],
                # What a job prints in this form, Step Functions reads in its result.
                "MetricDefinitions": [
                    {"Name": MACRO_F1, "Regex": f"{MACRO_F1}=([0-9.]+)"},
                    {"Name": SERVABLE, "Regex": f"{SERVABLE}=([01])"},
                ],
            },
            "HyperParameters": {
                "candidate": jsonata(candidate),
                "refit": "true" if refit else "false",
                "seed": jsonata("$seed"),
            },
            "InputDataConfig": [
                {
                    "ChannelName": "prepared",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": jsonata("$run & 'prepare/prepared'"),
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": jsonata("$run & 'train'")},
            "ResourceConfig": {
                "InstanceType": self.settings.training_instance,
                "InstanceCount": 1,
                "VolumeSizeInGB": DISK_GB,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self.settings.max_runtime_seconds},
            "VpcConfig": _network(),
            "Environment": _environment(),
            "Tags": _tags(),
        }

    def process(
        self,
        step: str,
        *,
        inputs: dict[str, str],
        output: str | None = None,
        arguments: list[str] | None = None,
        role: str = "${JobRoleArn}",
    ) -> Json:
        """A processing job.

        Args:
            step: the module below ``training_jobs``.
            inputs: by name, JSONata that gives the S3 address.
            output: name of what it writes, if it writes anything.
            arguments: of the module.
            role: that it runs as.
        """
        request: Json = {
            "ProcessingJobName": _job_name(f"'{step}'"),
            "RoleArn": role,
            "AppSpecification": {
                "ImageUri": "${TrainingImage}",
                "ContainerEntrypoint": ["python", "-m", f"training_jobs.{step}"],
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": self.settings.processing_instance,
                    "InstanceCount": 1,
                    "VolumeSizeInGB": DISK_GB,
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self.settings.max_runtime_seconds},
            "NetworkConfig": {"EnableNetworkIsolation": False, "VpcConfig": _network()},
            "Environment": _environment(),
            "Tags": _tags(),
        }
        if inputs:
            request["ProcessingInputs"] = [_input(name, address) for name, address in inputs.items()]
        if output:
            request["ProcessingOutputConfig"] = {"Outputs": [_output(step, output)]}
        if arguments:
            request["AppSpecification"]["ContainerArguments"] = arguments
        return request


def _job_name(step: str) -> str:
    """A name of its own for every attempt: a retry may not reuse the name of the job that failed."""
    return jsonata(f"'{PRODUCT}-${{Stage}}-' & $replace({step}, '_', '-') & '-' & $substring($uuid(), 0, 8)")


def _input(name: str, address: str) -> Json:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": jsonata(address),
            "LocalPath": f"{PROCESSING}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _output(step: str, name: str) -> Json:
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": jsonata(f"$run & '{step}/{name}'"),
            "LocalPath": f"{PROCESSING}/output/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


def _network() -> Json:
    return {"SecurityGroupIds": ["${JobsSecurityGroup}"], "Subnets": ["${JobsSubnetA}", "${JobsSubnetB}"]}


def _environment() -> Json:
    return {
        "STAGE": "${Stage}",
        "MLFLOW_TRACKING_URI": "${MlflowUri}",
        "MLFLOW_SECRET_ARN": "${MlflowSecretArn}",
        "MLFLOW_EXPERIMENT_NAME": "${RegisteredModel}",
        "REGISTERED_MODEL": "${RegisteredModel}",
        "RETRAIN_EXECUTION": jsonata("$states.context.Execution.Name"),
        "RETRAIN_REASON": jsonata("$reason"),
        "CHAMPION_PARAMETER": "${ChampionParameter}",
        "ARTEFACTS_BUCKET": "${ArtefactsBucket}",
    }


def _tags() -> list[Json]:
    return [{"Key": "project", "Value": PRODUCT}, {"Key": "stage", "Value": "${Stage}"}]
