"""What the parts of a running source know of each other: is it connected, does it rest, does delivery get on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Status:
    """The state of one running source.

    Attributes:
        connected: whether the source yields events, or would if there were any.
        resting: whether it waits for the next day's budget.
        stalled_since: monotonic time since which something has been waiting to be delivered in vain; None if nothing
            has.
    """

    connected: bool = False
    resting: bool = False
    stalled_since: float | None = None

    def stalled_for(self, monotonic: float) -> float:
        """Seconds for which delivery has been getting nowhere."""
        return 0.0 if self.stalled_since is None else monotonic - self.stalled_since
