"""The network of the training jobs and the MLflow server: no NAT gateway, and nothing is let in from outside."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_app.settings import ZONES
from cdk_app.stages import StageConfig
from stacks.constructs.log_group import log_group
from stacks.constructs.reasons import acknowledge

CIDR: Final = "10.64.0.0/20"
MLFLOW_PORT: Final = 5000
HTTPS: Final = ec2.Port.tcp(443)
ISOLATED: Final = ec2.SubnetType.PRIVATE_ISOLATED


class Network(Construct):
    """A network of isolated subnets, and of public ones where the server may go out by itself.

    Jobs sit in isolated subnets: they reach S3 through the gateway endpoint, a few services through interface
    endpoints, and the MLflow server; nothing else. A NAT gateway would cost more than everything else together.

    Attributes:
        vpc: the network.
        job_subnets: where jobs run.
        server_subnets: where the MLflow server runs.
        jobs: security group of the jobs.
        server: security group of the MLflow server.
        database: security group of its database.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        """Make the network of a stage."""
        super().__init__(scope, construct_id)
        self._settings = stage.tracking
        self.vpc = self._vpc(stage)
        self.job_subnets = self.vpc.select_subnets(subnet_type=ISOLATED)
        self.server_subnets = (
            self.job_subnets if self._settings.private else self.vpc.select_subnets(subnet_type=ec2.SubnetType.PUBLIC)
        )
        self.jobs = self._group("Jobs", "Training jobs: nothing comes in")
        self.server = self._group("Server", "MLflow server: from the jobs only")
        self.database = self._group("Database", "MLflow database: from the server only")
        self._rules()
        self._endpoints()

    def _vpc(self, stage: StageConfig) -> ec2.Vpc:
        subnets = [ec2.SubnetConfiguration(name="isolated", subnet_type=ISOLATED, cidr_mask=24)]
        if not self._settings.private:
            subnets.append(
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=True
                )
            )
        vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=stage.stack("network"),
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=ZONES,
            nat_gateways=0,
            subnet_configuration=subnets,
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )
        if stage.flow_logs:
            vpc.add_flow_log(
                "Traffic",
                destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                    log_group(self, "TrafficLogs", stage=stage, name=f"/cyberbullying/{stage.name}/network")
                ),
                traffic_type=ec2.FlowLogTrafficType.REJECT,
            )
        else:
            acknowledge(vpc, "There is no traffic: this network only exists in an emulator", "AwsSolutions-VPC7")
        return vpc

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False)

    def _rules(self) -> None:
        """Who may talk to whom; replies need no rule.

        Peers are named by their group's id, which keeps each rule within its group instead of a resource of its own.
        """
        anywhere = ec2.Peer.any_ipv4()
        network = ec2.Peer.ipv4(CIDR)
        mlflow, postgres = ec2.Port.tcp(MLFLOW_PORT), ec2.Port.POSTGRES
        self.jobs.add_egress_rule(anywhere, HTTPS, "S3 through its gateway, services through their endpoints")
        self.jobs.add_egress_rule(network, mlflow, "MLflow")
        self.server.add_ingress_rule(ec2.Peer.security_group_id(self.jobs.security_group_id), mlflow, "Training jobs")
        self.server.add_egress_rule(anywhere, HTTPS, "Packages, image, secrets, artefacts, Session Manager")
        self.server.add_egress_rule(network, postgres, "Its database")
        self.database.add_ingress_rule(
            ec2.Peer.security_group_id(self.server.security_group_id), postgres, "MLflow server"
        )

    def _endpoints(self) -> None:
        group = self._group("Endpoints", "Interface endpoints: from the network only")
        group.add_ingress_rule(ec2.Peer.ipv4(CIDR), HTTPS, "Jobs and server")
        subnets = ec2.SubnetSelection(subnets=self.job_subnets.subnets[: self._settings.endpoint_zones])
        for service in self._settings.interface_endpoints:
            self.vpc.add_interface_endpoint(
                "".join(part.title() for part in service.split(".")),
                service=ec2.InterfaceVpcEndpointAwsService(service),
                subnets=subnets,
                security_groups=[group],
                open=False,
                private_dns_enabled=True,
            )
