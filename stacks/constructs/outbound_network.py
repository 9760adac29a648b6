"""A network from which one can go out, and into which nobody can come."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_app.settings import ZONES
from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge

CIDR: Final = "10.64.16.0/24"


class OutboundNetwork(Construct):
    """Public subnets without a NAT gateway, and a group that lets nothing in.

    What runs here has a public address because that is how one goes out of a network without a NAT gateway, which
    would cost more than what it serves. The table of checkpoints is reached through a gateway endpoint, which is free.

    Attributes:
        vpc: the network.
        group: lets HTTPS out, and nothing in.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig, name: str) -> None:
        """Make the network.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose network it is.
            name: what it is for; part of its name.
        """
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=stage.stack(name),
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=ZONES,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=27, map_public_ip_on_launch=False
                )
            ],
            gateway_endpoints={
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
            },
        )
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=self.vpc, description=f"{name}: nothing comes in", allow_all_outbound=False
        )
        self.group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "The source, and services of AWS")
        self._log(stage, name)

    def _log(self, stage: StageConfig, name: str) -> None:
        if stage.flow_logs:
            self.vpc.add_flow_log(
                "Traffic",
                destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                    log_group(self, "TrafficLogs", stage=stage, name=f"/cyberbullying/{stage.name}/{name}-network")
                ),
                traffic_type=ec2.FlowLogTrafficType.REJECT,
            )
        else:
            acknowledge(self.vpc, "This stage logs no traffic", "AwsSolutions-VPC7")
