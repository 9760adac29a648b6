"""What a function answered, read as Lambda reads it.

Source: AWS Lambda Developer Guide, "Configuring partial batch response with Kinesis Data Streams and Lambda".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.poller.records import Record


@dataclass(frozen=True)
class Processed:
    """The function ran; ``failed_from`` is the index of the first record to try again, None when all went well."""

    failed_from: int | None = None


@dataclass(frozen=True)
class Failed:
    """The function ran and failed as a whole, or its answer cannot be read as a list of failures.

    ``function_error`` is Lambda's (``Unhandled``), None where the answer alone was at fault.
    """

    function_error: str | None = "Unhandled"


@dataclass(frozen=True)
class NotInvoked:
    """The function could not be called: throttled, or its host was not there."""


Outcome = Processed | Failed | NotInvoked


def read_response(payload: bytes, records: Sequence[Record], *, report_failures: bool) -> Outcome:
    """The outcome of an invocation that ended without a function error.

    Args:
        payload: the function's answer, JSON.
        records: of the batch, in order.
        report_failures: without ``ReportBatchItemFailures`` the answer does not count.
    """
    if not report_failures:
        return Processed()
    try:
        answer = json.loads(payload) if payload.strip() else None
    except ValueError:
        return Failed(function_error=None)
    if answer is None or answer in ("", {}):
        return Processed()
    if not isinstance(answer, dict):
        return Failed(function_error=None)
    return _read_failures(answer.get("batchItemFailures"), records)


def _read_failures(failures: Any, records: Sequence[Record]) -> Outcome:
    if failures is None or failures == []:
        return Processed()
    if not isinstance(failures, list):
        return Failed(function_error=None)
    index = {record.sequence: position for position, record in enumerate(records)}
    positions = [_position(item, index) for item in failures]
    known = [position for position in positions if position is not None]
    if len(known) < len(positions):
        return Failed(function_error=None)
    return Processed(failed_from=min(known))


def _position(item: Any, index: dict[str, int]) -> int | None:
    identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
    return index.get(identifier) if isinstance(identifier, str) else None
