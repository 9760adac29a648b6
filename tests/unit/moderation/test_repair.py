"""What repairs skip because nothing can come of it: never what something comes of."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moderation import signs, spelling

_DISGUISED = st.text("abehknopstuvwx013457@$!|+(<{[#%&\\/-_)>].,*'~", min_size=1, max_size=10)


@settings(deadline=None)
@given(_DISGUISED)
def test_no_word_comes_of_text_that_is_called_unreadable(text: str) -> None:
    assume(signs.UNREADABLE.search(text))
    assert not any(reading.isalpha() for reading in signs.readings(text))


@settings(deadline=None)
@given(st.text("aeioubcdst", min_size=4, max_size=12))
def test_words_with_too_many_vowels_are_no_skeletons(word: str) -> None:
    assume(len(spelling.without_vowels(word)) + 2 < len(word))
    assert len(word) > len(spelling.skeleton(word)) + 1
