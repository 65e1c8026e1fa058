"""Single orders as Alpaca shows them now: what mutations look up before and after their write."""

from __future__ import annotations

from dataclasses import dataclass

from services.alpaca_adapter import statuses
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.adapter.budget import Priority
from services.common.domain.errors import ReadFailed
from services.common.domain.reports import OrderReport


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """One order: Alpaca's own record, and what it says in our words."""

    record: Record
    report: OrderReport

    @property
    def has_ended(self) -> bool:
        """Whether Alpaca's word is that it has ended."""
        return statuses.is_ended(self.report.raw_status)


class ShownOrders:
    """Looks orders up. A failed look-up, or an order that can't be read, is ReadFailed."""

    def __init__(self, listings: Listings, translator: Translator) -> None:
        self._listings = listings
        self._translator = translator

    async def by_client_id(
        self, client_id: str, priority: Priority = Priority.READ
    ) -> ShownOrder | None:
        """The order under a client id, None if Alpaca says that there is none."""
        return self._shown(await self._listings.order_by_client_id(client_id, priority))

    async def by_id(
        self, venue_order_id: str, priority: Priority = Priority.READ
    ) -> ShownOrder | None:
        """The order of an id of Alpaca's, None if Alpaca says that there is none."""
        return self._shown(await self._listings.order_by_id(venue_order_id, priority=priority))

    async def open_now(self) -> list[OrderReport]:
        """All open orders with what is nested in them, each once. Raises ReadFailed."""
        listed = await self._listings.orders(open_only=True)
        try:
            reports = [r for order in listed for r in self._translator.reports(order)]
        except Unreadable as error:
            raise ReadFailed(f"an open order can't be read: {error}") from error
        unique = {report.venue_order_id: report for report in reports}
        return [r for r in unique.values() if not statuses.is_ended(r.raw_status)]

    def _shown(self, order: Record | None) -> ShownOrder | None:
        if order is None:
            return None
        try:
            return ShownOrder(order, self._translator.order_report(order))
        except Unreadable as error:
            raise ReadFailed(f"the order can't be read: {error}") from error
