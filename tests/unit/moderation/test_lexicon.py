"""The lexicon: which words are of which kinds, in whatever form."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from moderation import lexicon
from moderation.lexicon import GROUPS, KINDS, kinds_of, names, parts_of
from moderation.manifest import NORMALISER_VERSION
from moderation.reading import STYLE_COLUMNS, Reader
from moderation.text import Normaliser
from moderation.vocabulary import EMPTY


def _named(word: str) -> set[str]:
    return {names()[kind] for kind in np.flatnonzero(kinds_of([word])[0])}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("kill", "violence"),
        ("kills", "violence"),
        ("killed", "violence"),
        ("killing", "violence"),
        ("strangled", "violence"),
        ("strangling", "violence"),
        ("stabbed", "violence"),
        ("stabbing", "violence"),
        ("deported", "exclude"),
        ("idiots", "insult"),
        ("sikhs", "religion"),
        ("bullies", "about"),
        ("granny", "age"),
        ("deaf", "condition"),
        ("dyslexics", "condition"),
        ("sickening", "contempt"),
        ("admires", "kind"),
    ],
)
def test_a_word_is_known_in_its_forms(word: str, kind: str) -> None:
    assert kind in _named(word)


@pytest.mark.parametrize("word", ["soup", "need", "ring", "s", "is", "ding", "umbrellas", "1990s", "\U0001f600"])
def test_other_words_are_of_no_kind_of_people_and_of_no_harm(word: str) -> None:
    harm = {"violence", "insult", "slur", "exclude", "contempt"}
    assert not _named(word) & {"religion", "ethnicity", "gender", "age", "condition", *harm}


def test_a_word_may_be_of_several_kinds() -> None:
    assert {"insult", "filth"} <= _named("trash")
    assert {"violence", "exclude"} <= _named("kicked")


def test_there_are_as_many_kinds_as_said_and_each_has_words() -> None:
    assert len(names()) == len(set(names())) == KINDS
    assert {kind for kinds in lexicon.lexicon().values() for kind in kinds} == set(range(KINDS))


def test_every_word_comes_out_of_the_normaliser_as_it_stands_in_the_list() -> None:
    normaliser = Normaliser(EMPTY)
    assert [word for word in lexicon.lexicon() if normaliser.words(word) != [word]] == []


def test_the_list_belongs_to_the_version_of_the_normaliser() -> None:
    """Who changes the list changes what every model sees: both belong together, so both stand here."""
    listed = Path(lexicon.__file__).with_name("lexicon.txt").read_bytes()
    assert (NORMALISER_VERSION, hashlib.sha256(listed).hexdigest()[:12]) == (6, "94d4785aef17")


def test_all_groups_play_one_part_and_unknown_words_none() -> None:
    assert names()[:GROUPS] == ["religion", "ethnicity", "gender", "age", "condition"]
    parts = parts_of(kinds_of(["muslims", "women", "dyslexics", "soup", "not", "vermin", "cockroaches"]))
    group, filth = 1, names().index("filth") + 1
    assert parts.tolist() == [group, group, group, 0, names().index("not") + 1, filth, filth]


def test_a_reading_tells_the_parts_of_each_tweet_in_order() -> None:
    reading = Reader(Normaliser(EMPTY)).read(["soup", "these Muslims are not vermin"])
    known = [names()[part - 1] for part in reading.parts.codes.tolist()]
    assert reading.parts.tweets.tolist() == [1] * len(known)
    assert known == ["them", "religion", "not", "filth"]


def test_a_tweet_counts_the_words_of_each_kind() -> None:
    reading = Reader(Normaliser(EMPTY)).read(["They k1ll", "I will kill, stab and kill", "", "soup"])
    assert reading.styles.shape == (4, STYLE_COLUMNS)
    violence = reading.styles[:, STYLE_COLUMNS - KINDS + names().index("violence")]
    assert violence == pytest.approx(np.log1p([0, 3, 0, 0]))


def test_kinds_do_not_depend_on_what_was_read_before() -> None:
    texts = ["we love all women", "kill them", "a nice day"]
    together = Reader(Normaliser(EMPTY)).read(texts).styles
    assert np.array_equal(together, np.concatenate([Reader(Normaliser(EMPTY)).read([text]).styles for text in texts]))
