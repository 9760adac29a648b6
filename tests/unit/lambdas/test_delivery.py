"""Sending within limits, sending again, and giving up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.delivery import NOT_TRIED, OVERSIZED, Delivery, Fault, Limits, Retry, chunks, deliver, fault_code
from tests.fakes.aws import client_error
from tests.fakes.time import noted_retry

LIMITS = Limits(entries=3, total=10, entry=8)


class Service:
    """Accepts numbers, except those in ``refuse``, for as many times as it says there."""

    def __init__(self, refuse: dict[int, int] | None = None, *, retryable: bool = True) -> None:
        self.refuse = refuse or {}
        self.retryable = retryable
        self.calls: list[list[int]] = []

    def send(self, entries: Sequence[int]) -> list[Fault | None]:
        self.calls.append(list(entries))
        return [self._answer(entry) for entry in entries]

    def _answer(self, entry: int) -> Fault | None:
        if self.refuse.get(entry, 0) == 0:
            return None
        self.refuse[entry] -= 1
        return Fault("Throttled", self.retryable)


def run(service: Service, number: int, retry: Retry, *, in_order: bool = True) -> Delivery:
    return deliver(list(range(number)), [1] * number, service.send, limits=LIMITS, retry=retry, in_order=in_order)


@given(st.lists(st.integers(0, 10), max_size=60))
def test_chunks_hold_everything_once_in_order_within_the_limits(sizes: list[int]) -> None:
    runs = list(chunks(sizes, LIMITS))
    assert [position for some in runs for position in some] == list(range(len(sizes)))
    for some in runs:
        assert 1 <= len(some) <= LIMITS.entries
        assert sum(sizes[position] for position in some) <= LIMITS.total


@given(st.lists(st.integers(0, 10), min_size=1, max_size=60))
def test_no_chunk_would_have_had_room_for_the_next_entry(sizes: list[int]) -> None:
    runs = list(chunks(sizes, LIMITS))
    for some, following in itertools.pairwise(runs):
        full = len(some) == LIMITS.entries
        assert full or sum(sizes[position] for position in some) + sizes[following.start] > LIMITS.total


def test_only_refused_entries_are_sent_again() -> None:
    service, pauses = Service({1: 2}), list[float]()
    delivery = run(service, 3, noted_retry(pauses))
    assert delivery.failed == {}
    assert delivery.retried == 2
    assert service.calls == [[0, 1, 2], [1], [1]]
    assert pauses == [0.1, 0.2]


def test_pauses_double_up_to_the_cap_and_are_shortened_by_chance() -> None:
    pauses: list[float] = []
    retry = Retry(base=0.1, cap=0.3, sleep=pauses.append, jitter=lambda: 0.5)
    for attempt in range(4):
        retry.pause(attempt)
    assert pauses == pytest.approx([0.05, 0.1, 0.15, 0.15])


def test_what_is_refused_to_the_last_is_reported_by_its_code() -> None:
    service, pauses = Service({1: 99}), list[float]()
    delivery = run(service, 3, noted_retry(pauses, attempts=3))
    assert delivery.failed == {1: "Throttled"}
    assert delivery.first_failed == 1
    assert len(service.calls) == 3
    assert len(pauses) == 2, "no pause after the last attempt"


def test_what_cannot_help_is_not_sent_again() -> None:
    service = Service({1: 99}, retryable=False)
    assert run(service, 3, noted_retry(), in_order=False).failed == {1: "Throttled"}
    assert len(service.calls) == 1


def test_in_order_nothing_is_sent_after_a_failed_call() -> None:
    service = Service({4: 99})
    delivery = run(service, 9, noted_retry(attempts=1))
    assert service.calls == [[0, 1, 2], [3, 4, 5]]
    assert delivery.failed == {4: "Throttled", 6: NOT_TRIED, 7: NOT_TRIED, 8: NOT_TRIED}


def test_out_of_order_one_refused_entry_does_not_stop_the_others() -> None:
    service = Service({4: 99})
    delivery = run(service, 9, noted_retry(attempts=1), in_order=False)
    assert len(service.calls) == 3
    assert delivery.failed == {4: "Throttled"}


def test_a_call_refused_as_a_whole_ends_the_delivery_even_out_of_order() -> None:
    service = Service({3: 99, 4: 99, 5: 99})
    delivery = run(service, 9, noted_retry(attempts=1), in_order=False)
    assert len(service.calls) == 2
    assert set(delivery.failed) == {3, 4, 5, 6, 7, 8}


def test_an_oversized_entry_is_not_sent_and_the_others_are() -> None:
    service = Service()
    delivery = deliver(
        [0, 1, 2], [1, LIMITS.entry + 1, 1], service.send, limits=LIMITS, retry=noted_retry(), in_order=False
    )
    assert delivery.failed == {1: OVERSIZED}
    assert service.calls == [[0, 2]]


@pytest.mark.parametrize(
    ("error", "code"),
    [(client_error("AccessDenied"), "AccessDenied"), (ReadTimeoutError(endpoint_url="x"), "ReadTimeoutError")],
)
def test_a_call_that_raises_fails_its_entries_and_is_left_to_botocore_to_repeat(error: Exception, code: str) -> None:
    calls: list[Sequence[int]] = []

    def send(entries: Sequence[int]) -> list[Fault | None]:
        calls.append(entries)
        raise error

    delivery = deliver([0, 1], [1, 1], send, limits=LIMITS, retry=noted_retry(), in_order=True)
    assert delivery.failed == {0: code, 1: code}
    assert len(calls) == 1
    assert fault_code(error) == code


def test_a_call_that_raises_on_the_second_attempt_fails_only_what_was_left() -> None:
    answers: list[list[Fault | None] | Exception] = [[None, Fault("Throttled", True)], client_error("Down")]

    def send(entries: Sequence[int]) -> list[Fault | None]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    delivery = deliver([0, 1], [1, 1], send, limits=LIMITS, retry=noted_retry(), in_order=True)
    assert delivery.failed == {1: "Down"}


def test_an_error_of_our_own_is_not_taken_for_a_service_that_is_down() -> None:
    def send(entries: Sequence[int]) -> list[Fault | None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver([0], [1], send, limits=LIMITS, retry=noted_retry(), in_order=True)


def test_nothing_to_send_is_no_call() -> None:
    service = Service()
    assert run(service, 0, noted_retry()).first_failed is None
    assert service.calls == []
