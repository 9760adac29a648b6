"""The arithmetic of the cost document: every row multiplies, every sum adds, every price is in the price list."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from cdk_app.settings import PAID_SOURCES
from cdk_app.stages import stage_config
from ingest import metric_names as ingest_names
from ingest.budget import X_PRICE_PER_READ
from lambdas.common import metric_names as function_names
from moderation.errors import Rejection
from moderation.labels import LABELS
from monitoring import metric_names as report_names
from stacks.constructs.retrain_definition import CANDIDATES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
CENT = Decimal("0.01")
HOURS = 730
"""Of a month, by the document."""
STAGES = ("dev", "staging", "prod")
WITH_SOURCE = tuple(stage for stage in STAGES if stage_config(stage).ingest.source is not None)


class Table(NamedTuple):
    """The rows of one calculation (item, quantity, price, product) and its sum."""

    rows: tuple[tuple[str, Decimal, Decimal, Decimal], ...]
    total: Decimal


def decimal(text: str) -> Decimal:
    return Decimal(text.strip(" *").replace(",", ""))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def row(line: list[str]) -> tuple[str, Decimal, Decimal, Decimal]:
    item, quantity, price, product = line
    return item, decimal(quantity), decimal(price), decimal(product)


def calculation(heading: str, under: str) -> Table:
    """The table below a heading of the third level in a section."""
    section = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(under + "\n")]
    [body] = [part for part in re.split(r"^### ", text, flags=re.MULTILINE) if part.startswith(heading + "\n")]
    lines = [cells(line) for line in body.splitlines() if line.startswith("|")][2:]
    *rows, total = lines
    return Table(tuple(row(line) for line in rows), decimal(total[3]))


CALCULATIONS = (
    *((stage, "Standing") for stage in STAGES),
    *(
        (f"{stage}, {size} an invocation", "A million tweets")
        for stage in ("dev", "prod")
        for size in ("one tweet", "200 tweets")
    ),
    *((heading, "Watching") for heading in (*STAGES, "a million tweets, dev", "a million tweets, staging and prod")),
    *((stage, "Tweet sources") for stage in WITH_SOURCE),
    ("what X charges, prod", "Tweet sources"),
    ("withdrawals, staging", "Tweet sources"),
    ("dev and staging", "A retrain"),
    ("prod", "A retrain"),
)


def quantity(heading: str, under: str, item: str) -> Decimal:
    """The quantity of the only row whose item begins so."""
    [found] = [row for row in calculation(heading, under).rows if row[0].startswith(item)]
    return found[1]


def items(heading: str, under: str) -> str:
    return "\n".join(item for item, *_ in calculation(heading, under).rows)


@pytest.mark.parametrize(("heading", "under"), CALCULATIONS)
def test_every_row_multiplies_and_the_sum_adds(heading: str, under: str) -> None:
    table = calculation(heading, under)
    assert [
        item
        for item, quantity, price, product in table.rows
        if (quantity * price).quantize(CENT, ROUND_HALF_UP) != product
    ] == []
    assert sum(product for *_, product in table.rows) == table.total


def test_every_price_is_in_the_price_list() -> None:
    listed = {decimal(number) for number in NUMBER.findall(DOCUMENT[DOCUMENT.index("## Prices") :])}
    used = {price for heading, under in CALCULATIONS for _, _, price, _ in calculation(heading, under).rows}
    assert used - listed == set()


def test_the_summary_repeats_the_sums() -> None:
    summary = {row[0].strip("`"): row[1:] for row in map(cells, DOCUMENT.splitlines()) if row[0].strip("`") in STAGES}
    assert set(summary) == set(STAGES)
    for stage in STAGES:
        assert decimal(summary[stage][0]) == calculation(stage, "Standing").total
        assert decimal(summary[stage][1]) == calculation(stage, "Watching").total
        source = calculation(stage, "Tweet sources").total if stage in WITH_SOURCE else 0
        assert decimal(summary[stage][2]) == source
    for stage, retrain in (("dev", "dev and staging"), ("staging", "dev and staging"), ("prod", "prod")):
        assert decimal(summary[stage][5]) == calculation(retrain, "A retrain").total
    for stage in ("dev", "prod"):
        for column, size in ((3, "one tweet"), (4, "200 tweets")):
            total = calculation(f"{stage}, {size} an invocation", "A million tweets").total
            assert decimal(summary[stage][column]) == total


@pytest.mark.parametrize("stage", STAGES)
def test_what_stands_is_what_the_stage_says(stage: str) -> None:
    values = stage_config(stage)
    standing = items(stage, "Standing")
    assert f"`{values.tracking.instance_type}`" in standing
    assert f"`db.{values.tracking.database_class}`" in standing
    assert ("with a standby" in standing) == values.tracking.database_multi_az
    assert ("public IPv4" in standing) == (not values.tracking.private)
    assert (
        f"interface endpoints, {len(values.tracking.interface_endpoints)} in {values.tracking.endpoint_zones} zone"
        in standing
    )
    assert ("on-demand" in standing) == (values.streams.shards is None)


def test_every_stage_with_a_source_is_reckoned_and_no_other() -> None:
    section = DOCUMENT.partition("\n## Tweet sources\n")[2].partition("\n## ")[0]
    assert {line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")} == {
        *WITH_SOURCE,
        "what X charges, prod",
        "withdrawals, staging",
    }


@pytest.mark.parametrize("stage", WITH_SOURCE)
def test_the_task_has_the_stages_size(stage: str) -> None:
    ingest = stage_config(stage).ingest
    processors, memory = Decimal(ingest.cpu) / 1024, Decimal(ingest.memory_mb) / 1024
    assert quantity(stage, "Tweet sources", f"Fargate task, {processors} vCPU") == processors * HOURS
    assert quantity(stage, "Tweet sources", f"its memory, {memory} GB") == memory * HOURS
    assert ("token of X" in items(stage, "Tweet sources")) == (ingest.source in PAID_SOURCES)


def test_what_x_charges_is_the_budget() -> None:
    [paid] = [stage for stage in STAGES if stage_config(stage).ingest.source in PAID_SOURCES]
    assert paid == "prod"
    budget = Decimal(str(stage_config(paid).ingest.daily_budget_usd))
    table = calculation(f"what X charges, {paid}", "Tweet sources")
    assert table.total == (budget * HOURS / 24).quantize(CENT, ROUND_HALF_UP)
    assert [price for _, _, price, _ in table.rows] == [Decimal(str(X_PRICE_PER_READ))]


@pytest.mark.parametrize("stage", STAGES)
def test_every_metric_is_counted_with_each_value_of_its_dimension(stage: str) -> None:
    sinks = {"EffectsApplied": 2, "SinkFailed": 3}  # the ledger is no sink, but can fail
    of_functions = sum(
        len(metric.services) * (1 + (len(Rejection) if metric.by == "reason" else 0)) + sinks.get(metric.name, 0)
        for metric in function_names.METRICS
    )
    assert quantity(stage, "Standing", "CloudWatch metrics") == of_functions
    values = {None: 1, "class": len(LABELS), "source": 2}
    of_report = sum(values[metric.by] for metric in report_names.METRICS)
    assert quantity(stage, "Watching", "CloudWatch metrics") == of_report
    if stage in WITH_SOURCE:
        of_budget = {ingest_names.SPEND, ingest_names.BUDGET_USED, ingest_names.BUDGET_EXHAUSTED}
        paid = stage_config(stage).ingest.source in PAID_SOURCES
        emitted = [metric for metric in ingest_names.METRICS if paid or metric not in of_budget]
        of_task = sum(2 if metric.by else 1 for metric in emitted)
        assert quantity(stage, "Tweet sources", "CloudWatch metrics") == of_task


@pytest.mark.parametrize("stage", STAGES)
def test_reports_are_as_frequent_as_the_schedule(stage: str) -> None:
    monitoring = stage_config(stage).monitoring
    watching = items(stage, "Watching")
    assert ("drift reports" in watching) == (monitoring.schedule is not None)
    if monitoring.schedule is not None:
        assert f"drift reports, {30 * 24 // monitoring.schedule_hours} of 3 minutes" in watching
        assert f"`{monitoring.instance}`" in watching


@pytest.mark.parametrize(("heading", "stages"), [("dev and staging", ("dev", "staging")), ("prod", ("prod",))])
def test_retrains_run_on_the_stages_instances(heading: str, stages: tuple[str, ...]) -> None:
    jobs = items(heading, "A retrain")
    assert f"training jobs, {len(CANDIDATES) + 1} of" in jobs
    for stage in stages:
        training = stage_config(stage).training
        assert f"`{training.training_instance}`" in jobs
        assert f"`{training.processing_instance}`" in jobs
