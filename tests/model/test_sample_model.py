"""The behaviour of a model that was trained on the sample, as far as six hundred mild tweets can teach it.

The same code examines real models (`make evaluate`), against higher bounds. These are what the recipe reaches on the
sample by a margin, so that a change that spoils it shows, and another seed does not.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

from moderation.labels import LABELS
from training_jobs.evaluation import cruelty, identity, sentences
from training_jobs.evaluation.attacks import NAMED, OTHERS
from training_jobs.evaluation.exam import Exam
from training_jobs.evaluation.examination import calibration_error, examine
from training_jobs.evaluation.findings import Behaviour, Findings
from training_jobs.evaluation.sources import read_foreign

LEAST = {
    "capital letters": 0.85,
    "small letters": 0.85,
    "other names and links": 0.99,
    "a user name added": 0.75,
    "a full stop": 0.85,
    "wider blanks": 0.99,
    "another place": 0.75,
    "an insult added": 0.85,
    "an insult taken out": 0.85,
    "praise for an insult": 0.85,
    "a plain insult": 0.9,
    "a plain threat": 0.6,
    "a greeting": 0.6,
    "an everyday sentence": 0.9,
    "criticism of a thing": 0.6,
    "swearing at nobody": 0.75,
    "standing up against attacks": 0.5,
}
"""What the sample's model must reach of each behaviour."""

NOT_LEARNT = {"a link added"}
"""In the sample hardly anybody but the harmless links to anything, so that a link speaks for harmlessness."""


@pytest.fixture(scope="module")
def findings(sample_exam: Exam, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Everything that the report would say of the model."""
    file = tmp_path_factory.mktemp("elsewhere") / "davidson.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["", "count", "class", "tweet"])
        rows = [(1, text) for text in sentences.INSULTS] + [(0, text) for text in sentences.THREATS]
        rows += [(2, text) for text in (*sentences.GREETINGS, *sentences.EVERYDAY)]
        writer.writerows((number, 3, kind, text) for number, (kind, text) in enumerate(rows))
    return examine(sample_exam, read_foreign(file), lambda _what, _share: None)


def behaviour(findings: Findings, name: str) -> Behaviour:
    return next(each for each in findings.behaviours if each.name == name)


@pytest.mark.parametrize("name", LEAST)
def test_it_behaves(name: str, findings: Findings) -> None:
    found = behaviour(findings, name)
    assert found.share >= LEAST[name], f"{found.name} {found.expectation}: {found.share:.0%} of {found.cases}"


def test_every_behaviour_is_asked_for(findings: Findings) -> None:
    assert {each.name for each in findings.behaviours} == LEAST.keys() | NOT_LEARNT


def test_no_disguise_makes_it_blind(findings: Findings) -> None:
    assert {attack.name for attack in findings.attacks} == NAMED.keys() | OTHERS.keys()
    clean = findings.undisguised
    assert clean.macro_f1 > 0.6
    for attack in findings.attacks:
        assert attack.macro_f1 > clean.macro_f1 - (0.15 if attack.named else 0.3), attack
        assert attack.caught > clean.caught - 0.3, attack
    assert findings.worst_named == min(attack.macro_f1 for attack in findings.attacks if attack.named)
    assert findings.mean_other > clean.macro_f1 - 0.1


def test_groups_are_neither_suspects_nor_fair_game(findings: Findings) -> None:
    assert findings.neutral.flagged < 0.15
    caught = {kind.name: kind.shares.caught for kind in findings.kinds if kind.attack}
    assert caught["insult"] > 0.8
    assert findings.plain_attacks.caught > 0.65
    assert caught["without a bad word"] > findings.neutral.flagged  # a name alone must count for less than an attack


def test_cruelty_to_somebody_is_told_from_kindness(findings: Findings) -> None:
    assert [kind.attack for kind in findings.people] == [True] * len(cruelty.CRUEL) + [False] * len(cruelty.NOT_CRUEL)
    for whole, attack in ((findings.cruel, True), (findings.not_cruel, False)):
        parts = [kind.shares for kind in findings.people if kind.attack is attack]
        assert whole.rows == sum(part.rows for part in parts)
        assert whole.caught * whole.rows == pytest.approx(sum(part.caught * part.rows for part in parts))
    assert findings.cruel.caught > findings.not_cruel.caught + 0.2
    assert findings.cruel.flagged > findings.not_cruel.flagged + 0.1


def test_every_group_is_asked_about_with_every_kind_of_sentence(findings: Findings) -> None:
    cells = {(cell.group, cell.kind) for cell in findings.groups}
    kinds = [*identity.HARMLESS_KINDS, *identity.ATTACK_KINDS]
    assert cells == {(group.plural, kind) for group in identity.GROUPS for kind in kinds}
    harmless = [cell for cell in findings.groups if not cell.attack and cell.kind != "standing up for"]
    rows = sum(cell.shares.rows for cell in harmless)
    assert rows == findings.neutral.rows
    flagged = sum(cell.shares.flagged * cell.shares.rows for cell in harmless)
    assert flagged / rows == pytest.approx(findings.neutral.flagged)


def test_probabilities_add_up_and_mean_what_they_say(sample_exam: Exam, findings: Findings) -> None:
    scores = sample_exam.judge(sample_exam.texts).scores
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-9)
    assert scores.shape == (len(sample_exam.texts), len(LABELS))
    assert findings.measures.calibration_error < 0.2  # of 120 tweets in 15 bins; chance alone makes about 0.08
    assert findings.harm_calibration_error < 0.15
    assert calibration_error(findings.class_bins) == pytest.approx(findings.measures.calibration_error)
    assert sum(each.rows for each in findings.harm_bins) == findings.subject.rows


def test_it_tells_harm_from_none_better_than_a_coin(findings: Findings) -> None:
    assert findings.auroc > 0.75
    for shares in (findings.harmful, findings.harmless):
        assert shares.flagged + shares.referred + shares.passed == pytest.approx(1.0)
    assert findings.harmful.caught > findings.harmless.caught + 0.2
    x, y = ([getattr(point, axis) for point in findings.tradeoff] for axis in ("x", "y"))
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert x == sorted(x)
    assert y == sorted(y)
    assert findings.coverage[-1].y == pytest.approx(findings.measures.accuracy)
    assert findings.coverage[0].y > findings.coverage[-1].y


def test_it_works_on_tweets_from_elsewhere(findings: Findings) -> None:
    foreign = findings.out_of_domain
    assert foreign is not None
    assert (foreign.data, foreign.rows) == ("davidson.csv", 44)
    assert (foreign.harmful.rows, foreign.harmless.rows) == (20, 24)
    assert foreign.auroc > 0.85
    assert foreign.macro_f1 > 0.6


def test_the_same_seed_gives_the_same_figures(sample_exam: Exam, findings: Findings) -> None:
    again = examine(sample_exam, None, lambda _what, _share: None)
    assert again.attacks == findings.attacks
    assert again.behaviours == findings.behaviours
