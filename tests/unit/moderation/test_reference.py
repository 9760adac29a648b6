from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

from moderation.errors import BadArtefactError
from moderation.labels import HARMFUL, LABELS, Label
from moderation.messages import Decision
from moderation.policy import Thresholds
from moderation.reference import ReferenceVerdict, read_reference, reference_verdicts, write_reference

THRESHOLDS = Thresholds(flag=dict.fromkeys(HARMFUL, 0.9), refer=dict.fromkeys(HARMFUL, 0.6))


def verdicts() -> list[ReferenceVerdict]:
    scores = np.full((2, len(LABELS)), 0.01)
    scores[0, LABELS.index(Label.RELIGION)] = 0.95
    scores[1, LABELS.index(Label.NOT_CYBERBULLYING)] = 0.95
    return list(reference_verdicts(["one", "two"], [Label.RELIGION, Label.AGE], scores, THRESHOLDS))


def test_verdicts_are_those_the_policy_makes() -> None:
    first, second = verdicts()
    assert (first.classification, first.decision, first.confidence) == (Label.RELIGION, Decision.FLAG, 0.95)
    assert (second.classification, second.decision) == (Label.NOT_CYBERBULLYING, Decision.PASS)
    assert second.label is Label.AGE


def test_a_file_reads_as_it_was_written_and_is_the_same_each_time(tmp_path: Path) -> None:
    assert write_reference(tmp_path / "one", verdicts()) == 2
    write_reference(tmp_path / "two", verdicts())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with (tmp_path / "one").open("rb") as file:
        assert list(read_reference(file)) == verdicts()


def test_a_file_that_was_written_by_its_reader_is_read(tmp_path: Path) -> None:
    """Such a file names a mode of writing, which gzip would take for its own."""
    write_reference(tmp_path / "file", verdicts())
    with tempfile.SpooledTemporaryFile() as file:
        file.write((tmp_path / "file").read_bytes())
        file.seek(0)
        assert list(read_reference(file)) == verdicts()


def test_lines_that_are_not_compressed_are_read_too() -> None:
    line = b'{"text":"x","label":"age","classification":"age","confidence":0.5,"decision":"pass"}\n\n'
    assert len(list(read_reference(io.BytesIO(line)))) == 1


def test_a_line_that_is_no_verdict_is_refused_without_being_quoted() -> None:
    with pytest.raises(BadArtefactError, match="line 1") as caught:
        list(read_reference(io.BytesIO(b'{"text":"secret words"}\n')))
    assert "secret" not in str(caught.value)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    write_reference(tmp_path / "file", verdicts())
    whole = (tmp_path / "file").read_bytes()
    with pytest.raises(BadArtefactError, match="damaged"):
        list(read_reference(io.BytesIO(whole[: len(whole) // 2])))
