"""Tweets that a champion was not validated on: known classes in equal shares, in other languages and scripts."""

from __future__ import annotations

from collections import Counter

from local.shift import shifted
from moderation.labels import LABELS
from monitoring.descriptors import script_of

ROWS = shifted(300)


def test_they_are_the_same_every_time() -> None:
    assert shifted(300) == ROWS


def test_classes_and_languages_have_nearly_equal_shares() -> None:
    labels, languages = Counter(row.label for row in ROWS), Counter(row.lang for row in ROWS)
    assert set(labels) == set(LABELS)
    assert max(labels.values()) - min(labels.values()) <= 3
    assert set(languages) == {"de", "es", "ru"}
    assert max(languages.values()) - min(languages.values()) <= 6


def test_a_third_is_written_in_another_script() -> None:
    assert Counter(script_of(row.text) for row in ROWS) == {
        "latin": sum(row.lang != "ru" for row in ROWS),
        "cyrillic": sum(row.lang == "ru" for row in ROWS),
    }


def test_they_are_longer_than_the_sample_and_no_longer_than_a_tweet_may_be() -> None:
    lengths = [len(row.text) for row in ROWS]
    assert min(lengths) > 150
    assert max(lengths) < 500
