"""The memory of who was warned for what."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from lambdas.warn.entries import Entry, Status, new_entry
from lambdas.warn.ledger import DynamoLedger, LedgerUnavailableError, quota_key
from moderation.effects import DEFAULT_POLICY, Effect
from moderation.messages import Decision
from tests.fakes import records
from tests.fakes.aws import as_client, client_error
from tests.fakes.dynamodb import FakeDynamoDB, cancelled
from tests.fakes.dynamodb import TransactionInProgressError as InProgress
from tests.fakes.time import noted_retry

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = "2026-11-23"


def entry(identifier: str, decision: Decision = Decision.FLAG) -> Entry:
    return new_entry(records.verdict(identifier, decision), DEFAULT_POLICY, NOW)


def entries(number: int, decision: Decision = Decision.FLAG) -> list[Entry]:
    return [entry(str(position), decision) for position in range(number)]


def ledger(table: FakeDynamoDB, quota: int = 1000, attempts: int = 4) -> DynamoLedger:
    return DynamoLedger(as_client(table), "warnings", quota, noted_retry(attempts=attempts))


def count(table: FakeDynamoDB) -> int:
    return int(table.items.get(quota_key(DAY), {}).get("issued", {"N": "0"})["N"])


def test_what_is_recorded_is_read_again() -> None:
    table = FakeDynamoDB()
    anonymous = msgspec.structs.replace(entry("2", Decision.REFER), author_id=None)
    recorded = ledger(table).record([entry("1"), anonymous], DAY)
    assert set(recorded.made) == {"1#default-1", "2#default-1"}
    assert ledger(table).read(["1#default-1", "2#default-1", "3#default-1"]) == {
        "1#default-1": entry("1"),
        "2#default-1": anonymous,
    }
    assert "author_id" not in table.items["2#default-1"]


def test_an_entry_expires_and_so_does_the_count() -> None:
    table = FakeDynamoDB()
    ledger(table).record([entry("1")], DAY)
    ninety_days = int(datetime(2027, 2, 21, 12, tzinfo=UTC).timestamp())
    assert table.items["1#default-1"]["expires_at"] == {"N": str(ninety_days)}
    assert table.items[quota_key(DAY)]["expires_at"] == {"N": str(ninety_days)}


def test_many_entries_take_few_transactions_and_reads() -> None:
    table = FakeDynamoDB()
    recorded = ledger(table).record(entries(250), DAY)
    assert len(recorded.made) == 250
    assert table.calls.count("transact_write_items") == 3
    assert count(table) == 250
    table.calls.clear()
    assert len(ledger(table).read(list(recorded.made))) == 250
    assert table.calls == ["batch_get_item"] * 3


def test_warnings_beyond_the_quota_are_held() -> None:
    table = FakeDynamoDB()
    recorded = ledger(table, quota=3).record(entries(5), DAY)
    assert [made.status for made in recorded.made.values()] == [Status.ISSUED] * 3 + [Status.HELD] * 2
    assert count(table) == 3
    more = ledger(table, quota=3).record([entry("9")], DAY)
    assert [made.status for made in more.made.values()] == [Status.HELD]
    assert count(table) == 3


def test_a_new_day_has_a_new_quota() -> None:
    table = FakeDynamoDB()
    ledger(table, quota=1).record([entry("1")], DAY)
    recorded = ledger(table, quota=1).record([entry("2")], "2026-11-24")
    assert recorded.made["2#default-1"].status is Status.ISSUED


def test_referrals_cost_no_quota() -> None:
    table = FakeDynamoDB()
    recorded = ledger(table, quota=0).record(entries(2, Decision.REFER), DAY)
    assert {made.status for made in recorded.made.values()} == {Status.REFERRED}
    assert quota_key(DAY) not in table.items


def test_a_quota_used_up_by_somebody_else_in_the_meantime_holds_the_rest() -> None:
    table = FakeDynamoDB()
    ledger(table, quota=4).record([entry("before")], DAY)

    def somebody_else() -> None:
        table.meddle = lambda: None
        ledger(table, quota=4).record([entry("else1"), entry("else2")], DAY)

    table.meddle = somebody_else
    recorded = ledger(table, quota=4).record(entries(2), DAY)
    assert [made.status for made in recorded.made.values()] == [Status.ISSUED, Status.HELD]
    assert count(table) == 4


def test_an_entry_made_by_somebody_else_in_the_meantime_is_found_and_not_counted_twice() -> None:
    table = FakeDynamoDB()

    def somebody_else() -> None:
        table.meddle = lambda: None
        ledger(table).record([entry("1")], DAY)

    table.meddle = somebody_else
    recorded = ledger(table).record(entries(3), DAY)
    assert set(recorded.found) == {"1#default-1"}
    assert set(recorded.made) == {"0#default-1", "2#default-1"}
    assert count(table) == 3


def test_what_somebody_else_made_leaves_its_share_of_the_quota_to_the_others() -> None:
    table = FakeDynamoDB()
    ledger(table, quota=3).record(entries(2), DAY)
    recorded = ledger(table, quota=3).record(entries(3), DAY)
    assert set(recorded.found) == {"0#default-1", "1#default-1"}
    assert recorded.made["2#default-1"].status is Status.ISSUED


def test_all_entries_made_by_somebody_else_leave_nothing_to_do() -> None:
    table = FakeDynamoDB()

    def somebody_else() -> None:
        table.meddle = lambda: None
        ledger(table).record(entries(2), DAY)

    table.meddle = somebody_else
    recorded = ledger(table).record(entries(2), DAY)
    assert len(recorded.found) == 2
    assert recorded.made == {}
    assert recorded.lost == set()
    assert count(table) == 2


@pytest.mark.parametrize(
    "fault",
    [cancelled(["None", "TransactionConflict"]), client_error("TransactionInProgressException", kind=InProgress)],
)
def test_a_transaction_that_meets_another_is_tried_again(fault: Exception) -> None:
    table = FakeDynamoDB(faults=[None, fault, None])  # the count is read, the first transaction fails
    recorded = ledger(table).record([entry("1")], DAY)
    assert set(recorded.made) == {"1#default-1"}
    assert count(table) == 1


def test_a_transaction_that_keeps_meeting_others_is_lost_for_now() -> None:
    table = FakeDynamoDB()

    def conflict() -> None:
        raise cancelled(["TransactionConflict", "None"])

    table.meddle = conflict
    recorded = ledger(table).record([entry("1")], DAY)
    assert recorded.lost == {"1#default-1"}
    assert table.items == {}


def test_keys_that_were_left_out_are_asked_for_again() -> None:
    table = FakeDynamoDB()
    made = ledger(table).record(entries(10), DAY).made
    table.unprocessed.extend([10, 4])
    assert len(ledger(table).read(list(made))) == 10


def test_keys_that_are_left_out_for_ever_make_the_ledger_unavailable() -> None:
    table = FakeDynamoDB()
    table.unprocessed.extend([1] * 4)
    with pytest.raises(LedgerUnavailableError):
        ledger(table).read(["1#default-1"])


def test_what_was_done_is_remembered_beside_what_was_done_before() -> None:
    table = FakeDynamoDB()
    ledger(table).record(entries(150), DAY)
    keys = list(table.items)[:-1]
    table.calls.clear()
    ledger(table).mark({key: [Effect.NOTIFY] for key in keys})
    ledger(table).mark({keys[0]: [Effect.ANNOUNCE_FLAGGED]})
    assert table.calls == ["transact_write_items"] * 3
    found = ledger(table).read(keys[:2])
    done = [item.done for item in found.values() if isinstance(item, Entry)]
    assert done == [{Effect.NOTIFY, Effect.ANNOUNCE_FLAGGED}, {Effect.NOTIFY}]


def test_marking_that_keeps_meeting_others_makes_the_ledger_unavailable() -> None:
    table = FakeDynamoDB(faults=[cancelled(["TransactionConflict"])] * 4)
    with pytest.raises(LedgerUnavailableError):
        ledger(table).mark({"1#default-1": [Effect.NOTIFY]})


def test_a_refusal_is_not_mistaken_for_an_answer() -> None:
    table = FakeDynamoDB(faults=[client_error("AccessDeniedException")])
    with pytest.raises(Exception, match="AccessDenied"):
        ledger(table).read(["1#default-1"])
