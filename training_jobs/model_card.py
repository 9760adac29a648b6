"""The model card: what a registered version is, how good it is, what it is for and what it is not.

Markdown, short enough for the registry's description. The parts are those of Mitchell et al., "Model Cards for Model
Reporting" (2019), as far as they apply.
"""

from __future__ import annotations

from typing import Final

from moderation.labels import DESCRIPTIONS, HARMFUL, LABELS
from moderation.manifest import Manifest
from training_jobs.behaviour import Behaviour, DecisionShares
from training_jobs.conformal import Conformal
from training_jobs.environment import JobEnvironment
from training_jobs.floors import SMALL_DATA
from training_jobs.gate import BesideBaseline, Evaluation
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
- Sentences that name a group may be taken for attacks on it, and attacks without a bad word pass; watch both."""


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
        _origin(manifest, environment),
        _figures(evaluation.measures) if evaluation.measures else "",
        _baseline(evaluation.baseline) if evaluation.baseline else "",
        _doubt(evaluation.measures, evaluation.conformal) if evaluation.measures else "",
        _behaviour(evaluation.behaviour) if evaluation.behaviour else "",
        _thresholds(manifest),
        _decisions(evaluation.behaviour.decisions) if evaluation.behaviour else "",
        _LIMITS,
        _gate(evaluation),
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
    if manifest.recalibrated:
        return (
            f"## Recipe\n`{record.candidate}` ({parameters}): the champion, its last layer and thresholds refitted on "
            f"{manifest.recalibrated.labels:,} reviewed tweets of this deployment (SHA-256 "
            f"`{manifest.recalibrated.labels_sha256}`). Parent `{manifest.recalibrated.parent_sha256}`."
        )
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


def _gate(evaluation: Evaluation) -> str:
    """The checks, late in the card, as a registry cuts long descriptions off.

    Floors are only counted: the figures that they are held against stand above.
    """
    lines = [f"- {check.name}: {check.detail}" for check in evaluation.checks if not check.name.startswith("floor ")]
    floors = [check for check in evaluation.checks if check.name.startswith("floor ")]
    kept = sum(check.passed for check in floors)
    return "\n".join(["## Gate", *lines, f"- floors: {kept} of {len(floors)} kept, see `training_jobs/floors.py`"])


def _baseline(beside: BesideBaseline) -> str:
    of = beside.difference
    return (
        f"## Beside the published recipe\nmacro-F1 {of.mean:+.4f} (95% interval {of.low:+.4f} to {of.high:+.4f}, "
        f"bootstrapped over groups of near duplicates) against {beside.macro_f1:.3f} of `{beside.baseline}`, fitted on "
        "the same rows and measured on the same fold. That recipe reads user names, which no served model does."
    )


def _doubt(measures: Measures, sets: Conformal | None) -> str:
    lines = ["## When it is not sure"]
    if measures.accuracy_at_90 is not None and measures.accuracy_at_80 is not None:
        lines.append(
            f"Accuracy is {measures.accuracy_at_90:.3f} on the 90% of the rows that it is surest of, and "
            f"{measures.accuracy_at_80:.3f} on the surest 80%."
        )
    if sets is None:
        lines.append("Too few rows of a class for conformal sets.")
    else:
        covered = ", ".join(f"{label.value} {share:.3f}" for label, share in sets.coverage.items())
        lines.append(
            f"Sets of classes that are to hold the true one for {1 - sets.alpha:.0%} of every class's tweets "
            f"(Mondrian split conformal) hold {sets.mean_size:.2f} classes on average and one class for "
            f"{sets.single:.0%} of the tweets. Measured on the half of the groups that they were not set on, they "
            f"cover: {covered}."
        )
    return "\n".join(lines)


def _behaviour(behaviour: Behaviour) -> str:
    robustness, groups, people = behaviour.robustness, behaviour.groups, behaviour.people
    worst = min(robustness.attacks, key=lambda name: robustness.attacks[name])
    return (
        f"## Under attack, about people, in time\nOn {robustness.rows:,} of these rows, disguised: macro-F1 "
        f"{robustness.worst_named_attack:.3f} under the worst well-known kind, "
        f"{robustness.mean_other_attack:.3f} on average under others, least under `{worst}` "
        f"({robustness.attacks[worst]:.3f}). Of harmless sentences about groups {groups.harmless_flagged:.1%} are "
        f"flagged, {groups.harmless_caught - groups.harmless_flagged:.1%} referred; of attacks on them "
        f"{groups.attack_caught:.1%} are either. Of cruelty to one person {people.cruel_caught:.1%} is flagged or "
        f"referred; of harmless sentences on the same subjects {people.harmless_flagged:.1%} are flagged. "
        f"One core scores {behaviour.tweets_per_second:,.0f} tweets a second."
    )


def _decisions(shares: DecisionShares) -> str:
    return (
        f"In plain words, on these rows: of 100 harmless tweets {100 * shares.harmless_flagged:.1f} are flagged and "
        f"{100 * shares.harmless_referred:.1f} referred to a person; of 100 harmful ones "
        f"{100 * shares.harmful_flagged:.1f} are flagged, {100 * shares.harmful_referred:.1f} referred, and "
        f"{100 * shares.harmful_passed:.1f} pass unseen. On a stream with fewer harmful tweets than these rows hold, "
        "most of what is referred will be harmless."
    )
