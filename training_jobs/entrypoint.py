"""What every entry point does around its work: logging, exit codes, and the failure file.

The reason of a failure travels into the state machine's history and into notices, so it is only quoted from errors
whose messages are known to hold no tweet; of any other, the class and the place are named.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from moderation.errors import ModerationError
from training_jobs.errors import JobError
from training_jobs.folders import Folders

log = logging.getLogger("training_jobs")

Work = Callable[[Folders], None]

INTERRUPTED: Final = 130
"""The exit code of a process that was interrupted."""


def parser(module: str, docstring: str | None) -> argparse.ArgumentParser:
    """An argument parser whose description is the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def start_logging() -> None:
    """Send the log to standard output, from where SageMaker forwards it to CloudWatch."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s", force=True)
    _quieten_libraries()


def run(work: Work, folders: Folders | None = None) -> int:
    """Do a job's work; on failure log the reason and leave it where SageMaker looks for it.

    Returns:
        The process's exit code: 0, 2 for a fault in what the job was given, 1 for any other.
    """
    start_logging()
    places = folders or Folders.from_environment()
    try:
        work(places)
    except Exception as error:  # whatever it was, its reason must reach the failure file
        return _fail(error, places)
    return 0


def run_by_hand(work: Callable[[], int]) -> int:
    """Do what a person started on a terminal; a fault is one line on standard error.

    Returns:
        The process's exit code: the work's own, 2 for a fault in what it was given, 1 for any other, 130 interrupted
        or asked to end (SIGTERM).
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    _quieten_libraries()
    # A polite request to end is an interruption too: working folders are removed, and processes of this one ended.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return work()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        signal.signal(signal.SIGTERM, before)


def _quieten_libraries() -> None:
    for library in ("botocore", "boto3", "urllib3"):
        logging.getLogger(library).setLevel(logging.ERROR)  # what matters of theirs arrives as an exception


def _fail(error: Exception, folders: Folders) -> int:
    reason = reason_of(error)
    log.error("%s", reason)
    if not _is_quotable(error):
        log.error("%s", "".join(traceback.format_tb(error.__traceback__)))
    try:
        folders.write_failure(reason)
    except OSError as trouble:
        log.error("the reason could not be written to %s: %s", folders.base, trouble)  # noqa: TRY400 - reason is logged
    return error.exit_code if isinstance(error, JobError) else 1


def reason_of(error: Exception) -> str:
    """One line for a person, without any text of a tweet."""
    if isinstance(error, (JobError, ModerationError)):
        return str(error)
    if _is_quotable(error):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return f"unexpected {type(error).__name__} in {place}; the log has the way there"


def _is_quotable(error: Exception) -> bool:
    """Whether an error's message comes from the system or the service, and so holds no data."""
    from_aws = type(error).__module__.partition(".")[0] in {"botocore", "boto3"}
    return from_aws or isinstance(error, (JobError, ModerationError, OSError, MemoryError, ImportError))
