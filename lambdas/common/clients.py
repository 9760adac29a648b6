"""How the functions talk to AWS: one way to make a client, one configuration for all.

Clients come from botocore and not from boto3, whose transfer manager and resources are not used here but take a third
of a second to import when a function starts.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session, get_session

CLIENT_CONFIG: Final = Config(
    # Short, because a function that waits is a shard that waits.
    connect_timeout=2,
    read_timeout=10,
    # Covers throttles and broken connections of a call as a whole.
    retries={"mode": "standard", "total_max_attempts": 4},
    # Requests are built by typed code here; checking 500 entries a call once more costs as much as scoring them.
    parameter_validation=False,
)


@cache
def _session() -> Session:
    return get_session()


def make_client(service: str) -> Any:
    """A client of a service, for the region and with the credentials of the environment. Nothing is called yet."""
    return _session().create_client(service, config=CLIENT_CONFIG)
