"""The drift report as a processing job: the request, its role, and the workflow that runs it by schedule."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_app.images import MONITORING
from cdk_app.settings import JobLauncher
from cdk_app.stages import StageConfig
from monitoring.metric_names import NAMESPACE
from stacks.constructs.reasons import acknowledge, wildcard_below
from stacks.constructs.stream_archive import PREFIX
from stacks.constructs.workflow import Workflow, tell

LABELS: Final = "labels"
_MAX_RUNTIME: Final = Duration.minutes(30)
_OUTPUT: Final = "/opt/ml/processing/output"


class DriftReport(Construct):
    """A workflow of one processing job, which on failure tells the alarms' topic.

    Attributes:
        workflow: the state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        repository: ecr.IRepository,
        archive: s3.IBucket,
        artefacts: s3.IBucket,
        reports: s3.IBucket,
        champion: ssm.IStringParameter,
        topic: sns.ITopic,
        key: kms.IKey,
    ) -> None:
        """Make the workflow.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: decides who runs the job, when, and on how much data.
            repository: of the report's image.
            archive: is read.
            artefacts: hold the champion's reference.
            reports: are written to, below ``drift/``.
            champion: the pointer.
            topic: is told of failures.
            key: of the topic.
        """
        super().__init__(scope, construct_id)
        self._stage = stage
        self._stack = Stack.of(self)
        role = self._job_role(archive, artefacts, reports, champion, repository)
        request = self._request(repository, role, archive, reports, champion)
        states = {
            "Make the report": self._launch(request),
            "Tell somebody": tell(
                topic.topic_arn,
                f"{stage.name}: no drift report",
                "'The drift report failed: ' & $states.input.cause & '\nRunbook: docs/runbooks/drift-report-failed.md'",
                "Failed",
            ),
            "Failed": {"Type": "Fail", "Error": "ReportFailed", "Cause": "The processing job failed; see its log"},
        }
        self.workflow = Workflow(
            self,
            "Workflow",
            stage=stage,
            name="drift_report",
            comment="Compares what was classified with the champion's validation data",
            start="Make the report",
            states=states,
            timeout=Duration.hours(2),
            rights=self._rights(role, topic, key),
        )
        self._acknowledge()

    @property
    def machine(self) -> sfn.StateMachine:
        """The state machine."""
        return self.workflow.machine

    def _request(
        self,
        repository: ecr.IRepository,
        role: iam.IRole,
        archive: s3.IBucket,
        reports: s3.IBucket,
        champion: ssm.IStringParameter,
    ) -> dict[str, Any]:
        """The request to SageMaker; the same in every stage, whoever serves it."""
        settings = self._stage.monitoring
        when = "$substring($states.context.Execution.StartTime, 0, 10)"
        folder = f"{{% 's3://{reports.bucket_name}/drift/dt=' & {when} & '/' & $states.context.Execution.Name %}}"
        outputs = {"report": folder, "latest": f"s3://{reports.bucket_name}/drift/latest"}
        # A job's name is used once only and takes 63 letters, digits and hyphens.
        name = (
            f"{{% $substring('drift-{self._stage.name}-' & $states.context.State.RetryCount & '-' & "
            "$replace($states.context.Execution.Name, /[^a-zA-Z0-9]/, '-'), 0, 60) & 'x' %}"
        )
        return {
            "ProcessingJobName": name,
            "RoleArn": role.role_arn,
            "AppSpecification": {
                "ImageUri": repository.repository_uri_for_tag(MONITORING.tag()),
                "ContainerEntrypoint": ["python", "-m", "monitoring", "run"],
            },
            "Environment": {
                "STAGE": self._stage.name,
                "ARCHIVE_BUCKET": archive.bucket_name,
                "ARCHIVE_PREFIX": f"{PREFIX}/",
                "LABELS_PREFIX": f"{LABELS}/",
                "CHAMPION_PARAMETER": champion.parameter_name,
                "WINDOW_HOURS": f"{settings.window_hours:g}",
                "LABEL_HOURS": f"{settings.label_hours:g}",
                "MINIMUM_VERDICTS": str(settings.minimum_verdicts),
                "MINIMUM_LABELS": str(settings.minimum_labels),
                "MINIMUM_CLASS_LABELS": str(settings.minimum_class_labels),
                # Who starts it by hand may name another window.
                **{name.upper(): _given(name) for name in ("window_start", "window_end")},
                "AWS_DEFAULT_REGION": self._stage.region,
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": settings.instance, "VolumeSizeInGB": 10}
            },
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": name,
                        "S3Output": {
                            "S3Uri": address,
                            "LocalPath": f"{_OUTPUT}/{name}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for name, address in outputs.items()
                ]
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": int(_MAX_RUNTIME.to_seconds())},
        }

    def _launch(self, request: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
            "Arguments": request,
            "Output": "{% $parse($states.result.ExitMessage) %}",
            # A job that failed would fail again; only its not being taken is worth another try.
            "Retry": [
                {
                    "ErrorEquals": ["SageMaker.AmazonSageMakerException", "SageMaker.ResourceLimitExceededException"],
                    "IntervalSeconds": 60,
                    "BackoffRate": 1.5,
                    "MaxAttempts": 3,
                }
            ],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Output": {"cause": "{% $states.errorOutput.Cause %}"},
                    "Next": "Tell somebody",
                }
            ],
            "End": True,
        }
        if self._stage.training.launcher is JobLauncher.LOCAL_QUEUE:
            state["Resource"] = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
            state["Arguments"] = {
                "QueueUrl": self._local_queue_url(),
                "MessageBody": {
                    "task_token": "{% $states.context.Task.Token %}",
                    "operation": "createProcessingJob",
                    "request": request,
                },
            }
        return state

    def _local_queue_url(self) -> str:
        return f"https://sqs.{self._stage.region}.amazonaws.com/{self._stack.account}/{self._stage.jobs_queue}"

    def _job_role(
        self,
        archive: s3.IBucket,
        artefacts: s3.IBucket,
        reports: s3.IBucket,
        champion: ssm.IStringParameter,
        repository: ecr.IRepository,
    ) -> iam.Role:
        role = iam.Role(
            self,
            "JobRole",
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}}
            ),
            description="Makes drift reports",
        )
        log_groups = self._arn("logs", "log-group", "/aws/sagemaker/ProcessingJobs*", separator=":")
        statements = {
            "List": (["s3:ListBucket"], [archive.bucket_arn, artefacts.bucket_arn, reports.bucket_arn]),
            "Read": (
                ["s3:GetObject"],
                [
                    archive.arn_for_objects(f"{PREFIX}/*"),
                    archive.arn_for_objects(f"{LABELS}/*"),
                    artefacts.arn_for_objects("models/*"),
                ],
            ),
            "Write": (["s3:PutObject"], [reports.arn_for_objects("drift/*")]),
            "Champion": (["ssm:GetParameter"], [champion.parameter_arn]),
            "Log": (
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                [log_groups],
            ),
        }
        for sid, (actions, resources) in statements.items():
            role.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=resources))
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Publish",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            )
        )
        repository.grant_pull(role)
        return role

    def _rights(self, role: iam.IRole, topic: sns.ITopic, key: kms.IKey) -> list[iam.PolicyStatement]:
        tell_rights = [
            iam.PolicyStatement(sid="Tell", actions=["sns:Publish"], resources=[topic.topic_arn]),
            iam.PolicyStatement(sid="Encrypt", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]),
        ]
        if self._stage.training.launcher is JobLauncher.LOCAL_QUEUE:
            queue = self._arn("sqs", self._stage.jobs_queue)
            return [*tell_rights, iam.PolicyStatement(sid="Queue", actions=["sqs:SendMessage"], resources=[queue])]
        jobs = self._arn("sagemaker", "processing-job", f"drift-{self._stage.name}-*")
        # How Step Functions learns that a job has ended, by its documentation of `.sync`.
        rule = self._arn("events", "rule", "StepFunctionsGetEventsForSageMakerProcessingJobsRule")
        return [
            *tell_rights,
            iam.PolicyStatement(
                sid="Jobs",
                actions=[
                    "sagemaker:AddTags",
                    "sagemaker:CreateProcessingJob",
                    "sagemaker:DescribeProcessingJob",
                    "sagemaker:ListTags",
                    "sagemaker:StopProcessingJob",
                ],
                resources=[jobs],
            ),
            iam.PolicyStatement(
                sid="Hand",
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            ),
            iam.PolicyStatement(
                sid="Wait", actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"], resources=[rule]
            ),
        ]

    def _arn(self, service: str, resource: str, name: str | None = None, *, separator: str = "/") -> str:
        tail = resource if name is None else f"{resource}{separator}{name}"
        return f"arn:{self._stack.partition}:{service}:{self._stage.region}:{self._stack.account}:{tail}"

    def _acknowledge(self) -> None:
        stage = self._stage
        account = stage.account or "<AWS::AccountId>"
        start = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:"
        acknowledge(
            self,
            "Objects below prefixes of this stage's own buckets, and jobs of this workflow's own making: their names "
            "are made at run time. Metrics and registry tokens know no resources; a condition names the namespace",
            wildcard_below(stage, "archive", f"{PREFIX}/*"),
            wildcard_below(stage, "archive", f"{LABELS}/*"),
            wildcard_below(stage, "artefacts", "models/*"),
            wildcard_below(stage, "reports", "drift/*"),
            f"{start}logs:{stage.region}:{account}:log-group:/aws/sagemaker/ProcessingJobs*]",
            f"{start}sagemaker:{stage.region}:{account}:processing-job/drift-{stage.name}-*]",
            "AwsSolutions-IAM5[Resource::*]",
        )


def run_by_schedule(scope: Construct, construct_id: str, *, stage: StageConfig, machine: sfn.StateMachine) -> None:
    """Start a state machine by the stage's schedule of drift reports, if it has one."""
    if stage.monitoring.schedule is None:
        return
    role = iam.Role(
        scope,
        f"{construct_id}Role",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
        ),
        description=f"Starts {construct_id} by schedule",
    )
    machine.grant_start_execution(role)
    scheduler.CfnSchedule(
        scope,
        construct_id,
        name=stage.physical(construct_id.lower()),
        schedule_expression=stage.monitoring.schedule,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
            mode="FLEXIBLE", maximum_window_in_minutes=15
        ),
        target=scheduler.CfnSchedule.TargetProperty(arn=machine.state_machine_arn, role_arn=role.role_arn, input="{}"),
    )


def _given(name: str) -> str:
    """A field of the execution's input, or nothing."""
    return f"{{% $exists($states.input.{name}) ? $string($states.input.{name}) : '' %}}"
