"""Every dashboard."""

from __future__ import annotations

from typing import Final

from monitoring.dashboards.model_board import MODEL
from monitoring.dashboards.moderation_board import MODERATION
from monitoring.dashboards.operations_board import OPERATIONS
from monitoring.dashboards.spec import Board

BOARDS: Final[tuple[Board, ...]] = (OPERATIONS, MODERATION, MODEL)
