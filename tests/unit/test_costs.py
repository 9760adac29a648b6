"""The arithmetic of the cost document: every row multiplies, every sum adds, every price is in the price list."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from cdk_app.stages import stage_config

DOCUMENT = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
CENT = Decimal("0.01")
STAGES = ("dev", "staging", "prod")


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
    ("dev and staging", "A retrain"),
    ("prod", "A retrain"),
)


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
    for stage, retrain in (("dev", "dev and staging"), ("staging", "dev and staging"), ("prod", "prod")):
        assert decimal(summary[stage][4]) == calculation(retrain, "A retrain").total
    for stage in ("dev", "prod"):
        for column, size in ((2, "one tweet"), (3, "200 tweets")):
            total = calculation(f"{stage}, {size} an invocation", "A million tweets").total
            assert decimal(summary[stage][column]) == total


@pytest.mark.parametrize("stage", STAGES)
def test_what_stands_is_what_the_stage_says(stage: str) -> None:
    values = stage_config(stage)
    items = "\n".join(item for item, *_ in calculation(stage, "Standing").rows)
    assert f"`{values.tracking.instance_type}`" in items
    assert f"`db.{values.tracking.database_class}`" in items
    assert ("with a standby" in items) == values.tracking.database_multi_az
    assert ("public IPv4" in items) == (not values.tracking.private)
    assert (
        f"interface endpoints, {len(values.tracking.interface_endpoints)} in {values.tracking.endpoint_zones} zone"
        in items
    )
    assert ("on-demand" in items) == (values.streams.shards is None)


@pytest.mark.parametrize(("heading", "stages"), [("dev and staging", ("dev", "staging")), ("prod", ("prod",))])
def test_retrains_run_on_the_stages_instances(heading: str, stages: tuple[str, ...]) -> None:
    items = "\n".join(item for item, *_ in calculation(heading, "A retrain").rows)
    for stage in stages:
        training = stage_config(stage).training
        assert f"`{training.training_instance}`" in items
        assert f"`{training.processing_instance}`" in items
