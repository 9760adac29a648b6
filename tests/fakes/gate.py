"""What tests of the gate ask of an evaluation, and the worst model that they show it."""

from __future__ import annotations

import msgspec

from tests.fakes.artefact import keyword_model
from training_jobs.gate import Evaluation
from training_jobs.trained import Trained


def failed(evaluation: Evaluation) -> list[str]:
    assert evaluation.passed == (not [check for check in evaluation.checks if not check.passed])
    return [check.name for check in evaluation.checks if not check.passed]


def serve_constant(trained: Trained) -> None:
    """Put in the place of the artefact one that calls every tweet of these tests harmless."""
    digest = keyword_model().save(trained.artefact)
    object.__setattr__(trained, "record", msgspec.structs.replace(trained.record, artefact_sha256=digest))
