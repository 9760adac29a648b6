"""What can go wrong while reading a source, by what should be done about it.

A source raises; :mod:`ingest.sources.reconnect` waits as the class demands and connects again. Only
:class:`SourceRefusedError` and :class:`SettingsError` end the process: waiting cannot cure them.
"""

from __future__ import annotations

from typing import Final


class IngestError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(IngestError):
    """Settings that are missing, unreadable or contradict each other."""


class SourceRefusedError(IngestError):
    """The API does not want us: bad token, missing rights, a request that it will never accept."""


class ConnectionLostError(IngestError):
    """The network failed, or an established connection ended or fell silent."""


class HttpFaultError(IngestError):
    """The API answered with an error that may pass.

    Attributes:
        status: of the HTTP response.
    """

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(f"HTTP {status}{': ' if detail else ''}{detail}")
        self.status: Final = status


class RateLimitedError(HttpFaultError):
    """Too many requests or connections (HTTP 429).

    Attributes:
        reset_at: Unix time at which the API said that requests are welcome again, if it did.
    """

    def __init__(self, reset_at: float | None = None, detail: str = "") -> None:
        super().__init__(429, detail)
        self.reset_at: Final = reset_at


class NotReadyError(IngestError):
    """Something that a person has to provide is not there yet; it is looked for again."""


class BudgetExhaustedError(IngestError):
    """Reading on would cost more than the day's budget."""


class StoreError(IngestError):
    """The checkpoint store could not be read or written."""
