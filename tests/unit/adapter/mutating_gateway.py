"""The fake gateway with the mutations that a gateway may leave out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from services.common.adapter.port import LastCheck, OrderQuery
from services.common.domain.amounts import Money
from services.common.domain.errors import NotFound, Reason, Refused, TandemError
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    CancelAllOutcome,
    InstructionReport,
    LookupResult,
    OrderReport,
    Preview,
)
from tests.conformance.fakes.venue_gateway import FakeVenueGateway, _Held


class MutatingGateway(FakeVenueGateway):
    """Replaces at once, cancels all, and takes instructions; `failing` fails the next of them.

    `failure_before_write` says on which side of the write.
    """

    failing: TandemError | None = None
    failure_before_write = True
    instructed: InstructionReport = InstructionReport(OrderStatus.ACCEPTED)
    settled_s: float | None = None
    replace_gate: asyncio.Event | None = None
    looked_up: list[str]

    async def find_order(
        self,
        *,
        client_id: str = "",
        venue_order_id: str = "",
        attempted_at: datetime | None = None,
    ) -> LookupResult:
        self.looked_up = [*getattr(self, "looked_up", []), client_id or venue_order_id]
        return await super().find_order(client_id=client_id, venue_order_id=venue_order_id)

    def settled_for_s(self, client_id: str) -> float | None:
        return self.settled_s

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        old = self._held.get(client_id)
        if old is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"no order {client_id}")
        if old.report.status in TERMINAL:
            raise Refused(Reason.ORDER_ENDED, f"it is {old.report.status.value}")
        if self.replace_gate is not None:
            await self.replace_gate.wait()
        self._write(last_check, f"replace {client_id} by {new_client_id}")
        new = replace(
            old.report,
            client_id=new_client_id,
            venue_order_id=f"venue-{len(self._held) + 1}",
            limit_price=change.limit_price or old.report.limit_price,
            order_qty=change.order_qty or old.report.order_qty,
            replaces=old.report.venue_order_id,
        )
        self._held[new_client_id] = _Held(new, "")
        old.report = replace(
            old.report,
            status=OrderStatus.REPLACED,
            signal=Signal.REPLACED,
            replaced_by=new.venue_order_id,
        )
        return new

    async def cancel_found(self, venue_order_id: str, last_check: LastCheck) -> OrderReport:
        found = (i for i, h in self._held.items() if h.report.venue_order_id == venue_order_id)
        return await self.cancel(next(found, venue_order_id), last_check)

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        open_orders: Sequence[OrderReport] = await self.orders(
            OrderQuery(open_only=True, instrument=instrument)
        )
        self._write(last_check, "cancel all")
        pending = OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL
        return CancelAllOutcome(tuple(self._change(r.client_id, *pending) for r in open_orders))

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        self._write(last_check, f"exercise {contract.occ} {qty or 'all'}")
        return self.instructed

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        self._write(last_check, f"do not exercise {contract.occ}")
        return self.instructed

    async def preview(self, spec: OrderSpec) -> Preview:
        self._fail_reads()
        cost = Money(Decimal(-800), "USD")
        return Preview(self._venue, estimated=True, cash_effect=cost, warnings=("no fees",))

    def _write(self, last_check: LastCheck, what: str) -> None:
        failing, self.failing = self.failing, None
        if failing is not None and self.failure_before_write:
            raise failing
        last_check()
        self.sent.append(what)
        if failing is not None:
            raise failing
