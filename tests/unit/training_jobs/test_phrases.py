"""The grammar of made-up sentences: every template can be filled, and says the class that it is of."""

from __future__ import annotations

import random

import numpy as np
import pytest

from moderation.labels import HARMFUL, Label
from training_jobs.fitting.augmentation import make_up
from training_jobs.fitting.phrases import OF_THE_GROUP, Kind, fill, grammar, prominence

_KINDS = [pytest.param(kind, id=kind.name) for kind in grammar().kinds]


@pytest.mark.parametrize("kind", _KINDS)
def test_every_template_can_be_filled(kind: Kind) -> None:
    chance = random.Random(1)
    for template in kind.templates:
        sentence = fill(template, chance)
        assert sentence.strip()
        assert "{" not in sentence


def test_a_template_of_a_group_names_that_group() -> None:
    for kind in grammar().kinds:
        if kind.label == OF_THE_GROUP:
            assert all("{member}" in template or "{members}" in template for template in kind.templates)
        else:
            assert Label(kind.label)
    religion = grammar().groups[Label.RELIGION]
    named = {fill("{members}", random.Random(number), Label.RELIGION) for number in range(1_000)}
    assert named == set(religion.plurals)


def test_there_are_groups_of_every_harmful_class() -> None:
    assert set(grammar().groups) == set(HARMFUL)


def test_no_word_is_without_use() -> None:
    templates = " ".join(template for kind in grammar().kinds for template in kind.templates)
    assert [name for name in grammar().words if f"{{{name}}}" not in templates] == []


def test_a_slot_without_words_is_refused() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        fill("{nonsense}", random.Random(1))


def test_what_keeps_others_company_is_harmless_and_names_no_group() -> None:
    company = [kind for kind in grammar().kinds if kind.company]
    assert len(company) > 1
    assert {kind.label for kind in company} == {Label.NOT_CYBERBULLYING}
    assert not any("{member" in template for kind in company for template in kind.templates)


def test_sentences_stand_alone_and_beside_others() -> None:
    made = make_up(["a tweet"] * 25_000, [Label.NOT_CYBERBULLYING] * 25_000, 1)
    (kind,) = (kind for kind in grammar().kinds if kind.name == "threats to somebody")
    whole = next(template for template in kind.templates if "{" not in template)
    texts = [text.lower() for text in made.texts if whole.lower() in text.lower()]
    assert any(text == whole.lower() for text in texts)
    assert any(text.startswith(whole.lower()) and len(text) > len(whole) for text in texts)
    assert any(text.endswith(whole.lower()) and len(text) > len(whole) for text in texts)


def test_a_group_that_tweets_name_often_is_named_more_often() -> None:
    tweets = ["they say that muslims did it"] * 399 + ["we met Anglicans there"] * 3
    names = prominence(tweets, 0.5)
    assert names["Muslims"] == pytest.approx(20)
    assert names["Anglicans"] == pytest.approx(2)
    assert names["Lutherans"] == 1
    chance = random.Random(3)
    filled = [fill("{members}", chance, Label.RELIGION, names) for _ in range(2_000)]
    assert filled.count("Muslims") > 5 * filled.count("Anglicans") > 5 * filled.count("Lutherans") > 0


def test_attacks_name_more_groups_than_harmless_sentences_do() -> None:
    plurals = [name.lower() for name in grammar().groups[Label.RELIGION].plurals]
    made = make_up([f"muslims said {number}" for number in range(25_000)], [Label.RELIGION] * 25_000, 1)
    share = {}
    for harmful in (True, False):
        named = [
            name
            for text, label, origin in zip(made.texts, made.labels, made.origins, strict=True)
            if origin < 0 and (label != Label.NOT_CYBERBULLYING) is harmful
            for name in plurals
            if name in text.lower()
        ]
        share[harmful] = named.count("muslims") / len(named)
    assert 0 < share[True] < share[False] - 0.05


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("a {one} came", "an Afghan came"),
        ("A {one} came", "An Afghan came"),
        ("a unicorn and a European", "a unicorn and a European"),
        ("lasagna {one}", "lasagna Afghan"),
    ],
)
def test_articles_fit(template: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(grammar().words, "one", ("Afghan",))
    assert fill(template, random.Random(1)) == sentence


def test_sentences_are_fewer_beside_few_tweets_but_of_every_kind() -> None:
    few, many = (make_up(["a tweet"] * size, [Label.NOT_CYBERBULLYING] * size, 1) for size in (100, 25_000))
    made = [sum(origin < 0 for origin in of.origins) for of in (few, many)]
    assert made[0] == pytest.approx(made[1] / 10, rel=0.1)
    templates = [len(kind.templates) for kind in grammar().kinds]
    assert len({origin for origin in many.origins if origin < 0}) == sum(templates)
    of_kinds = np.repeat(np.arange(len(templates)), templates)
    assert {int(of_kinds[-origin - 1]) for origin in few.origins if origin < 0} == set(range(len(templates)))
