"""The model card: what a registered version is, how good it is, what it is for and what it is not.

Markdown, short enough for the registry's description. The parts are those of Mitchell et al., "Model Cards for Model
Reporting" (2019), as far as they apply.
"""

from __future__ import annotations

from typing import Final

from moderation.labels import DESCRIPTIONS, HARMFUL, LABELS
from moderation.model import Manifest
from training_jobs.environment import JobEnvironment
from training_jobs.floors import SMALL_DATA
from training_jobs.gate import Evaluation
from training_jobs.measures import Measures
from training_jobs.prepared import Summary
from training_jobs.trained import TrainingRecord

_PURPOSE: Final = (
    "Sorts one tweet into six classes and says how likely each is. Made to flag tweets, to refer doubtful ones to a "
    "person and to warn; not to punish anybody unseen, and not for languages or platforms it has not been measured on."
)

_LIMITS: Final = """## Limits
- A fifth of the public data's `other` and `not` rows carry the opposite label somewhere else, so about .90 is the
  ceiling in six classes.
- The six classes cut some grounds apart and leave others out.
- Sentences that name a group neutrally are flagged more often than others; watch them."""


def model_card(
    record: TrainingRecord,
    manifest: Manifest,
    summary: Summary,
    evaluation: Evaluation,
    environment: JobEnvironment,
) -> str:
    """Write the card of a model that passed the gate.

    Args:
        record: of the refit.
        manifest: of its artefact.
        summary: of the data it was fitted on.
        evaluation: what the gate found.
        environment: names the stage and the execution.
    """
    parts = [
        f"# Cyberbullying detection, {record.candidate}",
        _warning(summary),
        _PURPOSE,
        _data(summary),
        _recipe(record, manifest),
        _figures(evaluation.measures) if evaluation.measures else "",
        _thresholds(manifest),
        "## Gate\n" + "\n".join(f"- {check.name}: {check.detail}" for check in evaluation.checks),
        _LIMITS,
        _origin(manifest, environment),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(manifest: Manifest, environment: JobEnvironment) -> str:
    return (
        f"Stage {environment.stage}, execution {environment.retrain_execution} ({environment.retrain_reason}), "
        f"code {manifest.code_version}, {manifest.created_at}."
    )


def _warning(summary: Summary) -> str:
    if summary.rows >= SMALL_DATA:
        return ""
    return (
        f"> **Trained on {summary.rows:,} rows only**, as the sample that ships with the project has. Its figures say "
        "that the code ran and nothing of how good a model is. Never serve it to anybody."
    )


def _data(summary: Summary) -> str:
    aside = ", ".join(f"{count:,} {reason}" for reason, count in summary.rejected.items() if count)
    classes = ", ".join(f"{name} {count:,}" for name, count in summary.classes.items())
    return (
        f"## Data\n{summary.rows:,} of {summary.read:,} rows in {summary.groups:,} groups of near duplicates "
        f"(set aside: {aside or 'none'}).\n{classes}.\nSHA-256 `{summary.data_sha256}`."
    )


def _recipe(record: TrainingRecord, manifest: Manifest) -> str:
    parameters = ", ".join(f"{name}={value}" for name, value in record.parameters.items())
    return (
        f"## Recipe\n`{record.candidate}` ({parameters}), seed {record.seed}, refitted on everything after being "
        f"chosen on a validation fold that no near duplicate straddles. Calibration: {manifest.calibration.method}."
    )


def _figures(measures: Measures) -> str:
    lines = [
        f"## Figures on {measures.rows:,} unseen rows (by the validation twin)",
        _headline(measures),
        "",
        "| class | precision | recall | F1 | rows | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for label in LABELS:
        of = measures.classes[label]
        lines.append(
            f"| {label.value} | {of.precision:.3f} | {of.recall:.3f} | {of.f1:.3f} | {of.support:,} "
            f"| {DESCRIPTIONS[label]} |"
        )
    return "\n".join(lines)


def _headline(measures: Measures) -> str:
    return (
        f"macro-F1 **{measures.macro_f1:.3f}**, accuracy {measures.accuracy:.3f}, calibration error "
        f"{measures.calibration_error:.3f}; bullying caught {measures.caught:.3f} at {measures.false_alarms:.3f} false "
        f"alarms ({measures.false_alarms_at_caught:.3f} when 92% is caught)."
    )


def _thresholds(manifest: Manifest) -> str:
    flag, refer = manifest.thresholds.flag, manifest.thresholds.refer
    each = ", ".join(f"{label.value} {flag[label]:.2f}/{refer[label]:.2f}" for label in HARMFUL)
    return f"## Thresholds\nFlag/refer from a probability of harm of: {each}. {manifest.thresholds_rule}"
