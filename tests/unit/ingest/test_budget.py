"""The budget is never exceeded: not by one task, not by two, not by one that is killed and starts again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.budget import Budget
from ingest.checkpoint import MemoryStore
from ingest.errors import BudgetExhaustedError, SettingsError
from tests.fakes.ingest import FakeTime, run


def budget(store: MemoryStore, time: FakeTime, dollars: float = 5.0) -> Budget:
    return Budget(store, time, dollars_a_day=dollars, price=0.005)


def test_the_limit_is_what_the_money_buys() -> None:
    assert budget(MemoryStore(), FakeTime()).limit == 1000
    assert budget(MemoryStore(), FakeTime(), dollars=0.0149).limit == 2


@pytest.mark.parametrize(("dollars", "price"), [(0.004, 0.005), (0.0, 0.005), (1.0, 0.0)])
def test_a_budget_that_buys_nothing_is_a_mistake(dollars: float, price: float) -> None:
    with pytest.raises(SettingsError):
        Budget(MemoryStore(), FakeTime(), dollars_a_day=dollars, price=price)


def test_reading_stops_at_the_limit() -> None:
    store = MemoryStore()
    spent = budget(store, FakeTime())

    async def read(count: int) -> None:
        for _ in range(count):
            await spent.take(1)

    run(read(1000))
    with pytest.raises(BudgetExhaustedError):
        run(read(1))
    assert spent.spending().dollars == pytest.approx(5.0)
    assert spent.spending().percent == 100.0


def test_the_next_day_has_a_budget_of_its_own() -> None:
    time = FakeTime()
    spent = budget(MemoryStore(), time)
    run(spent.take(1000))
    time.unix += 16 * 3600
    run(spent.take(1))
    assert spent.spending().dollars == pytest.approx(0.005)


def test_two_tasks_share_a_budget() -> None:
    store = MemoryStore()
    first, second = budget(store, FakeTime()), budget(store, FakeTime())
    run(first.take(700))
    run(second.take(295))
    with pytest.raises(BudgetExhaustedError):
        run(second.take(100))


@given(st.lists(st.integers(min_value=1, max_value=60), max_size=40), st.sets(st.integers(0, 40), max_size=10))
def test_killed_tasks_count_too_much_rather_than_too_little(takes: list[int], kills: set[int]) -> None:
    store, time = MemoryStore(), FakeTime()
    spent = budget(store, time)

    async def scenario() -> int:
        nonlocal spent
        really = 0
        for position, reads in enumerate(takes):
            if position in kills:
                spent = budget(store, time)
            try:
                await spent.take(reads)
            except BudgetExhaustedError:
                break
            really += reads
        return really

    really = run(scenario())
    assert really <= sum(store.reads.values()) <= 1000
