"""How a job fails."""

from __future__ import annotations


class JobFailedError(Exception):
    """A job ended without its result; the message is SageMaker's ``FailureReason``."""
