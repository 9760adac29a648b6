"""How the local stage talks to its emulator, and how it keeps a person's own AWS settings out of it."""

from __future__ import annotations

import os
import threading
from typing import Any, Final

import botocore.session
from botocore.config import Config

REGION: Final = "us-east-1"

_CREDENTIAL: Final = "local"
"""The emulator takes any; it derives the account from a key that looks like one, and else uses 000000000000."""


def environment(endpoint: str) -> dict[str, str]:
    """The variables with which a child process talks to the emulator, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": _CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": _CREDENTIAL,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


class Clients:
    """Clients of the emulator, one per service; they may be shared by threads.

    Args:
        endpoint: of the emulator.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        session = botocore.session.Session()
        session.set_config_variable("config_file", os.devnull)
        session.set_config_variable("credentials_file", os.devnull)
        session.set_config_variable("profile", None)
        self._session = session
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    def __getitem__(self, service: str) -> Any:
        """The client of a service."""
        with self._making:  # clients may be shared by threads, but a session must not make two at the same time
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=_CREDENTIAL,
            aws_secret_access_key=_CREDENTIAL,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 3},
                connect_timeout=3,
                read_timeout=70,
                max_pool_connections=32,
                proxies={},
                s3={"addressing_style": "path"},
            ),
        )
