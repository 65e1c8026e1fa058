"""Exercise and do-not-exercise: one request each, with a number that is used for nothing else.

IB has no reply to it. It may refuse it by a code with the request's number, or show what it makes
of it as an order under that number; contracts that are gone are told as executions without an
order. Often it says nothing, and carries it out at night. So silence is no answer: the instruction
stays in doubt, and who calls has made durable before that it will not be sent again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
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
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.ib_adapter import contracts
from services.ib_adapter.account_reads import AccountReads
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.contracts import SMART
from services.ib_adapter.library import Contract
from services.ib_adapter.requests import BROKER
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.waiters import Lost, Purpose, Waiter, Waiters, Word

EXERCISE: Final = 1
LAPSE: Final = 2
_READ_AGAIN_S: Final = 0.5


class Instructions:
    """The instructions of the adapter."""

    def __init__(
        self,
        session: Session,
        account: AccountReads,
        waiters: Waiters,
        cache: ContractCache,
        send_log: SendLog,
        clock: Clock,
        *,
        ack_timeout_s: float,
    ) -> None:
        self._session = session
        self._account = account
        self._waiters = waiters
        self._cache = cache
        self._send_log = send_log
        self._clock = clock
        self._ack_timeout_s = ack_timeout_s

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """See `VenueGateway.exercise`. Out of the money as well: it is what was asked for."""
        held = await self._held(contract)
        if qty is not None and qty > held:
            raise Refused(Reason.INSUFFICIENT_QTY, f"{held} contracts are held, not {qty}")
        return await self._instruct(contract, EXERCISE, held if qty is None else qty, last_check)

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """See `VenueGateway.do_not_exercise`: all that is held is left to lapse."""
        return await self._instruct(contract, LAPSE, await self._held(contract), last_check)

    async def _held(self, contract: OptionContract) -> Decimal:
        """How many contracts are held long, above 0."""
        try:
            positions = await self._account.positions()
        except ReadFailed as error:
            text = f"not sent: the position could not be read: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        held = sum((p.qty for p in positions if p.instrument == contract), Decimal(0))
        if held <= 0:
            raise NotFound(Reason.POSITION_NOT_FOUND, f"no long position in {contract.occ}")
        return held

    async def _instruct(
        self, contract: OptionContract, action: int, qty: Decimal, last_check: LastCheck
    ) -> InstructionReport:
        self._session.ready_wire()
        routed = await self._routed(contract)
        gone = await self._gone(contract)
        wire = self._session.ready_wire()
        number = wire.next_id()
        await self._send_log.use(number)
        with broker_span(BROKER, "exerciseOptions", clock=self._clock) as call:
            waiter = self._waiters.open(number, Purpose.SUBMIT)
            try:
                if self._session.ready_wire() is not wire:
                    raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent: the connection was lost")
                wire.require_writable()
                last_check()
                wire.exercise(number, routed, action, int(qty), self._session.account)
                word = await self._heard(
                    waiter, contract, gone + qty if action == EXERCISE else None
                )
            finally:
                self._waiters.close(waiter)
            if isinstance(word, Said):
                call.failed(str(word.code))
        return self._meaning(word)

    async def _heard(
        self, waiter: Waiter, contract: OptionContract, enough: Decimal | None
    ) -> Word | bool | None:
        """A word on the request; True once so many contracts are gone without an order."""
        ends_at = self._clock.monotonic() + self._ack_timeout_s
        while (left_s := ends_at - self._clock.monotonic()) > 0:
            word = await waiter.heard(min(left_s, _READ_AGAIN_S))
            if word is not None:
                return word
            try:
                if enough is not None and await self._gone(contract) >= enough:
                    return True
            except Unavailable:  # then another will tell
                continue
        return None

    async def _gone(self, contract: OptionContract) -> Decimal:
        """How many contracts went without an order today, as exercised ones do."""
        try:
            told = await self._session.requests().executions()
        except ReadFailed as error:
            text = f"not sent: the executions could not be read: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        return sum(
            (
                word.last_qty
                for word in told
                if not word.perm_id
                and word.side == "SLD"
                and not word.last_px
                and word.account in ("", self._session.account)
                and contracts.instrument_or_none(word.contract) == contract
            ),
            Decimal(0),
        )

    async def _routed(self, contract: OptionContract) -> Contract:
        """The contract at an exchange of its own, as an exercise is not routed SMART."""
        try:
            found = await self._cache.contract(contract)
            details = await self._cache.details(contract)
        except ReadFailed as error:
            text = f"not sent: the contract could not be looked up: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        exchanges = [name for name in details.validExchanges.split(",") if name not in ("", SMART)]
        if not exchanges:
            text = f"IB names no exchange at which {contract.occ} could be exercised"
            raise Refused(Reason.NOT_TRADABLE, text)
        found.exchange = exchanges[0]
        return found

    def _meaning(self, word: Word | bool | None) -> InstructionReport:
        if isinstance(word, Lost):
            raise OutcomeUnknown(f"sent, and the connection was lost: {word.reason}")
        if word is None:
            text = "sent, and IB said nothing, as it does: positions and executions will tell"
            raise OutcomeUnknown(text)
        if not isinstance(word, Said):
            return InstructionReport(OrderStatus.ACCEPTED)
        if word.effect in (OrderEffect.REJECTED, OrderEffect.CANCELED):
            return InstructionReport(OrderStatus.REJECTED, word.cause)
        raise OutcomeUnknown(f"sent; {word}")
