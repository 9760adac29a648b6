"""A small state machine: definition, role, log group and traces, as all of ours have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge


class Workflow(Construct):
    """A standard state machine whose definition is written out as data.

    Attributes:
        machine: the state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        name: str,
        comment: str,
        start: str,
        states: Mapping[str, Mapping[str, Any]],
        timeout: Duration,
        rights: list[iam.PolicyStatement],
    ) -> None:
        """Make the state machine.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: part of the name.
            name: of the state machine.
            comment: what it is for; shown in the console.
            start: name of the first state.
            states: by name, in JSONata; may hold CDK tokens.
            timeout: of an execution.
            rights: of the state machine.
        """
        super().__init__(scope, construct_id)
        logs = log_group(self, "Logs", stage=stage, name=f"/aws/vendedlogs/states/{stage.physical(name)}")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            description=f"Runs {stage.physical(name)}",
        )
        definition = {"Comment": comment, "QueryLanguage": "JSONata", "StartAt": start, "States": states}
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=stage.physical(name),
            comment=comment,
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition)),
            role=role,
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=logs, level=sfn.LogLevel.ALL, include_execution_data=False),
        )
        for statement in rights:
            self.machine.add_to_role_policy(statement)
        acknowledge(
            role,
            "X-Ray and the delivery of logs know no resources to restrict their actions to",
            "AwsSolutions-IAM5[Resource::*]",
        )


def tell(topic_arn: str, subject: str, message: str, then: str) -> dict[str, Any]:
    """A state that tells the alarms' topic of a failure.

    Args:
        topic_arn: of the topic.
        subject: at most 100 characters.
        message: a JSONata expression without its braces; ``$states.input`` is what the failed state's Catch put out.
        then: the next state.
    """
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {"TopicArn": topic_arn, "Subject": subject, "Message": f"{{% {message} %}}"},
        "Next": then,
    }
