"""Events of the bus as a queue hands them over: an envelope of EventBridge's, in the body of a message of SQS's.

Sources: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS"; Amazon EventBridge User Guide, "Events".
"""

from __future__ import annotations

from typing import Final, TypedDict

import msgspec

from moderation.errors import PoisonRecordError, Rejection
from moderation.messages import AuthorWithdrawn, TweetWithdrawn


class QueueMessage(TypedDict):
    """One message of a batch; ``body`` is the event."""

    messageId: str
    body: str


class QueueEvent(TypedDict):
    """A batch of messages, in no particular order."""

    Records: list[QueueMessage]


class _Envelope(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    detail_type: str
    detail: msgspec.Raw


_KINDS: Final[dict[str, type[TweetWithdrawn] | type[AuthorWithdrawn]]] = {
    kind.__name__: kind for kind in (TweetWithdrawn, AuthorWithdrawn)
}

DETAIL_TYPES: Final = tuple(_KINDS)
"""The kinds of events that are understood."""

_envelope_decoder: Final = msgspec.json.Decoder(_Envelope)


def read_withdrawal(body: str) -> TweetWithdrawn | AuthorWithdrawn:
    """The withdrawal in a message's body.

    Raises:
        PoisonRecordError: it is not JSON, no event, or not to the contract. Its detail quotes nothing of it.
    """
    try:
        envelope = _envelope_decoder.decode(body)
        kind = _KINDS.get(envelope.detail_type)
        if kind is None:
            raise PoisonRecordError(Rejection.NOT_TO_CONTRACT, f"its detail-type is none of {', '.join(_KINDS)}")
        return msgspec.json.decode(envelope.detail, type=kind)
    except msgspec.ValidationError as error:
        # Of a value that is not in a list, msgspec's message would quote the value.
        raise PoisonRecordError(Rejection.NOT_TO_CONTRACT, str(error).partition("'")[0].strip()) from None
    except msgspec.DecodeError:
        raise PoisonRecordError(Rejection.NOT_JSON, "the message is not JSON") from None
