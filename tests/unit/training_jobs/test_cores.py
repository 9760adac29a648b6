"""Fits side by side: in the order that they were given, in processes if that is worth it, and the same either way."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest

from moderation.labels import Label
from training_jobs.candidates import fit
from training_jobs.fitting import cores
from training_jobs.fitting.cores import WORTHWHILE, side_by_side

_TEXTS = [
    f"{word} {filling} number {number}"
    for number in range(16)
    for word in ("school", "tribe", "wife", "church", "idiot", "bread")
    for filling in ("today",)
]
_LABELS = list(Label) * 16


def test_results_come_in_order() -> None:
    assert list(side_by_side([partial(pow, 2, power) for power in range(9)], rows=1)) == [2**n for n in range(9)]


def test_small_fits_stay_in_this_process() -> None:
    assert set(side_by_side([os.getpid] * 3, rows=WORTHWHILE - 1)) == {os.getpid()}


def test_large_fits_are_done_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cpu_count", lambda: 2)
    assert os.getpid() not in set(side_by_side([os.getpid] * 3, rows=WORTHWHILE))


def test_what_goes_wrong_in_another_process_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cpu_count", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        list(side_by_side([partial(divmod, 1, 0)] * 2, rows=WORTHWHILE))


def test_the_model_is_the_same_however_many_cores_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = []
    for number in (1, 2):
        monkeypatch.setattr(cores, "cpu_count", lambda number=number: number)
        monkeypatch.setattr(cores, "WORTHWHILE", 1)
        fitted = fit("stack", _TEXTS, _LABELS, groups=range(len(_TEXTS)), seed=7, data_sha256="0" * 64)
        scores.append(fitted.score(_TEXTS))
    assert np.array_equal(scores[0], scores[1])
