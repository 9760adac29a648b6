"""How the functions talk to AWS: one configuration for every client.

Short timeouts, because a function that waits is a shard that waits; botocore's standard retry mode, whose retries cover
throttles and broken connections of a call as a whole.
"""

from __future__ import annotations

from typing import Final

from botocore.config import Config

CLIENT_CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    # Requests are built by typed code here; checking 500 entries a call once more costs as much as scoring them.
    parameter_validation=False,
)
