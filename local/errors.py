"""What can go wrong on the local stage, by what the person at the keyboard should read."""

from __future__ import annotations


class LocalError(Exception):
    """Something that can be said in one sentence; shown without a traceback."""


class StoppedError(LocalError):
    """The stage is being stopped; whatever was under way ends here."""
