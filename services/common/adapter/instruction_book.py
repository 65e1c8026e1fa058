"""Instructions that no venue can be asked about: kept for good, and never sent twice.

An exercise has no id at a broker and no way to look it up. So what is asked for is durable in the
fence store before its first byte, with its outcome after; whoever comes again under the same key
gets what is recorded. One that was begun and has no outcome (no answer came, or the process was
killed) stays in doubt: only an operator, or the positions, can tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import structlog

from services.common.adapter.fence_store import FenceClaim, FenceStore
from services.common.adapter.instruction_file import Recorded
from services.common.adapter.port import LastCheck
from services.common.domain.amounts import format_decimal
from services.common.domain.errors import (
    Cause,
    Effect,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.instruments import OptionContract
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import InstructionReport

_log = structlog.stdlib.get_logger(__name__)

InstructionCall: TypeAlias = Callable[[LastCheck], Awaitable[InstructionReport]]


@dataclass(frozen=True, slots=True)
class Instruction:
    """What is asked for: its kind, the client's key, and its content as text."""

    kind: str
    key: str
    content: str

    @classmethod
    def of(cls, kind: str, key: str, contract: OptionContract, qty: Decimal | None) -> Instruction:
        """An instruction; `qty` None is all."""
        how_many = "all" if qty is None else format_decimal(qty)
        return cls(kind, key, f"{kind} {contract.key} {how_many}")


class InstructionBook:
    """Carries instructions out, each once; on the event loop's thread."""

    def __init__(self, store: FenceStore) -> None:
        self._store = store

    def recorded(
        self, instruction: Instruction, claim: FenceClaim | None
    ) -> InstructionReport | None:
        """What became of it, None if nothing is known of it.

        Raises OutcomeUnknown while it is in doubt, Refused CLIENT_ORDER_ID_REUSED if the key has
        other content, and what `claim` is refused for.
        """
        known = self._store.instruction(instruction.key)
        if known is None:
            return None
        self._store.check(claim)
        if known.content != instruction.content:
            text = f"{instruction.key} was another instruction: {known.content}"
            raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)
        if known.status is None:
            text = "it was sent, and nobody said what became of it; it is never sent again"
            raise OutcomeUnknown(text)
        return _report(known)

    async def carry_out(
        self, instruction: Instruction, call: InstructionCall, last_check: LastCheck
    ) -> InstructionReport:
        """Record it, send it, record what came of it.

        Raises Unavailable (effect NONE) if it could not be recorded, and what the gateway raises.
        """
        await self._begin(instruction)
        try:
            report = await call(last_check)
        except TandemError as error:
            if error.effect is Effect.NONE:
                await self._forget(instruction)
            raise
        cause = report.cause
        recorded = Recorded(
            instruction.content,
            report.status.value,
            "" if cause is None else cause.reason.value,
            "" if cause is None else cause.message,
            "" if cause is None else cause.venue_code,
        )
        try:
            await self._store.save_instruction(instruction.key, recorded)
        except TandemError as error:
            # The answer is true all the same; a repeat will find it in doubt, which is safe.
            _log.error("instruction_not_recorded", key=instruction.key, error=error.message)
        return report

    async def _begin(self, instruction: Instruction) -> None:
        try:
            await self._store.save_instruction(instruction.key, Recorded(instruction.content))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, f"not sent: {error.message}") from error

    async def _forget(self, instruction: Instruction) -> None:
        """Nothing happened: the key may be used again. If that can't be kept, it may not."""
        try:
            await self._store.forget_instruction(instruction.key)
        except TandemError as error:
            _log.error("instruction_not_forgotten", key=instruction.key, error=error.message)


def _report(known: Recorded) -> InstructionReport:
    cause = None
    if known.reason:
        cause = Cause(Reason(known.reason), known.message, known.venue_code)
    return InstructionReport(OrderStatus(known.status), cause)
