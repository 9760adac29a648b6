"""Figures, held against scikit-learn and against counting by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from moderation.labels import LABELS, Label
from training_jobs.measures import columns_of, measure, paired_difference
from training_jobs.pictures import draw_calibration, draw_confusion


def sure_of(columns: list[int], confidence: float = 0.9) -> NDArray[np.float64]:
    scores = np.full((len(columns), 6), (1 - confidence) / 5)
    scores[np.arange(len(columns)), columns] = confidence
    return scores


def random_case(rows: int = 500, seed: int = 5) -> tuple[NDArray[np.float64], list[Label]]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 6, rows)
    scores = generator.dirichlet(np.ones(6), rows)
    scores[np.arange(rows), truth] += 0.4
    return scores / scores.sum(axis=1, keepdims=True), [LABELS[i] for i in truth]


def test_the_figures_are_scikit_learns() -> None:
    scores, labels = random_case()
    truth, predicted = columns_of(labels), scores.argmax(axis=1)
    measures = measure(scores, labels)
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=range(6))
    assert measures.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert measures.macro_f1 == pytest.approx(f1.mean())
    assert measures.confusion == confusion_matrix(truth, predicted, labels=range(6)).tolist()
    for i, label in enumerate(LABELS):
        of = measures.classes[label]
        assert (of.precision, of.recall, of.f1, of.support) == pytest.approx(
            (precision[i], recall[i], f1[i], support[i])
        )


def test_harm_as_such() -> None:
    labels = [Label.AGE, Label.GENDER, Label.RELIGION, Label.NOT_CYBERBULLYING, Label.NOT_CYBERBULLYING]
    measures = measure(sure_of([1, 2, 5, 5, 0]), labels)  # age taken for ethnicity is still caught
    assert measures.caught == pytest.approx(2 / 3)
    assert measures.false_alarms == pytest.approx(1 / 2)


def test_false_alarms_are_counted_where_92_percent_are_caught() -> None:
    harm = [*np.linspace(0.99, 0.5, 100), *np.linspace(0.9, 0.0, 100)]
    scores = np.zeros((200, 6))
    scores[:, 5] = 1 - np.array(harm)
    scores[:, 0] = harm
    measures = measure(scores, [Label.AGE] * 100 + [Label.NOT_CYBERBULLYING] * 100)
    threshold = sorted(harm[:100], reverse=True)[91]
    assert measures.false_alarms_at_caught == pytest.approx(np.mean(np.array(harm[100:]) >= threshold))


def test_calibration() -> None:
    labels = [LABELS[0]] * 100
    assert measure(sure_of([0] * 90 + [1] * 10, 0.9), labels).calibration_error == pytest.approx(0.0, abs=1e-9)
    assert measure(sure_of([0] * 50 + [1] * 50, 0.9), labels).calibration_error == pytest.approx(0.4)


def test_a_class_without_rows_does_not_count() -> None:
    measures = measure(sure_of([0, 1, 1]), [LABELS[0], LABELS[1], LABELS[1]])
    assert measures.macro_f1 == 1.0
    assert measures.classes[LABELS[2]].f1 == 0.0
    assert measures.false_alarms == measures.false_alarms_at_caught == 0.0


def test_every_figure_has_a_flat_name() -> None:
    flat = measure(*random_case()).flat()
    assert {"macro_f1", "caught", "f1/age", "recall/not_cyberbullying", "rows"} <= set(flat)
    assert all(isinstance(value, float) for value in flat.values())


def test_a_model_beside_itself_differs_by_nothing() -> None:
    scores, labels = random_case()
    difference = paired_difference(scores, scores, labels, np.arange(500), resamples=50)
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)


def test_a_clearly_worse_model_lies_below_and_the_other_way_round_above() -> None:
    scores, labels = random_case()
    spoilt = scores.copy()
    spoilt[:150] = sure_of([0] * 150)
    worse = paired_difference(spoilt, scores, labels, np.arange(500), resamples=200)
    better = paired_difference(scores, spoilt, labels, np.arange(500), resamples=200)
    assert worse.low < worse.mean < worse.high < 0 < better.low
    assert worse.mean == pytest.approx(-better.mean)
    assert worse.mean == pytest.approx(measure(spoilt, labels).macro_f1 - measure(scores, labels).macro_f1)


def test_groups_make_the_interval_wider() -> None:
    scores, labels = random_case(600)
    other, _ = random_case(600, seed=6)
    labels = [LABELS[i % 6] for i in range(600)]
    scores, other = np.tile(scores[:60], (10, 1)), np.tile(other[:60], (10, 1))  # ten copies of each row
    alone = paired_difference(scores, other, labels, np.arange(600))
    grouped = paired_difference(scores, other, labels, np.arange(600) % 60)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    scores, labels = random_case()
    draw_confusion(measure(scores, labels).confusion, "a title", tmp_path / "confusion.png")
    draw_calibration(scores, columns_of(labels), "a title", tmp_path / "calibration.png")
    for name in ("confusion.png", "calibration.png"):
        with Image.open(tmp_path / name) as image:
            assert image.format == "PNG"
            assert len(image.getcolors(1 << 20) or []) > 20


def test_a_confusion_matrix_with_an_empty_class_is_drawn(tmp_path: Path) -> None:
    draw_confusion([[0] * 6 for _ in range(6)], "nothing", tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0
