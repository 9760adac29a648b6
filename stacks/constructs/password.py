"""A secret that AWS makes up: a user name that we choose and a password that nobody has seen."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_app.stages import StageConfig
from stacks.constructs.reasons import acknowledge

PASSWORD_LENGTH = 40


class Password(secretsmanager.Secret):
    """JSON with ``username`` and ``password``. The password is of letters and digits, which survive every quoting."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, thing: str, username: str, description: str
    ) -> None:
        """Have a password made up.

        Args:
            scope: the parent.
            construct_id: within the parent.
            stage: whose secret it is.
            thing: what it opens; part of its name.
            username: that goes with it.
            description: for whoever finds it.
        """
        super().__init__(
            scope,
            construct_id,
            secret_name=stage.secret(thing),
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": username}),
                generate_string_key="password",
                password_length=PASSWORD_LENGTH,
                exclude_punctuation=True,
            ),
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        acknowledge(
            self,
            "The server reads it when it starts: to change it, put a new value and replace the instance. A function "
            "that did so by itself would need a way into the network",
            "AwsSolutions-SMG4",
        )
