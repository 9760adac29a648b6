"""What holds for every test."""

from __future__ import annotations

import csv
import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine is: a deadline would measure it, and chance would pick on it.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Let processes that tests start be interrupted.

    A shell starts what it puts into the background with SIGINT ignored, and that is inherited all the way down: a run
    of the tests in the background could not test interrupts.
    """
    del config
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Entry points configure the root logger; give every test its own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _own_csv_limit() -> Iterator[None]:
    """Readers of CSV files set the process's limit on a field's size; what one test sets is nothing to another."""
    limit = csv.field_size_limit()
    yield
    csv.field_size_limit(limit)
