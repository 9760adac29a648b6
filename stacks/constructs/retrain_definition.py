"""The retrain state machine in the Amazon States Language: which job after which, and what one hands to the next.

Prepare -> Candidates -> Choose -> Refit -> Evaluate -> Register -> Promote, with the challenger's figures published on
the way. A candidate that fails fails the retrain: a
choice among those that happened to survive would be no comparison. Whatever fails ends in a notice, and a model that
does not pass the gate ends in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stacks.constructs.retrain_jobs import MACRO_F1, SERVABLE, Jobs, Json, Launcher, jsonata
from training_jobs.metric_names import (
    CHALLENGER_MACRO_F1,
    CHALLENGER_PASSED,
    CHALLENGER_VERSION,
    NAMESPACE,
    SERVICE,
    Metric,
)

BASELINE: Final = "published_study"
"""The candidate that the chosen one is held against; a test holds it to ``training_jobs.trained``."""

CANDIDATES: Final = ("logistic_regression", "naive_bayes", "nearest_neighbours", "linear_svm", "stack", BASELINE)
"""What is fitted side by side; a test holds it to ``training_jobs.candidates``."""

RECALIBRATED: Final = "recalibrated"
"""The champion adapted to reviewed tweets; competes where `prepare` says that there are both."""

LONGEST_CAUSE: Final = 2_000
"""Characters of an error's cause that a notice carries."""

QUEUEING_SECONDS: Final = 1_800
"""How long a job may wait for its instance, on top of its own time."""

_BUSY: Final = {
    "ErrorEquals": [
        "SageMaker.AmazonSageMakerException",
        "SageMaker.ResourceLimitExceededException",
        "Sqs.SdkClientException",
        "Sns.SdkClientException",
    ],
    "IntervalSeconds": 20,
    "BackoffRate": 2.0,
    "MaxAttempts": 4,
    "JitterStrategy": "FULL",
}
_LOST: Final = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 10, "MaxAttempts": 1}
"""A job that fails once may have lost its machine; one that fails twice has a reason."""

_MESSAGE: Final = "$parse($states.result.ExitMessage)"


def retrain_definition(jobs: Jobs, launcher: Launcher) -> Json:
    """The whole definition.

    Args:
        jobs: makes the requests.
        launcher: runs them.
    """
    return {
        "Comment": "Retrain: prepare, compare candidates, refit the best, evaluate, register, promote",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "TimeoutSeconds": 6 * (jobs.settings.max_runtime_seconds + QUEUEING_SECONDS),
        "States": {
            "Begin": _begin(),
            **_training(jobs, launcher),
            **_release(jobs, launcher),
            **_endings(),
        },
    }


def _begin() -> Json:
    return {
        "Type": "Pass",
        "Comment": "What the input leaves out",
        "Assign": {
            "reason": jsonata("$exists($states.input.reason) ? $states.input.reason : 'manual'"),
            "dataset": jsonata(
                "$exists($states.input.dataset) ? $states.input.dataset : 's3://${DataBucket}/labelled/'"
            ),
            "seed": jsonata("$exists($states.input.seed) ? $string($states.input.seed) : '7'"),
            "run": jsonata("'s3://${ArtefactsBucket}/runs/' & $states.context.Execution.Name & '/'"),
        },
        "Next": "Prepare",
    }


def _training(jobs: Jobs, launcher: Launcher) -> Json:
    prepare = launcher.task(
        "createProcessingJob", jobs.process("prepare", inputs={"labelled": "$dataset"}, output="prepared")
    )
    fit = launcher.task("createTrainingJob", jobs.train("$states.input", refit=False))
    refit = launcher.task("createTrainingJob", jobs.train("$chosen.candidate", refit=True))
    return {
        "Prepare": _job(jobs, prepare, "Prepare", then="Candidates", assign={"prepared": jsonata(_MESSAGE)}),
        "Candidates": {
            "Type": "Map",
            "Items": jsonata(f"$append({list(CANDIDATES)}, $prepared.recalibrate = true ? ['{RECALIBRATED}'] : [])"),
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Fit",
                "States": {
                    "Fit": {
                        "Type": "Task",
                        **fit,
                        **_patience(jobs),
                        "Output": _fitted(),
                        "End": True,
                    }
                },
            },
            "Assign": {"candidates": jsonata("$states.result")},
            "Catch": _catch("Candidates"),
            "Next": "Choose",
        },
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata("$count($candidates[servable]) > 0"),
                    "Assign": {
                        "chosen": jsonata(
                            "$sort($candidates[servable], function($a, $b) { $a.macro_f1 < $b.macro_f1 })[0]"
                        )
                    },
                    "Next": "Refit",
                }
            ],
            "Assign": {"failure": _failure("Choose", "'NothingToServe'", "'No candidate can be served'")},
            "Default": "NotifyFailure",
        },
        "Refit": _job(
            jobs, refit, "Refit", then="Evaluate",
            assign={"model": jsonata("$states.result.ModelArtifacts.S3ModelArtifacts")},
        ),
    }  # fmt: skip


def _release(jobs: Jobs, launcher: Launcher) -> Json:
    prepared, model, candidate = "$run & 'prepare/prepared'", "$model", "$chosen.model"
    baseline = f"$candidates[candidate = '{BASELINE}'].model"
    evaluate = jobs.process(
        "evaluate",
        inputs={"prepared": prepared, "model": model, "candidate": candidate, "baseline": baseline},
        output="evaluation",
    )
    register = jobs.process(
        "register",
        inputs={
            "prepared": prepared,
            "model": model,
            "candidate": candidate,
            "evaluation": "$run & 'evaluate/evaluation'",
        },
    )
    promote = jobs.process(
        "promote", inputs={}, arguments=["--version", jsonata("$registered.version")], role="${PromotionRoleArn}"
    )
    operation = "createProcessingJob"
    return {
        "Evaluate": _job(
            jobs,
            launcher.task(operation, evaluate),
            "Evaluate",
            then="Publish the figures",
            assign={"evaluation": jsonata(_MESSAGE), "passed": jsonata(f"{_MESSAGE}.passed = true")},
        ),
        "Publish the figures": _publish(
            {CHALLENGER_MACRO_F1: "$number($evaluation.macro_f1)", CHALLENGER_PASSED: "$passed ? 1 : 0"},
            then="Passed?",
        ),
        "Passed?": {
            "Type": "Choice",
            "Choices": [{"Condition": jsonata("$passed"), "Next": "Register"}],
            "Default": "NotifyRejection",
        },
        "Register": _job(
            jobs,
            launcher.task(operation, register),
            "Register",
            then="Publish the version",
            assign={"registered": jsonata(_MESSAGE)},
        ),
        "Publish the version": _publish({CHALLENGER_VERSION: "$number($registered.version)"}, then="Promote"),
        "Promote": _job(
            jobs,
            launcher.task(operation, promote),
            "Promote",
            then="Done",
            assign={"promoted": jsonata(_MESSAGE)},
        ),
    }


def _endings() -> Json:
    return {
        "Done": {
            "Type": "Pass",
            "Output": {
                "outcome": "promoted",
                "champion": jsonata("$promoted"),
                "chosen": jsonata("$chosen"),
                "candidates": jsonata("$candidates"),
                "evaluation": jsonata("$evaluation"),
            },
            "End": True,
        },
        "NotifyRejection": _notice(
            "'Retrain of ${Stage}: the model did not pass'",
            "'Execution ' & $states.context.Execution.Id & ': ' & $chosen.candidate & ' is not promoted, "
            "and the champion stays. ' & $string($evaluation)",
            then="Rejected",
        ),
        "Rejected": {
            "Type": "Pass",
            "Output": {
                "outcome": "rejected",
                "chosen": jsonata("$chosen"),
                "candidates": jsonata("$candidates"),
                "evaluation": jsonata("$evaluation"),
            },
            "End": True,
        },
        "NotifyFailure": _notice(
            "'Retrain of ${Stage} failed'",
            "'Execution ' & $states.context.Execution.Id & ' failed in ' & $failure.step "
            "& ', and the champion stays. ' & $failure.error & ': ' & $failure.cause "
            "& ' Runbook: docs/runbooks/retrain-failed.md'",
            then="Failed",
        ),
        "Failed": {
            "Type": "Fail",
            "Error": jsonata("$failure.error"),
            "Cause": jsonata("$failure.step & ': ' & $failure.cause"),
        },
    }


def _job(jobs: Jobs, task: Json, step: str, *, then: str, assign: Json) -> Json:
    return {"Type": "Task", **task, **_patience(jobs), "Assign": assign, "Catch": _catch(step), "Next": then}


def _patience(jobs: Jobs) -> Json:
    return {
        "TimeoutSeconds": jobs.settings.max_runtime_seconds + QUEUEING_SECONDS,
        "Retry": [_BUSY, _LOST],
    }


def _fitted() -> Json:
    def metric(name: str) -> str:
        return f"$states.result.FinalMetricDataList[MetricName = '{name}'].Value"

    return {
        "candidate": jsonata("$states.input"),
        "macro_f1": jsonata(metric(MACRO_F1)),
        "servable": jsonata(f"{metric(SERVABLE)} = 1"),
        "model": jsonata("$states.result.ModelArtifacts.S3ModelArtifacts"),
    }


def _catch(step: str) -> list[Json]:
    error, cause = (
        f"$exists($states.errorOutput.{field}) ? $string($states.errorOutput.{field}) : 'unknown'"
        for field in ("Error", "Cause")
    )
    return [
        {"ErrorEquals": ["States.ALL"], "Assign": {"failure": _failure(step, error, cause)}, "Next": "NotifyFailure"}
    ]


def _failure(step: str, error: str, cause: str) -> Json:
    return {
        "step": step,
        "error": jsonata(error),
        "cause": jsonata(f"$substring({cause}, 0, {LONGEST_CAUSE})"),
    }


def _publish(values: Mapping[Metric, str], *, then: str) -> Json:
    """Numbers to CloudWatch. That they cannot be published must not change how the execution ends."""
    dimensions = [{"Name": "service", "Value": SERVICE}, {"Name": "stage", "Value": "${Stage}"}]
    data = [
        {"MetricName": metric.name, "Dimensions": dimensions, "Value": jsonata(value), "Unit": metric.unit}
        for metric, value in values.items()
    ]
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudwatch:putMetricData",
        "Arguments": {"Namespace": NAMESPACE, "MetricData": data},
        "TimeoutSeconds": 60,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": then}],
        "Next": then,
    }


def _notice(subject: str, message: str, *, then: str) -> Json:
    """A notice. That it cannot be sent must not change how the execution ends."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {"TopicArn": "${AlarmsTopicArn}", "Subject": jsonata(subject), "Message": jsonata(message)},
        "TimeoutSeconds": 60,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 3}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": then}],
        "Next": then,
    }
