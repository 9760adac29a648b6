"""What can go wrong in a job, by what the person who started it should do about it.

The exit code of every entry point follows the class: 2 for a fault in what the job was given (mend the data or the
command, then start again), 1 for anything else.
"""

from __future__ import annotations


class JobError(Exception):
    """A job could not do its work. The message is for a person and never quotes a tweet."""

    exit_code = 1


class InputError(JobError):
    """What the job was given is at fault: the data, an argument, or a file of an earlier step."""

    exit_code = 2


class TrackingError(JobError):
    """The tracking server could not be reached, or refused what was asked of it."""
