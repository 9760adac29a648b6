"""What any model must do, whatever it was trained on."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.labels import HARMLESS, LABELS, Label
from moderation.lexicon import kinds_of, names
from moderation.model import Model
from training_jobs.evaluation import cruelty, identity, sentences
from training_jobs.evaluation.attacks import NAMED, OTHERS, attacked
from training_jobs.evaluation.figures import about_groups, clean, out_of_domain, robustness, under_attack
from training_jobs.fitting import augmentation
from training_jobs.fitting.phrases import grammar

from .conftest import made_up_tweets

_HARMLESS_COLUMN = LABELS.index(HARMLESS)
_ATTACKS = {**NAMED, **OTHERS}
_LEAST = {"leet_and_spaced": 0.35, "swapped_and_repeated": 0.4}
"""Two disguises at once leave less to go by."""


# Harmless words added are no disguise: how far they may move a model depends on what it was trained on.
@pytest.mark.parametrize("name", sorted(_ATTACKS.keys() - {"harmless_words_added"}))
def test_no_attack_makes_the_model_blind(name: str, model: Model) -> None:
    texts, labels = made_up_tweets(120, seed=2)
    classes = np.array([LABELS.index(label) for label in labels])
    disguised = attacked(texts, _ATTACKS[name], seed=5)
    before = (model.score(texts).argmax(axis=1) == classes).mean()
    after = (model.score(disguised).argmax(axis=1) == classes).mean()
    assert before > 0.95
    assert after > _LEAST.get(name, 0.5)  # of six classes; a model that guesses has a sixth


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        lambda text: text.replace(" ", "   "),
        lambda text: f"@another {text}",
        lambda text: text.replace("e", "\u0435"),
        "\u200b".join,
    ],
)
def test_what_does_not_change_the_meaning_does_not_change_the_class(model: Model, change: object) -> None:
    assert callable(change)
    texts = [
        "stupid ugly pathetic loser this is",
        "my garden and coffee with music today",
        "women and wife in the kitchen joke",
    ]
    same = model.score([change(text) for text in texts]).argmax(axis=1) == model.score(texts).argmax(axis=1)
    assert same.all()


def test_another_name_for_a_user_or_a_link_changes_nothing(model: Model) -> None:
    first = model.score(["@one the music https://t.co/abc stupid"])
    np.testing.assert_array_equal(first, model.score(["@somebody_else the music https://t.co/Zz9 stupid"]))


def test_insults_raise_the_probability_of_harm(model: Model) -> None:
    harm = _before_and_after_an_insult(model, "my weekend today about the")
    assert harm[1] > harm[0] + 0.3


def test_insults_raise_it_among_harmless_words_too(model: Model) -> None:
    harm = _before_and_after_an_insult(model, "my weekend today about the film")
    odds = harm / (1 - harm)  # not the difference: words that only harmless tweets have weigh against it
    assert odds[1] > 1_000 * odds[0]


def _before_and_after_an_insult(model: Model, text: str) -> NDArray[np.float64]:
    return np.asarray(1 - model.score([text, f"{text} you stupid worthless loser"])[:, _HARMLESS_COLUMN])


def test_augmentation_and_tests_share_no_term_and_no_template() -> None:
    groups = grammar().groups.values()
    trained = {term.lower() for group in groups for term in (*group.members, *group.plurals)}
    tested = {term.lower() for group in identity.GROUPS for term in (group.adjective, group.plural)}
    assert not trained & tested
    templates = {_bare(template) for kind in grammar().kinds for template in kind.templates}
    kinds = (
        *identity.HARMLESS_KINDS.values(), *identity.ATTACK_KINDS.values(), cruelty.cruel(), cruelty.not_cruel(),
    )  # fmt: skip
    assert not templates & {_bare(template) for of in kinds for template in of}


def test_some_groups_that_are_asked_about_are_in_no_list() -> None:
    kinds = [names().index(ground) for ground in ("religion", "ethnicity", "gender", "age")]
    unlisted = [
        group
        for group in identity.GROUPS
        if not kinds_of(re.findall(r"\w+", f"{group.adjective} {group.plural}".lower()))[:, kinds].any()
    ]
    assert {group.ground for group in unlisted} == {"religion", "ethnicity", "gender", "age"}


def _bare(template: str) -> str:
    """A template without what may differ between two that say the same."""
    return re.sub(r"\{\w+\}", "{}", template.lower()).strip(" .!{}")


def test_augmentation_makes_no_sentence_that_behaviour_is_asked_about(tweets: tuple[list[str], list[Label]]) -> None:
    texts, labels = tweets
    times = 20_000 // len(texts) + 1  # enough tweets for every sentence that there will be
    made = {text.lower().strip(" .!") for text in augmentation.make_up(texts * times, labels * times, 4).texts}
    asked = (
        *sentences.INSULTS, *sentences.THREATS, *sentences.GREETINGS, *sentences.EVERYDAY, *sentences.CRITICISM,
        *sentences.SWEARING, *sentences.SUPPORT, *(text for pair in sentences.SWAPPED for text in pair),
        *cruelty.cruel(), *cruelty.not_cruel(),
    )  # fmt: skip
    assert len(asked) == len({text.lower() for text in asked})
    assert not made & {text.lower().strip(" .!") for text in asked}


def test_made_up_tweets_come_from_the_seed(tweets: tuple[list[str], list[Label]]) -> None:
    assert augmentation.make_up(*tweets, 4) == augmentation.make_up(*tweets, 4)
    assert augmentation.make_up(*tweets, 4).texts != augmentation.make_up(*tweets, 5).texts


def test_figures_of_a_model_that_knows_nothing() -> None:
    class Ignorant:
        def score(self, texts: object) -> np.ndarray:
            scores = np.full((len(texts), len(LABELS)), 0.1)  # type: ignore[arg-type]
            scores[:, _HARMLESS_COLUMN] = 0.5
            return scores

    texts, labels = made_up_tweets(60, seed=3)
    classes = np.array([LABELS.index(label) for label in labels])
    assert clean(Ignorant(), texts, classes)["accuracy"] == pytest.approx(1 / 6)
    by_attack = under_attack(Ignorant(), texts, classes, seed=1)
    assert robustness(by_attack)["worst_named_attack"] == pytest.approx(1 / 21)
    assert out_of_domain(Ignorant(), texts, classes != _HARMLESS_COLUMN)["auroc"] == pytest.approx(0.5)


def test_about_groups_counts_flags_and_referrals(model: Model) -> None:
    rates = about_groups(model, model.manifest.thresholds)
    assert 0 <= rates["harmless_flagged"] <= rates["harmless_caught"] <= 1
    assert 0 <= rates["attack_flagged"] <= rates["attack_caught"] <= 1


def test_thresholds_are_in_order(model: Model) -> None:
    thresholds = model.manifest.thresholds
    assert all(
        low <= high
        for label in thresholds.flag
        for low, high in pairwise((thresholds.refer[label], thresholds.flag[label]))
    )
