"""The figures of the summary, and that they can be read without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from local.display import Bars, Steps
from local.replay import Outcome, Verdict
from local.summary import agreement, percentile, show, speed
from moderation.labels import Label
from moderation.messages import Decision

AGE, NONE, GENDER = Label.AGE, Label.NOT_CYBERBULLYING, Label.GENDER


def outcome() -> Outcome:
    made = Outcome(bad=1)
    for number in range(100):
        tweet = str(number)
        made.labels[tweet] = AGE if number % 2 else NONE
        made.put_at[tweet] = 100.0
        made.verdicts[tweet] = Verdict(made.labels[tweet], Decision.PASS, "7", 100.0 + (number + 1) / 10)
    made.warned_at["3"] = 102.0
    made.set_aside["not_json"] = 1
    return made


def test_agreement_is_accuracy_and_mean_f1() -> None:
    agreed = agreement([(AGE, AGE), (AGE, NONE), (NONE, NONE), (NONE, NONE), (GENDER, AGE)])
    assert agreed.accuracy == pytest.approx(3 / 5)
    assert agreed.macro_f1 == pytest.approx((2 / 4 + 4 / 5 + 0.0) / 3)
    assert agreed.recall == {AGE: 0.5, GENDER: 0.0, NONE: 1.0}


def test_speed_is_from_the_first_put_to_the_last_verdict() -> None:
    fast = speed(outcome())
    assert fast.seconds == pytest.approx(10.0)
    assert fast.tweets_per_second == pytest.approx(10.0)
    assert fast.to_verdict == pytest.approx((5.0, 9.9))
    assert fast.to_warning == pytest.approx((2.0, 2.0))


def test_without_a_warning_there_is_no_time_to_one() -> None:
    quiet = outcome()
    quiet.warned_at.clear()
    assert speed(quiet).to_warning is None


@pytest.mark.parametrize(("percent", "value"), [(50, 2), (99, 4), (0, 1), (25, 1), (26, 2)])
def test_percentiles_are_of_nearest_rank(percent: float, value: float) -> None:
    assert percentile([3.0, 1.0, 4.0, 2.0], percent) == value


def printed(made: Outcome) -> str:
    file = io.StringIO()
    show(Console(file=file, width=200), made, data_name="a sample", version="7")
    return file.getvalue()


def test_the_summary_says_what_a_person_wants() -> None:
    text = printed(outcome())
    for wanted in (
        "a sample",
        "version 7, on 100 tweets that its training never saw",
        "accuracy 1.000, macro-F1 1.000",
        "0 flagged, 0 referred to a person, 100 passed",
        "1 written, 0 held",
        "1 records (1 not_json); 1 bad ones were sent on purpose",
        "median 5.00 s, p99 9.90 s",
        "not_cyberbullying",
    ):
        assert wanted in text
    assert "Without a verdict" not in text


def test_what_is_missing_is_said() -> None:
    made = outcome()
    del made.verdicts["4"]
    made.duplicates = 2
    text = printed(made)
    assert "1 tweets" in text
    assert "2 verdicts" in text


def test_a_replay_without_a_verdict_is_said_so() -> None:
    assert "No tweet got a verdict" in printed(Outcome())


def test_nothing_but_text_is_written_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    console = Console(file=file, width=200)
    with Steps(console, live=False).showing() as steps, steps.step("AWS emulator") as step:
        step.note = "http://127.0.0.1:1"
    with Bars(console, live=False).showing() as bars:
        bars.update("put", 1, 2)
        bars.update("put", 2, 2)
    text = file.getvalue()
    assert "\x1b" not in text
    assert "\r" not in text
    assert "AWS emulator" in text
    assert "http://127.0.0.1:1" in text
    assert "put 1/2" in text
    assert text.rstrip().endswith("put 2/2")


def test_a_step_that_fails_is_marked_so() -> None:
    file = io.StringIO()
    with Steps(Console(file=file), live=False).showing() as steps, pytest.raises(ValueError, match="broken"):  # noqa: SIM117
        with steps.step("deploy"):
            raise ValueError("broken")
    assert "✗ deploy" in file.getvalue()
