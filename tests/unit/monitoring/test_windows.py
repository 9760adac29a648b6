from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from moderation.labels import Label
from moderation.messages import Decision
from moderation.reference import ReferenceVerdict
from moderation.tombstones import Tombstone, encode_lines
from monitoring.windows import Sample, current_window, read_labels, reference_window
from tests.fakes.monitoring import MemoryStore, archived, tweet_line, verdict_line

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
INSIDE = END - timedelta(minutes=30)
BEFORE = END - timedelta(hours=30)


def test_the_window_holds_verdicts_of_its_hours_with_their_tweets() -> None:
    objects = archived(
        {
            "verdicts": [
                (INSIDE, verdict_line("1", INSIDE)),
                (INSIDE, verdict_line("2", INSIDE, Label.RELIGION, confidence=0.5, version="4")),
                (BEFORE, verdict_line("3", BEFORE)),
                (END, verdict_line("4", END)),
            ],
            "tweets": [(INSIDE, tweet_line("1", "one", lang="en")), (INSIDE, tweet_line("3", "three"))],
        }
    )
    window = current_window(MemoryStore(objects), None, end=END, hours=24, label_hours=24)
    assert window.verdicts == 2
    assert dict(window.classes) == {Label.AGE: 1, Label.RELIGION: 1}
    assert dict(window.versions) == {"3": 1, "4": 1}
    assert dict(window.sources) == {"unknown": 2}
    assert window.confidence == 1.4
    assert {(row.text, row.lang) for row in window.rows} == {("one", "en"), (None, None)}
    assert window.text_missing == 0.5
    assert not window.labelled


def test_an_object_that_was_delivered_late_is_still_found() -> None:
    late = END + timedelta(minutes=30)
    objects = archived({"verdicts": [(late, verdict_line("1", INSIDE))]})
    assert current_window(MemoryStore(objects), None, end=END, hours=1, label_hours=1).verdicts == 1


def test_labels_are_joined_to_verdicts_older_than_the_window() -> None:
    objects = archived({"verdicts": [(INSIDE, verdict_line("1", INSIDE)), (BEFORE, verdict_line("2", BEFORE))]})
    labels = MemoryStore({"2026-11-23.csv": b"tweet_id,label\n1,age\n2,gender\n9,age\n"})
    window = current_window(MemoryStore(objects), labels, end=END, hours=24, label_hours=48)
    assert window.verdicts == 1
    assert {row.label for row in window.labelled} == {Label.AGE, Label.GENDER}


def test_a_tweet_classified_twice_is_one_row_and_a_duplicate() -> None:
    objects = archived({"verdicts": [(INSIDE, verdict_line("1", INSIDE))] * 3 + [(INSIDE, verdict_line("2", INSIDE))]})
    window = current_window(MemoryStore(objects), None, end=END, hours=1, label_hours=1)
    assert (window.verdicts, len(window.rows), window.duplicates) == (4, 2, 0.5)


def test_records_that_are_not_to_contract_are_counted_and_left_out() -> None:
    objects = archived(
        {
            "verdicts": [(INSIDE, b'{"schema_version":9}'), (INSIDE, b"\xff"), (INSIDE, verdict_line("1", INSIDE))],
            "tweets": [(INSIDE, b"not JSON")],
        }
    )
    window = current_window(MemoryStore(objects), None, end=END, hours=1, label_hours=1)
    assert (window.verdicts, window.unreadable) == (1, 2)


def test_an_empty_archive_is_an_empty_window() -> None:
    window = current_window(MemoryStore({}), MemoryStore({}), end=END, hours=24, label_hours=168)
    assert (window.verdicts, window.rows, window.text_missing, window.duplicates) == (0, [], 0.0, 0.0)


def test_counts_are_of_all_verdicts_rows_of_a_sample() -> None:
    many = [(INSIDE, verdict_line(str(number), INSIDE)) for number in range(300)]
    window = current_window(
        MemoryStore(archived({"verdicts": many})), None, end=END, hours=1, label_hours=1, max_rows=50
    )
    assert (window.verdicts, len(window.rows)) == (300, 50)


def test_labels_are_read_from_both_forms_the_newest_file_first() -> None:
    labels, unreadable = read_labels(
        MemoryStore(
            {
                "2026-11-01.csv": b"tweet_id,label\n1,age\n2,age\n3,age\n",
                "2026-11-02.jsonl": b'{"tweet_id":"1","label":"religion","by":"m7"}\nbroken\n'
                b'{"tweet_id":"4","label":"spam"}\n',
                "2026-11-03.csv": b"\xef\xbb\xbftweet_id,label\r\n2,gender\r\n5\r\n",
                "empty": b"",
            }
        )
    )
    assert labels == {"1": Label.RELIGION, "2": Label.GENDER, "3": Label.AGE}
    assert unreadable == 3


def test_labels_are_bounded() -> None:
    store = MemoryStore({"2": b"tweet_id,label\nnew,age\n", "1": b"tweet_id,label\nold,age\n"})
    assert read_labels(store, limit=1)[0] == {"new": Label.AGE}


def test_a_reference_is_labelled_throughout() -> None:
    verdicts = [
        ReferenceVerdict(
            text=str(number), label=Label.AGE, classification=Label.GENDER, confidence=0.5, decision=Decision.PASS
        )
        for number in range(30)
    ]
    window = reference_window(verdicts, max_rows=20)
    assert (window.verdicts, len(window.rows), window.confidence) == (30, 20, 15.0)
    assert window.labelled == window.rows
    assert dict(window.classes) == {Label.GENDER: 30}


@given(st.lists(st.text(max_size=6), max_size=60), st.integers(1, 8), st.randoms())
def test_a_sample_does_not_depend_on_the_order(keys: list[str], capacity: int, order: object) -> None:
    shuffled = list(keys)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    samples: list[Sample[str]] = [Sample(capacity), Sample(capacity)]
    for sample, offered in zip(samples, (keys, shuffled), strict=True):
        for key in offered:
            sample.add(key, key)
    first, second = (sample.values() for sample in samples)
    assert first == second
    assert len(first) == min(capacity, len(set(keys)))


def test_withdrawn_tweets_are_left_out_of_window_rows_and_labels() -> None:
    """A tombstone may be older or younger than the verdict's object: tweets are withdrawn whenever somebody does so."""
    tombstones = [
        (INSIDE - timedelta(hours=2), Tombstone(withdrawn_at="t", tweet_id="1", revisions=True)),
        (INSIDE, Tombstone(withdrawn_at="t", tweet_id="2")),
        (END + timedelta(minutes=20), Tombstone(withdrawn_at="t", tweet_id="5")),
    ]
    tweets = ("1", "2", "3", "1@revised", "5")
    objects = archived(
        {
            "verdicts": [(INSIDE, verdict_line(tweet, INSIDE)) for tweet in tweets],
            "tweets": [(INSIDE, tweet_line(tweet, f"text of {tweet}")) for tweet in tweets],
            "tombstones": [(moment, encode_lines([tombstone])) for moment, tombstone in tombstones],
        }
    )
    labels = MemoryStore({"2026-11-23.csv": b"tweet_id,label\n1,age\n3,gender\n"})
    window = current_window(MemoryStore(objects), labels, end=END, hours=1, label_hours=1)
    assert (window.verdicts, window.withdrawn) == (1, 4)
    assert [row.text for row in window.rows] == ["text of 3"]
    assert [row.label for row in window.labelled] == [Label.GENDER]
