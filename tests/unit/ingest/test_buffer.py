"""The buffer is bounded, batches fill up to what one call takes, and a lone checkpoint takes no place."""

from __future__ import annotations

import asyncio

from ingest.buffer import BYTES_A_CALL, RECORDS_A_CALL, Buffer, Parcel
from tests.fakes.ingest import run

FOR_EVER = 3600.0


def parcel(number: int, size: int = 10) -> Parcel:
    return Parcel(key=str(number), data=b"x" * size, checkpoint=str(number))


def buffer(max_events: int = 10_000, max_bytes: int = 100_000_000) -> Buffer:
    return Buffer(max_events=max_events, max_bytes=max_bytes)


def test_batches_hold_as_many_records_as_one_call_takes() -> None:
    async def scenario() -> list[int]:
        waiting = buffer()
        for number in range(1200):
            await waiting.put(parcel(number))
        waiting.close()
        return [len(await waiting.take(linger=9, idle=9)) for _ in range(4)]

    assert run(scenario()) == [RECORDS_A_CALL, RECORDS_A_CALL, 200, 0]


def test_batches_hold_as_many_bytes_as_one_call_takes() -> None:
    async def scenario() -> list[list[Parcel]]:
        waiting = buffer()
        for number in range(8):
            await waiting.put(parcel(number, size=1_000_000))
        waiting.close()
        return [await waiting.take(linger=9, idle=9) for _ in range(2)]

    first, second = run(scenario())
    assert (len(first), len(second)) == (5, 3)
    assert sum(each.size for each in first) <= BYTES_A_CALL


def test_a_full_batch_does_not_linger_and_an_incomplete_one_does() -> None:
    async def scenario() -> None:
        waiting = buffer()
        for number in range(RECORDS_A_CALL + 1):
            await waiting.put(parcel(number))
        assert len(await waiting.take(linger=FOR_EVER, idle=FOR_EVER)) == RECORDS_A_CALL
        incomplete = asyncio.create_task(waiting.take(linger=FOR_EVER, idle=FOR_EVER))
        await asyncio.sleep(0.05)
        assert not incomplete.done()
        for number in range(RECORDS_A_CALL - 1):
            await waiting.put(parcel(number))
        assert len(await incomplete) == RECORDS_A_CALL

    run(scenario())


def test_an_incomplete_batch_lingers_no_longer_than_it_may() -> None:
    async def scenario() -> None:
        waiting = buffer()
        await waiting.put(parcel(1))
        assert len(await waiting.take(linger=0.01, idle=FOR_EVER)) == 1

    run(scenario())


def test_put_waits_while_there_is_no_room_for_events_or_bytes() -> None:
    async def scenario(waiting: Buffer, fitting: int) -> None:
        for number in range(fitting):
            await waiting.put(parcel(number, size=100))
        blocked = asyncio.create_task(waiting.put(parcel(99, size=100)))
        await asyncio.sleep(0.02)
        assert not blocked.done()
        assert len(waiting) == fitting
        await waiting.take(linger=0, idle=1)
        await blocked

    run(scenario(buffer(max_events=3), 3))
    run(scenario(buffer(max_bytes=450), 4))


def test_a_parcel_larger_than_the_buffer_passes_alone() -> None:
    async def scenario() -> int:
        waiting = buffer(max_bytes=50)
        await waiting.put(parcel(1, size=100))
        return len(await waiting.take(linger=0, idle=1))

    assert run(scenario()) == 1


def test_a_lone_checkpoint_joins_what_waits_already() -> None:
    async def scenario() -> list[Parcel]:
        waiting = buffer(max_events=2)
        await waiting.put(parcel(1))
        for number in range(2, 100):
            await waiting.put(Parcel(checkpoint=str(number)))
        return await waiting.take(linger=0, idle=1)

    (only,) = run(scenario())
    assert (only.key, only.checkpoint) == ("1", "99")


def test_nothing_comes_of_an_idle_buffer() -> None:
    async def scenario() -> list[Parcel]:
        return await buffer().take(linger=0, idle=0.01)

    assert run(scenario()) == []


def test_what_waits_is_counted_in_bytes_of_data_and_key() -> None:
    async def scenario() -> tuple[int, int]:
        waiting = buffer()
        await waiting.put(Parcel(key="é", data=b"123"))
        before = waiting.bytes_waiting
        await waiting.take(linger=0, idle=1)
        return before, waiting.bytes_waiting

    assert run(scenario()) == (5, 0)
