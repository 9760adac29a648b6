"""The retrain state machine: as whom it and its jobs run, when it runs by itself, and who hears of failures."""

from __future__ import annotations

import json

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_app.images import TRAINING
from cdk_app.settings import JobLauncher
from cdk_app.stages import StageConfig
from stacks.constructs import alarms as kinds
from stacks.constructs.alarms import FIVE_MINUTES, Alarms
from stacks.constructs.job_roles import JobRole
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge
from stacks.constructs.retrain_definition import retrain_definition
from stacks.constructs.retrain_jobs import Jobs, Launcher, QueueLauncher, SageMakerLauncher
from stacks.storage import StorageStack
from stacks.tracking import TrackingStack
from training_jobs.metric_names import NAMESPACE


class TrainingStack(Stack):
    """The state machine, its jobs' roles, its schedule and its alarms.

    Attributes:
        state_machine: the retrain.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        storage: StorageStack,
        tracking: TrackingStack,
        **kwargs: object,
    ) -> None:
        """Compose the stack for a stage."""
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type]
        self._stage, self._storage, self._tracking = stage, storage, tracking
        self._jobs = self._job_role()
        self._promotion = self._promotion_role()
        self._role = self._state_machine_role()
        launcher, own = self._launcher()
        self.state_machine = self._state_machine(launcher, own)
        self._schedule()
        self._watch()
        CfnOutput(self, "RetrainArn", value=self.state_machine.state_machine_arn)

    def _job_role(self) -> JobRole:
        role = self._bare_job_role("Jobs")
        role.allow_objects(
            "ReadLabelled", ["s3:GetObject"], "data", "labelled/*", "The data set is as many files as there are"
        )
        role.allow_objects(
            "HandOver",
            ["s3:GetObject", "s3:PutObject"],
            "artefacts",
            "runs/*",
            "Every execution has a folder of its own",
        )
        return role

    def _promotion_role(self) -> JobRole:
        role = self._bare_job_role("Promotion")
        role.allow_objects(
            "Publish",
            ["s3:GetObject", "s3:PutObject"],
            "artefacts",
            "models/*",
            "Every version has a folder of its own",
        )
        role.allow("MovePointer", ["ssm:GetParameter", "ssm:PutParameter"], self._storage.champion.parameter_arn)
        return role

    def _bare_job_role(self, construct_id: str) -> JobRole:
        repository = self._storage.repositories[TRAINING.name]
        role = JobRole(self, construct_id, stage=self._stage, repository_arn=repository.repository_arn)
        role.allow("LogInToMlflow", ["secretsmanager:GetSecretValue"], self._tracking.credentials.secret_arn)
        return role

    def _state_machine_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "StateMachineRole",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description=f"Runs the retrain state machine of {self._stage.name}",
        )
        for statement in (
            iam.PolicyStatement(sid="Notify", actions=["sns:Publish"], resources=[self._storage.alarms.topic_arn]),
            iam.PolicyStatement(
                sid="EncryptNotices",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self._storage.key.key_arn],
            ),
            iam.PolicyStatement(
                sid="PublishFigures",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            ),
        ):
            role.add_to_policy(statement)
        acknowledge(
            role,
            "Tracing, log delivery and metrics know no resources to restrict them to",
            "AwsSolutions-IAM5[Resource::*]",
        )
        return role

    def _launcher(self) -> tuple[Launcher, dict[str, str]]:
        """Who runs the jobs, and what its tasks need to have substituted."""
        if self._stage.training.launcher is JobLauncher.LOCAL_QUEUE:
            return QueueLauncher(), {"JobsQueueUrl": self._jobs_queue().queue_url}
        self._allow_sagemaker()
        return SageMakerLauncher(), {}

    def _jobs_queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "JobsQueue",
            queue_name=self._stage.jobs_queue,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.hours(2),
        )
        acknowledge(queue, "The task's own timeout and retries tell of a job that nobody takes", "AwsSolutions-SQS3")
        self._role.add_to_policy(
            iam.PolicyStatement(sid="HandJobsOut", actions=["sqs:SendMessage"], resources=[queue.queue_arn])
        )
        return queue

    def _allow_sagemaker(self) -> None:
        jobs = {"training": "TrainingJob", "processing": "ProcessingJob"}
        place = f"{self.region}:{self.account}"
        for kind, name in jobs.items():
            ours = f"arn:{self.partition}:sagemaker:{place}:{kind}-job/{self._stage.stack('')}*"
            self._role.add_to_policy(
                iam.PolicyStatement(
                    sid=f"Run{name}s",
                    actions=[
                        f"sagemaker:Create{name}",
                        f"sagemaker:Describe{name}",
                        f"sagemaker:Stop{name}",
                        # Both are among what Step Functions documents for a job that it waits for.
                        "sagemaker:AddTags",
                        "sagemaker:ListTags",
                    ],
                    resources=[ours],
                )
            )
            # Step Functions hears of a job's end through a rule that it manages itself, under this name.
            rule = f"arn:{self.partition}:events:{place}:rule/StepFunctionsGetEventsForSageMaker{name}sRule"
            self._role.add_to_policy(
                iam.PolicyStatement(
                    sid=f"Await{name}s",
                    actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                    resources=[rule],
                )
            )
            account = self._stage.account or "<AWS::AccountId>"
            acknowledge(
                self._role,
                "Every job has a name of its own, which begins with the stage's",
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:sagemaker:{self.region}:{account}:"
                f"{kind}-job/{self._stage.stack('')}*]",
            )
        self._role.add_to_policy(
            iam.PolicyStatement(
                sid="PassJobRoles",
                actions=["iam:PassRole"],
                resources=[self._jobs.role_arn, self._promotion.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            )
        )

    def _state_machine(self, launcher: Launcher, own: dict[str, str]) -> sfn.StateMachine:
        definition = retrain_definition(Jobs(self._stage.training), launcher)
        return sfn.StateMachine(
            self,
            "Retrain",
            state_machine_name=self._stage.physical("retrain"),
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition)),
            definition_substitutions=self._substitutions() | own,
            role=self._role,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(
                    self, "Logs", stage=self._stage, name=f"/aws/vendedlogs/states/{self._stage.physical('retrain')}"
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )

    def _substitutions(self) -> dict[str, str]:
        """The values of ``retrain_jobs.SUBSTITUTED``."""
        storage, tracking, stage = self._storage, self._tracking, self._stage
        subnet_a, subnet_b = tracking.network.job_subnets.subnet_ids
        image = storage.repositories[TRAINING.name].repository_uri_for_tag(TRAINING.tag())
        return {
            "AlarmsTopicArn": storage.alarms.topic_arn,
            "ArtefactsBucket": stage.bucket("artefacts", self.account),
            "ChampionParameter": stage.champion_parameter,
            "DataBucket": stage.bucket("data", self.account),
            "JobRoleArn": self._jobs.role_arn,
            "JobsSecurityGroup": tracking.network.jobs.security_group_id,
            "JobsSubnetA": subnet_a,
            "JobsSubnetB": subnet_b,
            "MlflowSecretArn": tracking.credentials.secret_arn,
            "MlflowUri": tracking.uri,
            "PromotionRoleArn": self._promotion.role_arn,
            "RegisteredModel": stage.experiment,
            "Stage": stage.name,
            "TrainingImage": image,
        }

    def _schedule(self) -> None:
        if self._stage.training.schedule is None:
            return
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="Starts the retrain state machine",
        )
        scheduler.Schedule(
            self,
            "Schedule",
            schedule_name=self._stage.physical("retrain"),
            description="Retrains the model on whatever data there is by then",
            schedule=scheduler.ScheduleExpression.expression(self._stage.training.schedule),
            target=targets.StepFunctionsStartExecution(
                self.state_machine,
                input=scheduler.ScheduleTargetInput.from_object({"reason": "schedule"}),
                role=role,
                retry_attempts=3,
            ),
        )

    def _watch(self) -> None:
        alarms = Alarms(self, "Alarms", stage=self._stage, topic=self._storage.alarms)
        alarms.on("retrain", kinds.RETRAIN_FAILED, self.state_machine.metric_failed(period=FIVE_MINUTES))
        alarms.on("retrain", kinds.RETRAIN_TIMED_OUT, self.state_machine.metric_timed_out(period=FIVE_MINUTES))
