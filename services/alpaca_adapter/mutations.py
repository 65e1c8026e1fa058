"""What the adapter does at Alpaca: nothing before the account was found to be the right one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.alpaca_adapter.account_mode import Admission
from services.alpaca_adapter.cancels import Cancels
from services.alpaca_adapter.instructions import Instructions
from services.alpaca_adapter.order_entry import OrderEntry
from services.alpaca_adapter.replacing import Replacing
from services.common.adapter.port import LastCheck
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import CancelAllOutcome, InstructionReport, OrderReport


@dataclass(frozen=True, slots=True)
class Mutations:
    """All mutations of one account; each method is that of `VenueGateway`.

    Raises Refused WRONG_ACCOUNT_MODE, or what else keeps the account from being traded.
    """

    admission: Admission
    entry: OrderEntry
    replacing: Replacing
    cancels: Cancels
    instructions: Instructions

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """Send an order, once."""
        self.admission.require()
        return await self.entry.submit(spec, last_check)

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """Ask for other terms of an order, once."""
        self.admission.require()
        return await self.replacing.replace(client_id, new_client_id, change, last_check)

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """Ask for the end of an order."""
        self.admission.require()
        return await self.cancels.cancel(client_id, last_check)

    async def cancel_found(self, venue_order_id: str, last_check: LastCheck) -> OrderReport:
        """Ask for the end of an order that was found there."""
        self.admission.require()
        return await self.cancels.cancel_found(venue_order_id, last_check)

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """Ask for the end of all orders."""
        self.admission.require()
        return await self.cancels.cancel_all(instrument, last_check)

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """Exercise all contracts that are held, once."""
        self.admission.require()
        return await self.instructions.exercise(contract, qty, last_check)

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """Let all contracts that are held expire, once."""
        self.admission.require()
        return await self.instructions.do_not_exercise(contract, last_check)
