"""What can go wrong in the domain, by what a caller should do about it.

Callers sort failures by class, never by the text of a message:

* :class:`PoisonRecordError`: the record itself is at fault; trying again cannot help. Keep it
  whole, with its reason.
* :class:`BadArtefactError`: a model folder is damaged or from another age. Keep serving the old one.
* :class:`NoChampionError`: there is no model to serve yet. Trying again later can help.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ModerationError(Exception):
    """Base of every error that this package raises on purpose."""


class Rejection(StrEnum):
    """Why a record was set aside; the wire form of the reason and the dimension of its metric."""

    NOT_BASE64 = "not_base64"
    NOT_JSON = "not_json"
    NOT_TO_CONTRACT = "not_to_contract"
    EMPTY_TEXT = "empty_text"
    OVERSIZED = "oversized"


class PoisonRecordError(ModerationError):
    """A record that can never be processed as it stands.

    Attributes:
        rejection: the kind of fault.
        detail: a sentence for a person. It never quotes the tweet.
    """

    def __init__(self, rejection: Rejection, detail: str) -> None:
        super().__init__(f"{rejection.value}: {detail}")
        self.rejection: Final = rejection
        self.detail: Final = detail


class BadArtefactError(ModerationError):
    """A model folder that must not be served: incomplete, altered, or written for other code."""


class NoChampionError(ModerationError):
    """No model has been promoted yet."""
