"""Tombstones, and what they withdraw."""

from __future__ import annotations

import msgspec
import pytest

from moderation.tombstones import Tombstone, encode_lines
from moderation.withdrawn import Withdrawn

AT = "2026-11-23T12:00:00.000Z"
BEFORE, AFTER = "2026-11-23T11:59:59.999Z", "2026-11-23T12:00:00.001Z"


def of(*tombstones: Tombstone) -> Withdrawn:
    return Withdrawn(encode_lines(tombstones).splitlines())


def test_without_tombstones_nothing_is_withdrawn() -> None:
    assert not Withdrawn().holds("1", "Ada", BEFORE)


def test_a_tweet_is_withdrawn_by_its_id_alone() -> None:
    withdrawn = of(*(Tombstone(withdrawn_at=AT, tweet_id=str(number)) for number in range(0, 2000, 2)))
    assert all(withdrawn.holds(str(number)) == (number % 2 == 0) for number in range(2000))


def test_revisions_go_with_their_tweet_only_if_the_tombstone_says_so() -> None:
    edited = of(Tombstone(withdrawn_at=AT, tweet_id="at://a/b"))
    assert edited.holds("at://a/b")
    assert not edited.holds("at://a/b@rev")
    deleted = of(Tombstone(withdrawn_at=AT, tweet_id="at://a/b", revisions=True))
    assert deleted.holds("at://a/b@rev")
    assert not deleted.holds("at://a/bc@rev")
    assert not deleted.holds("at://a")


def test_of_an_author_what_came_before_is_withdrawn() -> None:
    withdrawn = of(Tombstone(withdrawn_at=BEFORE, author_id="Ada"), Tombstone(withdrawn_at=AT, author_id="Ada"))
    assert withdrawn.holds("1", "Ada", BEFORE)
    assert withdrawn.holds("1", "Ada", AT)
    assert withdrawn.holds("1", "Ada"), "a tweet of unknown time is taken for an old one"
    assert not withdrawn.holds("1", "Ada", AFTER)
    assert not withdrawn.holds("1", "Eve", BEFORE)
    assert not withdrawn.holds("1", None, BEFORE)


def test_lines_that_are_no_tombstones_are_counted() -> None:
    withdrawn = Withdrawn(
        [b"{}", b"nonsense", b"\xff", b'{"withdrawn_at": "t", "tweet_id": "1", "author_id": "a"}', b"[]"]
    )
    assert (withdrawn.tombstones, withdrawn.unreadable) == (0, 5)


@pytest.mark.parametrize("fields", [{}, {"tweet_id": "1", "author_id": "Ada"}])
def test_a_tombstone_is_of_one_thing(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="of a tweet or of an author"):
        Tombstone(withdrawn_at=AT, tweet_id=fields.get("tweet_id"), author_id=fields.get("author_id"))


def test_fields_from_the_future_are_ignored() -> None:
    msgspec.convert({"withdrawn_at": AT, "tweet_id": "1", "added_later": 1}, Tombstone)
