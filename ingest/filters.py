"""From a source's event to a parcel: what is let through, and what is counted and dropped."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ingest.buffer import Parcel
from ingest.events import SourceEvent
from ingest.metric_names import DUPLICATES_DROPPED, TWEETS_FILTERED, TWEETS_READ, TWEETS_REJECTED
from ingest.telemetry import Meter
from ingest.window import Window
from moderation.messages import AuthorWithdrawn, TweetEvent, TweetWithdrawn, encode

MAX_RECORD_BYTES: Final = 1024 * 1024
"""What any Kinesis stream takes in one record, partition key included. The classifier's own limit is lower: it keeps
what it refuses, with the reason."""

_UNKNOWN: Final = {"und", "zxx", "qam", "qct", "qht", "qme", "qst"}
"""How X says that it knows no language, or that the tweet has none (hashtags, mentions, links, media, short texts)."""


class Filter:
    """Decides what becomes of each event."""

    def __init__(self, *, languages: Collection[str], window: Window, meter: Meter) -> None:
        """Make the filter.

        Args:
            languages: primary tags (``en``) of the languages wanted; empty for all. Tweets whose language the source
                does not know are let through.
            window: of the tweets seen lately.
            meter: counts what is dropped.
        """
        self._languages = frozenset(language.lower() for language in languages)
        self._window = window
        self._meter = meter

    def parcel(self, event: SourceEvent) -> Parcel:
        """What is to be sent for an event; a parcel without data when nothing is."""
        match event.body:
            case TweetEvent() as tweet:
                data = self._tweet(tweet, event)
                key, announce = tweet.tweet_id, None
            case TweetWithdrawn() as withdrawal:
                key, announce = withdrawal.tweet_id, "TweetWithdrawn"
                data = self._once(f"{announce} {key} {withdrawal.replaced_by}", encode(withdrawal))
            case AuthorWithdrawn() as withdrawal:
                key, announce = withdrawal.author_id, "AuthorWithdrawn"
                data = self._once(f"{announce} {key} {withdrawal.withdrawn_at}", encode(withdrawal))
            case None:
                data = b""
        if not data:
            return Parcel(checkpoint=event.checkpoint)
        return Parcel(key=key, data=data, announce=announce, checkpoint=event.checkpoint, happened_at=event.happened_at)

    def _tweet(self, tweet: TweetEvent, event: SourceEvent) -> bytes:
        self._meter.count(TWEETS_READ)
        if not event.wanted or not tweet.tweet.tweet_text.strip() or not self._speaks(event.languages):
            self._meter.count(TWEETS_FILTERED)
            return b""
        data = self._once(tweet.tweet_id, encode(tweet))
        if len(data) + len(tweet.tweet_id.encode()) > MAX_RECORD_BYTES:
            self._meter.count(TWEETS_REJECTED)
            return b""
        return data

    def _once(self, key: str, data: bytes) -> bytes:
        if self._window.seen(key):
            self._meter.count(DUPLICATES_DROPPED)
            return b""
        return data

    def _speaks(self, languages: tuple[str, ...]) -> bool:
        known = {language.lower().split("-")[0] for language in languages if language} - _UNKNOWN
        return not self._languages or not known or not self._languages.isdisjoint(known)
