"""What the commands for people tell them when AWS cannot be asked, or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from botocore.exceptions import NoCredentialsError, NoRegionError

from lambdas.common.delivery import Retry, fault_code

PATIENT: Final = Retry(attempts=10, cap=5.0)
"""Somebody waits and watches: longer than a function would."""

EXPIRED: Final = dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), "the credentials have expired; sign in again")
"""Advice on what any service may answer."""


def explain(error: Exception, advice: Mapping[str, str]) -> str:
    """What is wrong and what to do about it, in a sentence or two.

    Args:
        error: one of ``RequestFaults``.
        advice: by a service's code.
    """
    if isinstance(error, NoRegionError):
        return "No region: set AWS_REGION or use a profile that has one."
    if isinstance(error, NoCredentialsError):
        return "No credentials: sign in first, or name a profile in AWS_PROFILE."
    code = fault_code(error)
    return f"AWS refused: {code}. {advice.get(code, 'Run the command again; what is done stays done.')}"
