"""Act on a batch of withdrawals: the ledger first, then the tombstones; what failed comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lambdas.common.delivery import Delivery, RequestFaults, fault_code
from lambdas.common.metric_names import WARNINGS_WITHDRAWN, WITHDRAWALS_APPLIED, WITHDRAWALS_FAILED, WITHDRAWALS_REFUSED
from lambdas.common.telemetry import Meter, logger, tracer
from lambdas.withdraw.events import QueueMessage, read_withdrawal
from lambdas.withdraw.ledger import Effect
from moderation.errors import PoisonRecordError
from moderation.messages import AuthorWithdrawn, TweetWithdrawn
from moderation.tombstones import Tombstone


class Ledger(Protocol):
    """Marks what was withdrawn."""

    def withdraw(self, event: TweetWithdrawn | AuthorWithdrawn) -> Effect:
        """Act on a withdrawal. Raises RequestFaults."""


class Graveyard(Protocol):
    """Takes tombstones."""

    def put(self, tombstones: Sequence[Tombstone]) -> None:
        """Put tombstones. Raises RequestFaults."""


class DeadLetters(Protocol):
    """Takes messages that can never be processed."""

    def keep(self, messages: Sequence[tuple[str, PoisonRecordError]]) -> Delivery:
        """Keep the bodies of messages with what is wrong with each."""


@dataclass(frozen=True, slots=True)
class WithdrawService:
    """What the function does with a batch."""

    ledger: Ledger
    graveyard: Graveyard
    dead_letters: DeadLetters
    meter: Meter

    @tracer.capture_method(capture_response=False)
    def run(self, messages: Sequence[QueueMessage]) -> list[str]:
        """Act on a batch. Whatever of it was done before, by this message or another, is done again without harm.

        Returns:
            The ids of the messages that are to be delivered again.
        """
        wanted, poison = _read(messages)
        failed = self._refuse(poison)
        done, tombstones, warnings = list[str](), list[Tombstone](), 0
        for position, (message_id, event) in enumerate(wanted):
            try:
                effect = self.ledger.withdraw(event)
            except RequestFaults as error:
                # The table is down or throttles: finding that out again for each message would take too long.
                left = [each for each, _ in wanted[position:]]
                self._report("the ledger did not take withdrawals", error, len(left))
                failed += left
                break
            done.append(message_id)
            tombstones += effect.tombstones
            warnings += effect.warnings
        return failed + self._bury(done, tombstones, warnings)

    def _bury(self, done: list[str], tombstones: list[Tombstone], warnings: int) -> list[str]:
        """Put the tombstones of what is done in the ledger; returns the messages for which that failed."""
        if warnings:
            self.meter.count(WARNINGS_WITHDRAWN, warnings)
        if not done:
            return []
        try:
            if tombstones:
                self.graveyard.put(tombstones)
        except RequestFaults as error:
            self._report("tombstones were not written", error, len(done))
            return done
        self.meter.count(WITHDRAWALS_APPLIED, len(done))
        return []

    def _refuse(self, poison: Sequence[tuple[QueueMessage, PoisonRecordError]]) -> list[str]:
        """Set poison aside; returns the messages for which that failed."""
        if not poison:
            return []
        delivery = self.dead_letters.keep([(message["body"], error) for message, error in poison])
        for position, (message, error) in enumerate(poison):
            if position not in delivery.failed:
                self.meter.count(WITHDRAWALS_REFUSED)
                logger.error(
                    "a message is no withdrawal", message_id=message["messageId"], reason=error.rejection.value
                )
        return [poison[position][0]["messageId"] for position in sorted(delivery.failed)]

    def _report(self, what: str, error: Exception, number: int) -> None:
        logger.error(what, messages=number, fault=fault_code(error))
        self.meter.count(WITHDRAWALS_FAILED, number)


def _read(
    messages: Sequence[QueueMessage],
) -> tuple[list[tuple[str, TweetWithdrawn | AuthorWithdrawn]], list[tuple[QueueMessage, PoisonRecordError]]]:
    """The withdrawals of a batch by message id, and the messages that are none."""
    wanted: list[tuple[str, TweetWithdrawn | AuthorWithdrawn]] = []
    poison: list[tuple[QueueMessage, PoisonRecordError]] = []
    for message in messages:
        try:
            wanted.append((message["messageId"], read_withdrawal(message["body"])))
        except PoisonRecordError as error:
            poison.append((message, error))
    return wanted, poison
