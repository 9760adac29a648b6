"""The wire contracts: what stands in a record of each stream.

Readers ignore fields that they do not know and writers only ever add optional ones; anything else takes a new
``schema_version``. Encoding and decoding are msgspec's (strict, typed, compiled), so a message that decodes
is a message to the contract.

What messages consist of is kept from Python's collector of cycles (``gc=False``): there are thousands of them at once,
none refers to another that refers back to it, and looking for that takes the longer the larger the batch is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from moderation.errors import PoisonRecordError, Rejection
from moderation.labels import LABELS, Label

SCHEMA_VERSION: Final = 1
MODEL_NAME: Final = "cyberbullying"

MAX_RECORD_BYTES: Final = 65_536
"""The largest tweet event that is read: X's longest posts (25,000 characters) fit, whatever else is in the event."""

MAX_TEXT_CHARACTERS: Final = 25_000
"""The longest text that is scored: X's limit for long posts."""

T = TypeVar("T")

_VISIBLE: Final = re.compile(
    # Neither white space, nor controls, nor characters of no width: Unicode's Cc and Cf, fillers, variation selectors.
    r"[^\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Finds the first character of a text that anybody can see."""

_QUOTED_VALUE: Final = re.compile(r"Invalid enum value .*(?= - at )", re.DOTALL)

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Decision(StrEnum):
    """What is to happen with a tweet."""

    FLAG = "flag"
    REFER = "refer"
    PASS = "pass"  # noqa: S105 - a decision, not a password


class Tweet(msgspec.Struct, frozen=True, gc=False):
    """The part of an event that the author wrote."""

    tweet_text: str


class TweetEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of ``tweet_events``. ``trace`` is the context of the tweet's trace, see ``moderation/tracing.py``."""

    tweet_id: Identifier
    tweet: Tweet
    author_id: str | None = None
    created_at: str | None = None
    lang: str | None = None
    source: str | None = None
    trace: str | None = None


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A piece of the tweet that spoke for its class.

    ``weight`` is the piece's contribution to the score of the class, in units of the model's log odds.
    ``start`` and ``end`` are offsets into the raw text, in characters, where the piece could be located.
    """

    text: str
    weight: float
    start: int | None = None
    end: int | None = None


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """What the model said of one tweet. ``scores`` are calibrated probabilities and sum to one."""

    tweet_id: Identifier
    classification: Label
    confidence: float
    scores: dict[Label, float]
    decision: Decision
    reasons: list[Reason] = []


class ClassificationEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One record of ``tweet_classification``: a verdict. ``trace`` goes on with that of the tweet."""

    schema_version: Literal[1]
    model: str
    version: str
    prediction: Prediction
    classified_at: str
    author_id: str | None = None
    source: str | None = None
    tweeted_at: str | None = None
    trace: str | None = None

    def __post_init__(self) -> None:
        """Refuse verdicts that leave a class without a score."""
        if len(self.prediction.scores) != len(LABELS):
            raise ValueError(f"scores must name all {len(LABELS)} classes")


class Withdrawal(StrEnum):
    """Why a tweet, or all tweets of an author, must no longer be used."""

    DELETED = "deleted"
    EDITED = "edited"
    TAKEN_DOWN = "taken_down"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class TweetWithdrawn(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The detail of a ``TweetWithdrawn`` event on the bus: a tweet was deleted, or another has taken its place.

    An edited tweet keeps no identifier: ``replaced_by`` is the one of its new text, which arrives as a tweet of its
    own. Where that is ``<tweet_id>@<revision>``, a later withdrawal of ``tweet_id`` withdraws every revision.
    """

    tweet_id: Identifier
    source: str
    reason: Withdrawal
    withdrawn_at: str
    author_id: str | None = None
    replaced_by: Identifier | None = None


class AuthorWithdrawn(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The detail of an ``AuthorWithdrawn`` event on the bus: all tweets of an account are gone with it."""

    author_id: str
    source: str
    reason: Withdrawal
    withdrawn_at: str


_tweet_event_decoder: Final = msgspec.json.Decoder(TweetEvent)
_classification_event_decoder: Final = msgspec.json.Decoder(ClassificationEvent)
_encoder: Final = msgspec.json.Encoder()


def decode_tweet_event(data: bytes) -> TweetEvent:
    """Read one record of ``tweet_events``.

    Args:
        data: the record's bytes, UTF-8 JSON.

    Raises:
        PoisonRecordError: the record is too large, not JSON or not to the contract, or its text is empty or
            too long.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise PoisonRecordError(Rejection.OVERSIZED, f"{len(data)} bytes, the limit is {MAX_RECORD_BYTES}")
    event = _decode(_tweet_event_decoder, data)
    text = event.tweet.tweet_text
    if not _VISIBLE.search(text):
        raise PoisonRecordError(Rejection.EMPTY_TEXT, "the tweet has no text")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise PoisonRecordError(
            Rejection.OVERSIZED, f"{len(text)} characters of text, the limit is {MAX_TEXT_CHARACTERS}"
        )
    return event


def decode_classification_event(data: bytes) -> ClassificationEvent:
    """Read one record of ``tweet_classification``.

    Raises:
        PoisonRecordError: the record is not JSON or not to the contract.
    """
    return _decode(_classification_event_decoder, data)


def encode(message: TweetEvent | ClassificationEvent | TweetWithdrawn | AuthorWithdrawn) -> bytes:
    """Write one record, or the detail of one event: UTF-8 JSON without a line end."""
    return _encoder.encode(message)


def timestamp(moment: datetime | None = None) -> str:
    """The wire form of a moment (now, unless told): UTC, ISO 8601, milliseconds, ``Z``."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise PoisonRecordError(Rejection.NOT_TO_CONTRACT, _without_values(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PoisonRecordError(Rejection.NOT_JSON, "the record is not UTF-8 JSON") from None


def _without_values(message: str) -> str:
    """A validation message that is safe to log: of an unknown class it would quote the value, which may be text."""
    return _QUOTED_VALUE.sub("Invalid enum value", message)
