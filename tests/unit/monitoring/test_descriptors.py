from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.descriptors import describe, mask, script_of


def test_a_tweet_is_described() -> None:
    found = describe("@ann LOOK at #this https://example.org/x ok!")
    assert (found.characters, found.words, found.mentions, found.hashtags, found.links) == (44, 6, 1, 1, 1)
    assert found.script == "latin"
    assert describe("ABC d").capitals == 0.75
    assert describe("a !!").symbols == 0.5


@given(st.text())
def test_any_text_can_be_described_and_masked(text: str) -> None:
    found = describe(text)
    assert 0.0 <= found.capitals <= 1.0
    assert 0.0 <= found.symbols <= 1.0
    mask(text)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("good morning", "latin"),
        ("добрый день, my friend", "cyrillic"),
        ("@somebody https://example.org/long/path доброе", "cyrillic"),
        ("صباح الخير", "arabic"),
        ("おはよう", "kana"),
        ("早上好", "han"),
        ("\N{MATHEMATICAL BOLD SMALL G}\N{FULLWIDTH LATIN SMALL LETTER O}", "latin"),
        ("ܫܠܡܐ", "other"),
        ("12 ❤ 34", "none"),
        ("", "none"),
    ],
)
def test_scripts_are_told_apart(text: str, script: str) -> None:
    assert script_of(text) == script


def test_whoever_and_whatever_a_tweet_names_is_masked() -> None:
    text = "@Ann_b write to ann@example.org or call 0151-2345678 https://example.org/ann Why, Bob?"
    assert mask(text) == "write to or call why bob"
