"""The metrics of retraining: what is known of a challenger, the model that a retraining has made.

The retrain state machine publishes them, the dashboards draw them beside the champion's. Nothing is imported here but
the standard library, so that the stacks can import it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "Cyberbullying"
"""The same as that of the functions."""

SERVICE: Final = "training"
"""The value of the dimension ``service``."""

DIMENSIONS: Final = ("service", "stage")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``meaning`` is one line for whoever reads a dashboard."""

    name: str
    unit: Literal["Count", "None"]
    meaning: str
    by: None = None
    dimensions: tuple[str, ...] = DIMENSIONS


CHALLENGER_MACRO_F1: Final = Metric("ChallengerMacroF1", "None", "Macro-F1 of the challenger on its validation data")
CHALLENGER_PASSED: Final = Metric("ChallengerPassed", "Count", "1 for a challenger that passed the gate, else 0")
CHALLENGER_VERSION: Final = Metric("ChallengerVersion", "None", "Version under which the challenger was registered")

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""
