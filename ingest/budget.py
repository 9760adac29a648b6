"""The daily budget of paid reads: the source stops before it costs more.

X charges for every post that it returns (docs.x.com, "Pricing"). Reads are reserved in the checkpoint store in blocks
*before* they happen, so that a task which is killed, or two tasks at once, may count reads that never happened but
never the other way round. X does not charge twice for a post within one UTC day; that is left out, on the safe
side.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Final

from ingest.checkpoint import Store
from ingest.clock import Clock, day
from ingest.errors import BudgetExhaustedError, SettingsError

X_PRICE_PER_READ: Final = 0.005
"""US dollars for a post read, pay per use (docs.x.com, "Pricing", November 2026)."""

_BLOCKS_A_DAY: Final = 100


@dataclass(frozen=True, slots=True)
class Spending:
    """How far a day's budget has gone.

    Attributes:
        dollars: spent since midnight UTC.
        percent: of the budget that is reserved or spent, 0 to 100.
    """

    dollars: float
    percent: float


class Budget:
    """Counts paid reads against a day's limit."""

    def __init__(self, store: Store, clock: Clock, *, dollars_a_day: float, price: float = X_PRICE_PER_READ) -> None:
        """Set the limit.

        Args:
            store: keeps the count of the day.
            clock: tells the day.
            dollars_a_day: the most that a UTC day may cost.
            price: of one read, in US dollars.

        Raises:
            SettingsError: not even one read fits into the budget.
        """
        self.limit: Final = math.floor(dollars_a_day / price + 1e-9) if price > 0 else 0
        if self.limit < 1:
            raise SettingsError(f"a budget of {dollars_a_day} dollars a day buys no read at {price} dollars each")
        self._store = store
        self._clock = clock
        self._price = price
        self._block = max(1, self.limit // _BLOCKS_A_DAY)
        self._day = ""
        self._held = 0
        self._read = 0
        self._used = 0

    async def take(self, reads: int) -> None:
        """Pay for reads that are about to happen, or that the source has just handed over.

        Raises:
            BudgetExhaustedError: the budget does not cover all of them. What it does cover stays reserved.
            StoreError: the count could not be kept, so that reading on would be blind.
        """
        if await self.reserve(reads) < reads:
            raise BudgetExhaustedError(f"the budget of {self.limit} reads a day is spent")
        self._held -= reads
        self._read += reads

    async def reserve(self, reads: int) -> int:
        """Make sure that so many reads are paid for; returns how many are, which may be fewer."""
        self._roll_over()
        if self._held < reads:
            wanted = max(self._block, reads - self._held)
            granted, self._used = await asyncio.to_thread(self._store.reserve_reads, self._day, wanted, self.limit)
            self._held += granted
        return min(self._held, reads)

    def spending(self) -> Spending:
        """How far the day's budget has gone, as far as this task knows."""
        self._roll_over()
        spent = max(self._used - self._held, self._read)
        return Spending(dollars=spent * self._price, percent=min(100.0, 100.0 * spent / self.limit))

    def _roll_over(self) -> None:
        today = day(self._clock.now())
        if today != self._day:
            self._day, self._held, self._read, self._used = today, 0, 0, 0
