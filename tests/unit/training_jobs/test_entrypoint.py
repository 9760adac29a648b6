"""Exit codes and failure files."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError

from moderation.errors import BadArtefactError
from training_jobs import entrypoint
from training_jobs.errors import InputError, JobError, TrackingError
from training_jobs.folders import Folders

SECRET = "the text of somebody's tweet"  # noqa: S105 - what must not leak
STEPS = ("prepare", "train", "evaluate", "register", "promote", "local_run", "evaluation.__main__", "recalibrate")


def failing(error: Exception) -> entrypoint.Work:
    def work(folders: Folders) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("row 3 is odd"), 2),
        (JobError("the copy differs"), 1),
        (TrackingError("the server is away"), 1),
        (BadArtefactError("the digest differs"), 1),
        (FileNotFoundError(2, "No such file or directory", "x"), 1),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"), 1),
        (ValueError("something odd"), 1),
    ],
)
def test_exit_codes_and_the_failure_file(folders: Folders, error: Exception, code: int) -> None:
    assert entrypoint.run(failing(error), folders) == code
    assert folders.failure_file.read_text()


def test_work_that_succeeds_leaves_no_failure(folders: Folders) -> None:
    assert entrypoint.run(lambda places: places.write_message({}), folders) == 0
    assert not folders.failure_file.exists()


def test_known_errors_are_quoted(folders: Folders) -> None:
    entrypoint.run(failing(InputError("tweets.csv: row 3 is odd")), folders)
    assert folders.failure_file.read_text() == "tweets.csv: row 3 is odd"


def test_an_unexpected_error_is_named_but_not_quoted(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    entrypoint.run(failing(ValueError(SECRET)), folders)
    assert folders.failure_file.read_text().startswith("unexpected ValueError in test_entrypoint.py:")
    printed = capsys.readouterr()
    assert "in work" in printed.out  # the way there
    assert SECRET not in printed.out + printed.err


def test_a_folder_that_cannot_be_written_does_not_hide_the_reason(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    folders.output.rmdir()
    (folders.base / "output").write_text("in the way")
    assert entrypoint.run(failing(InputError("row 3 is odd")), folders) == 2
    assert "row 3 is odd" in capsys.readouterr().out


def test_libraries_do_not_talk_at_info() -> None:
    entrypoint.start_logging()
    assert logging.getLogger("training_jobs.prepare").isEnabledFor(logging.INFO)
    assert not logging.getLogger("botocore.credentials").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("step", STEPS)
def test_every_entry_point_explains_itself(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    main = importlib.import_module(f"training_jobs.{step}").main
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    assert f"python -m training_jobs.{step.removesuffix('.__main__')}" in capsys.readouterr().out


@pytest.mark.parametrize("step", STEPS)
def test_unknown_options_are_usage_errors(step: str) -> None:
    main = importlib.import_module(f"training_jobs.{step}").main
    with pytest.raises(SystemExit) as exit_:
        main(["--no-such-option"])
    assert exit_.value.code == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("there is no file"), 2, "error: there is no file\n"),
        (JobError("no candidate can be served"), 1, "error: no candidate can be served\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_a_person_started_ends_in_one_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert entrypoint.run_by_hand(work) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_it_to_end_it_clears_up(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleared_up = []

    def work() -> int:
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        finally:
            cleared_up.append(True)
        return 0

    assert entrypoint.run_by_hand(work) == 130
    assert cleared_up
    assert capfd.readouterr().err == "interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_person_started_ends_with_its_own_code() -> None:
    assert entrypoint.run_by_hand(lambda: 7) == 7


def test_no_step_imports_scikit_learn_before_it_works() -> None:
    """``--help``, and a job that has nothing to fit, need not wait for it."""
    names = ", ".join(f"training_jobs.{step}" for step in STEPS)
    code = f"import sys, {names}; sys.exit(bool({{'sklearn', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
