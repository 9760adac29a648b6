"""Time that passes only when told, and retries that note their pauses."""

from __future__ import annotations

from lambdas.common.delivery import Retry


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def noted_retry(pauses: list[float] | None = None, *, attempts: int = 5) -> Retry:
    """A retry that does not wait; without jitter, so that pauses are the longest possible."""
    return Retry(
        attempts=attempts, base=0.1, cap=1.0, sleep=(pauses if pauses is not None else []).append, jitter=lambda: 1.0
    )
