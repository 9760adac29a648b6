"""A name for the MLflow server that stays when the instance is replaced.

Whenever the group starts an instance, a small state machine writes its address into the network's private namespace. A
load balancer would cost more than the instance. The instance itself could not do it: it would need a right to change
names, and in an isolated network an endpoint to do it through. The entry belongs to the stack, so that it goes with it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_servicediscovery as discovery
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group
from stacks.constructs.network import Network
from stacks.constructs.reasons import acknowledge

TIME_TO_LIVE_SECONDS: Final = 15
ENTRY: Final = "mlflow"
NOBODY: Final = "127.0.0.1"
"""Where the name leads until the first instance has started."""


def address_definition() -> dict[str, Any]:
    """The state machine, in the Amazon States Language: find the new instance's address, enter it."""
    patience = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "BackoffRate": 2.0, "MaxAttempts": 6}]
    return {
        "Comment": "Write the address of the new MLflow server into the private namespace",
        "QueryLanguage": "JSONata",
        "StartAt": "FindAddress",
        "TimeoutSeconds": 900,
        "States": {
            "FindAddress": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:ec2:describeInstances",
                "Arguments": {"InstanceIds": ["{% $states.input.detail.EC2InstanceId %}"]},
                "Output": "{% $states.result.Reservations[0].Instances[0].PrivateIpAddress %}",
                "Retry": patience,
                "Next": "EnterAddress",
            },
            "EnterAddress": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:servicediscovery:registerInstance",
                "Arguments": {
                    "ServiceId": "${ServiceId}",
                    "InstanceId": ENTRY,
                    "Attributes": {"AWS_INSTANCE_IPV4": "{% $states.input %}"},
                },
                "Retry": patience,
                "End": True,
            },
        },
    }


class MlflowAddress(Construct):
    """The private namespace, the server's entry in it, and what keeps the entry right."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        network: Network,
        group: autoscaling.AutoScalingGroup,
    ) -> None:
        """Name the instance of a group.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: gives the names.
            network: in which they hold.
            group: of the server.
        """
        super().__init__(scope, construct_id)
        namespace = discovery.PrivateDnsNamespace(self, "Namespace", name=stage.namespace, vpc=network.vpc)
        service = namespace.create_service(
            "Service",
            name=stage.mlflow_host.partition(".")[0],
            dns_record_type=discovery.DnsRecordType.A,
            dns_ttl=Duration.seconds(TIME_TO_LIVE_SECONDS),
        )
        entry = discovery.CfnInstance(
            self,
            "Entry",
            service_id=service.service_id,
            instance_id=ENTRY,
            instance_attributes={"AWS_INSTANCE_IPV4": NOBODY},
        )
        machine = self._state_machine(stage, namespace, service)
        rule = events.Rule(
            self,
            "Launched",
            rule_name=stage.physical("mlflow_launched"),
            description="The MLflow server was started or replaced",
            event_pattern=events.EventPattern(
                source=["aws.autoscaling"],
                detail_type=["EC2 Instance Launch Successful"],
                detail={"AutoScalingGroupName": [stage.stack("mlflow")]},
            ),
            targets=[targets.SfnStateMachine(machine)],
        )
        # The first instance must not start before there is somebody to notice, nor before the entry, which would then
        # replace its address by nobody's.
        group.node.add_dependency(rule, entry)

    def _state_machine(
        self, stage: StageConfig, namespace: discovery.PrivateDnsNamespace, service: discovery.Service
    ) -> sfn.StateMachine:
        name = stage.physical("mlflow_address")
        return sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(json.dumps(address_definition())),
            definition_substitutions={"ServiceId": service.service_id},
            role=self._role(namespace, service),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", stage=stage, name=f"/aws/vendedlogs/states/{name}"),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )

    def _role(self, namespace: discovery.PrivateDnsNamespace, service: discovery.Service) -> iam.Role:
        stack = Stack.of(self)
        zone = f"arn:{stack.partition}:route53:::hostedzone/{namespace.namespace_hosted_zone_id}"
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            description="Keeps the MLflow server's address right",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Enter", actions=["servicediscovery:RegisterInstance"], resources=[service.service_arn]
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="EnterInZone",
                actions=["route53:ChangeResourceRecordSets", "route53:GetHostedZone"],
                resources=[zone],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Find", actions=["ec2:DescribeInstances", "route53:ListHostedZonesByName"], resources=["*"]
            )
        )
        acknowledge(
            role,
            "Descriptions of instances, lists of zones, tracing and log delivery know no resources to restrict them to",
            "AwsSolutions-IAM5[Resource::*]",
        )
        return role
