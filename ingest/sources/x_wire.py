"""What the X API v2 sends, and what becomes of it. Fields that are not used are not even decoded.

Documented at docs.x.com: "Filtered stream", "Search posts", "Edit posts", "Consuming streaming data".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ingest.clock import moment, unix
from ingest.events import SourceEvent
from moderation.messages import Tweet, TweetEvent, TweetWithdrawn, Withdrawal, timestamp

SOURCE: Final = "x"

TWEET_FIELDS: Final = "author_id,created_at,edit_history_tweet_ids,lang,note_tweet"
"""``note_tweet`` holds the whole text of posts that are longer than 280 characters; ``text`` is cut."""

SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657
"""Post identifiers hold the milliseconds since this moment, above 22 bits of other things."""


class Note(msgspec.Struct, frozen=True):
    """The whole text of a long post."""

    text: str


class Post(msgspec.Struct, frozen=True):
    """A post."""

    id: str
    text: str
    author_id: str | None = None
    created_at: str | None = None
    lang: str | None = None
    edit_history_tweet_ids: tuple[str, ...] = ()
    note_tweet: Note | None = None


class MatchingRule(msgspec.Struct, frozen=True):
    """A rule that a post of the stream matched."""

    id: str = ""
    tag: str = ""


class Problem(msgspec.Struct, frozen=True):
    """An error in an answer or in the stream; ``title`` is a name, ``disconnect_type`` that of a disconnection."""

    title: str = ""
    disconnect_type: str | None = None
    type: str = ""


class StreamMessage(msgspec.Struct, frozen=True):
    """One line of the stream."""

    data: Post | None = None
    matching_rules: tuple[MatchingRule, ...] = ()
    errors: tuple[Problem, ...] = ()


class Meta(msgspec.Struct, frozen=True):
    """Where a page of search results stands."""

    result_count: int = 0
    newest_id: str | None = None
    next_token: str | None = None


class SearchPage(msgspec.Struct, frozen=True):
    """One page of search results, newest first."""

    data: tuple[Post, ...] = ()
    meta: Meta = Meta()


stream_decoder: Final = msgspec.json.Decoder(StreamMessage)
page_decoder: Final = msgspec.json.Decoder(SearchPage)


def events_of(post: Post, *, now: float, checkpoint: str | None = None, wanted: bool = True) -> Iterator[SourceEvent]:
    """A post as events: what it replaces is withdrawn, then it stands for itself.

    Every edit of a post has an identifier of its own, and the post names those before it, oldest first.
    """
    if wanted:
        for earlier in post.edit_history_tweet_ids:
            if earlier != post.id:
                yield SourceEvent(_replaced(earlier, post, now))
    happened_at = unix(post.created_at) if post.created_at else None
    tweet = TweetEvent(
        tweet_id=post.id,
        tweet=Tweet(post.note_tweet.text if post.note_tweet else post.text),
        author_id=post.author_id,
        created_at=post.created_at,
        lang=post.lang,
        source=SOURCE,
    )
    yield SourceEvent(
        tweet, checkpoint, languages=(post.lang,) if post.lang else (), happened_at=happened_at, wanted=wanted
    )


def created_at(post_id: str) -> float | None:
    """The Unix time at which a post identifier was made, or None when it is none."""
    return ((int(post_id) >> 22) + SNOWFLAKE_EPOCH_MS) / 1000 if post_id.isdecimal() else None


def rfc3339(seconds: float) -> str:
    """A Unix time as X takes it: UTC, whole seconds."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _replaced(earlier: str, post: Post, now: float) -> TweetWithdrawn:
    return TweetWithdrawn(
        tweet_id=earlier,
        source=SOURCE,
        reason=Withdrawal.EDITED,
        withdrawn_at=timestamp(moment(now)),
        author_id=post.author_id,
        replaced_by=post.id,
    )
