"""Exercise and do-not-exercise: one request each, for all contracts that are held.

Alpaca has no key for an instruction and no way to ask what became of one. So it is sent once only,
and who calls has made durable before that it will not be sent again.
"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.answers import is_taken, not_looked_up, rate_limited, rejection_cause
from services.alpaca_adapter.errors import Kind, classify
from services.alpaca_adapter.exchange import Answer, NoAnswer, NotSent
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.rest import AlpacaRest
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    Cause,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.instruments import OptionContract
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import InstructionReport


class Instructions:
    """The instructions of the adapter."""

    def __init__(self, rest: AlpacaRest, reader: Reader) -> None:
        self._rest = rest
        self._reader = reader

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """See `VenueGateway.exercise`; a part of what is held is refused, Alpaca takes all."""
        held = await self._held(contract)
        if qty is not None and qty > held:
            raise Refused(Reason.INSUFFICIENT_QTY, f"{held} contracts are held, not {qty}")
        if qty is not None and qty < held:
            text = f"qty: Alpaca exercises all {held} contracts that are held, or none"
            raise Refused(Reason.UNSUPPORTED_BY_VENUE, text)
        return await self._instruct(contract, "exercise", last_check)

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """See `VenueGateway.do_not_exercise`."""
        await self._held(contract)
        return await self._instruct(contract, "do-not-exercise", last_check)

    async def _held(self, contract: OptionContract) -> Decimal:
        """How many contracts are held long, above 0."""
        try:
            position = await self._reader.find(f"/positions/{quote(contract.occ, safe='')}")
            fields = {} if position is None else wire_fields.record(position, "a position")
            qty = wire_fields.decimal(fields, "qty") or Decimal(0)
        except ReadFailed as error:
            raise not_looked_up(error) from error
        except Unreadable as error:
            text = f"not sent: the position can't be read: {error}"
            raise Unavailable(Reason.READ_FAILED, text) from error
        if qty <= 0:
            raise NotFound(Reason.POSITION_NOT_FOUND, f"no long position in {contract.occ}")
        return qty

    async def _instruct(
        self, contract: OptionContract, what: str, last_check: LastCheck
    ) -> InstructionReport:
        path = f"/positions/{quote(contract.occ, safe='')}/{what}"
        try:
            answer = await self._rest.post(path, {}, last_check)
        except NotSent as error:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, f"not sent: {error}") from error
        except NoAnswer as error:
            raise OutcomeUnknown(f"sent, and no answer came: {error}") from error
        return _report(answer)


def _report(answer: Answer) -> InstructionReport:
    if is_taken(answer):
        return InstructionReport(OrderStatus.ACCEPTED)
    problem = classify(answer)
    if problem.kind is Kind.UNKNOWN:
        raise OutcomeUnknown(f"sent: {problem}")
    if problem.kind is Kind.RATE_LIMITED:
        raise rate_limited(problem)
    if problem.kind is Kind.ABSENT:
        cause = Cause(Reason.POSITION_NOT_FOUND, problem.message, problem.cause.venue_code)
        return InstructionReport(OrderStatus.REJECTED, cause)
    return InstructionReport(OrderStatus.REJECTED, rejection_cause(problem))
