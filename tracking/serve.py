"""Starts the MLflow server from what its host hands it: two secrets, a bucket, a name.

Environment variables:
    MLFLOW_CREDENTIALS: JSON with ``username`` and ``password`` of the administrator.
    DATABASE_CREDENTIALS: JSON as RDS writes it: ``username``, ``password``, ``host``, ``port``, ``dbname``.
    ARTEFACTS: S3 address below which artefacts lie.
    ALLOWED_HOSTS: names under which the server may be called, separated by commas.

MLflow takes the administrator's password from its configuration only when its database is empty. So that a new value of
the secret counts after a restart, it is written into the database here before the server starts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

PORT = 5000


class SettingsError(Exception):
    """The environment lacks something, or it makes no sense."""


@dataclass(frozen=True)
class Settings:
    """What the server is started with.

    Attributes:
        username: of the administrator.
        password: of the administrator.
        database_uri: of runs, registry and users; holds a password.
        artefacts: S3 address.
        allowed_hosts: names and ports, separated by commas.
    """

    username: str
    password: str
    database_uri: str
    artefacts: str
    allowed_hosts: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables that the module's docstring lists.

        Raises:
            SettingsError: one is missing or is not what it should be. The message holds no value.
        """
        admin = _secret(environment, "MLFLOW_CREDENTIALS", "username", "password")
        database = _secret(environment, "DATABASE_CREDENTIALS", "username", "password", "host", "port", "dbname")
        return cls(
            username=admin["username"],
            password=admin["password"],
            database_uri=database_uri(database),
            artefacts=_required(environment, "ARTEFACTS"),
            allowed_hosts=_required(environment, "ALLOWED_HOSTS"),
        )

    def command(self) -> list[str]:
        """The server's command line. The database's address is not in it, for anybody can list processes."""
        return [
            sys.executable, "-m", "mlflow", "server",
            "--app-name", "basic-auth",
            "--host", "0.0.0.0",  # noqa: S104 - the security group lets nobody in but the training jobs
            "--port", str(PORT),
            "--workers", "1",
            # Jobs send artefacts through the server and need no rights to its bucket.
            "--artifacts-destination", self.artefacts,
            "--allowed-hosts", self.allowed_hosts,
        ]  # fmt: skip

    def environment(self, auth_config: Path) -> dict[str, str]:
        """What the server's environment has on top."""
        return {
            "MLFLOW_BACKEND_STORE_URI": self.database_uri,
            "MLFLOW_AUTH_CONFIG_PATH": str(auth_config),
            "MLFLOW_AUTH_ADMIN_USERNAME": self.username,
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
            # The same after a restart, so that nobody is logged out, and different for every password.
            "MLFLOW_FLASK_SERVER_SECRET_KEY": hmac.new(self.password.encode(), b"flask", hashlib.sha256).hexdigest(),
        }

    def auth_config(self) -> str:
        """MLflow's configuration of users; those it is not told of may do nothing."""
        lines = (
            "[mlflow]",
            "default_permission = NO_PERMISSIONS",
            # ConfigParser reads a percent sign as the beginning of a reference.
            f"database_uri = {self.database_uri.replace('%', '%%')}",
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        )
        return "\n".join(lines) + "\n"


def database_uri(credentials: Mapping[str, str]) -> str:
    """The address of the database in SQLAlchemy's form, encrypted on the way."""
    user, password = (quote(str(credentials[key]), safe="") for key in ("username", "password"))
    return f"postgresql://{user}:{password}@{credentials['host']}:{credentials['port']}/{credentials['dbname']}?sslmode=require"


def synchronise_administrator(uri: str, username: str, password: str) -> bool:
    """Make the administrator's password in the database the given one; returns whether it had to be changed."""
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415 - takes seconds

    store = SqlAlchemyStore()
    store.init_db(uri)  # type: ignore[no-untyped-call, unused-ignore]
    if not store.has_user(username) or store.authenticate_user(username, password):
        return False
    store.update_user(username, password=password)
    return True


def main() -> NoReturn:
    """Become the server, or end with exit code 2 where the environment makes no sense."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"serve: {error}", file=sys.stderr)
        sys.exit(2)
    if synchronise_administrator(settings.database_uri, settings.username, settings.password):
        print("serve: the administrator's password has changed", flush=True)
    descriptor, name = tempfile.mkstemp(suffix=".ini")
    with os.fdopen(descriptor, "w") as file:
        file.write(settings.auth_config())
    passed_on = {key: value for key, value in os.environ.items() if not key.endswith("_CREDENTIALS")}
    command = settings.command()
    os.execve(command[0], command, passed_on | settings.environment(Path(name)))  # noqa: S606 - no shell is wanted


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _secret(environment: Mapping[str, str], name: str, *keys: str) -> dict[str, str]:
    try:
        values = json.loads(_required(environment, name))
    except ValueError:
        raise SettingsError(f"{name} is not JSON") from None
    missing = [key for key in keys if not isinstance(values, dict) or key not in values]
    if missing:
        raise SettingsError(f"{name} lacks {', '.join(missing)}")
    return {key: str(values[key]) for key in keys}


if __name__ == "__main__":
    main()
