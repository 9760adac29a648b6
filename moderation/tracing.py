"""The trace of a tweet: its context, which travels in the records, and the places that it leads through.

The context has the form of AWS X-Ray's tracing header, ``Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1`` (AWS X-Ray
Developer Guide, "Tracing header"). Identifiers are made of the tweet and the moment it arrived, so a batch that is
delivered twice tells the same trace again and starts no second one.
"""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple
from zlib import crc32

_ROOT: Final = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_PARENT: Final = re.compile(r"[0-9a-f]{16}")
_LONGEST_HEADER: Final = 256
_HASHES: Final = 1 << 32


class Place(StrEnum):
    """The nodes of the service map, in the order in which a tweet passes them."""

    TWEET_PUT = "tweet_put"
    """In ``tweet_events``: from being put to being taken up."""
    CLASSIFY = "tweet_classify"
    """From being taken up to its verdict's being put."""
    VERDICT_PUT = "verdict_put"
    """In ``tweet_classification``: from being put to being taken up."""
    WARN = "tweet_warn"
    """From the verdict's being taken up to the end of its effects."""

    @property
    def following(self) -> Place | None:
        """The place after it; None for the last."""
        places = list(Place)
        position = places.index(self) + 1
        return places[position] if position < len(places) else None


class TraceContext(NamedTuple):
    """What a record says of the trace that it belongs to.

    Attributes:
        trace_id: of the trace.
        parent: the subsegment that comes before, or None if this is the beginning.
        sampled: whether segments are written.
    """

    trace_id: str
    parent: str | None = None
    sampled: bool = True

    def header(self) -> str:
        """The form of the wire."""
        parent = "" if self.parent is None else f";Parent={self.parent}"
        return f"Root={self.trace_id}{parent};Sampled={int(self.sampled)}"


def read_header(text: str | None) -> TraceContext | None:
    """What a tracing header says; None for none, and for one that is not of the form: a tweet counts for more."""
    if not text or len(text) > _LONGEST_HEADER:
        return None
    fields = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root, parent = fields.get("Root", ""), fields.get("Parent", "")
    if not _ROOT.fullmatch(root):
        return None
    return TraceContext(root, parent if _PARENT.fullmatch(parent) else None, sampled=fields.get("Sampled") == "1")


def new_trace_id(moment: float, *names: str) -> str:
    """The id of a trace that begins at a moment (seconds since 1970); the same for the same moment and names."""
    return f"1-{int(moment):08x}-{blake2b(_joined(repr(moment), *names), digest_size=12).hexdigest()}"


def segment_id(trace_id: str, tweet_id: str, place: Place) -> str:
    """The id of the segment that tells of a tweet at a place; a trace may tell of more than one tweet."""
    return blake2b(_joined(trace_id, tweet_id, place), digest_size=8).hexdigest()


def handing_on_id(trace_id: str, tweet_id: str, place: Place) -> str:
    """The id of the subsegment with which a tweet is handed on from a place: the parent of the next place's segment.

    Parents of segments are subsegments (AWS X-Ray Developer Guide, "X-Ray segment documents", ``parent_id``).
    """
    return blake2b(_joined(trace_id, tweet_id, place, "handed on"), digest_size=8).hexdigest()


def node_name(stage: str, place: Place) -> str:
    """The name of a node of a stage's service map."""
    return f"cyberbullying_{stage}_{place}"


def is_chosen(tweet_id: str, share: float) -> bool:
    """Whether a tweet is among the share of tweets that are traced: by its id, so that everybody chooses the same."""
    return crc32(tweet_id.encode()) < share * _HASHES


def _joined(*parts: str) -> bytes:
    return "\n".join(parts).encode()
