"""How records change the orders in the books."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import RecordTimes
from services.common.domain.order import Order
from services.common.domain.order_events import DoubtOverruled, OrderEvent, PlacementPlanned
from services.router.books.contents import BookContents
from services.router.books.entries import OrderEntry, OrderKey
from services.router.journal.records import (
    DoubtResolved,
    OrderAdopted,
    OrderIntended,
    PlacementIntended,
)


class OrderFold(BookContents):
    """Orders and their placements: intended, planned, adopted, and whatever is said of them."""

    def _intend(self, seq: int, at: datetime, record: OrderIntended) -> OrderEntry:
        order = Order(record.account_id, record.spec, record.content_hash)
        times = RecordTimes(received_time=record.received, journal_time=at)
        entry = OrderEntry(order, times, times, seq, seq, record.traceparent)
        self.orders[entry.key] = entry
        return entry

    def _plan(self, seq: int, at: datetime, record: PlacementIntended) -> list[OrderEntry]:
        """A split order is told with its last part: the others come in the same commit."""
        key = (record.account_id, record.client_order_id)
        entry = self._change(seq, at, key, PlacementPlanned(record.placement), RecordTimes())
        self.by_placement[record.placement.placement_id] = key
        more_follows = entry.order.committed_qty < entry.order.spec.order_qty
        return [] if record.placement.is_child and more_follows else [entry]

    def _adopt(self, seq: int, at: datetime, record: OrderAdopted) -> OrderEntry:
        times = replace(record.times, journal_time=at)
        known = self.orders.get((record.account_id, record.spec.client_order_id))
        if known is None:
            order = Order(
                record.account_id,
                record.spec,
                record.content_hash,
                placements=(record.placement,),
                external=record.external,
            )
            entry = OrderEntry(order, times, times, seq, seq, "")
        elif not record.external:  # one of ours, found in parts
            parts = (*known.order.placements, record.placement)
            order = replace(
                known.order, spec=record.spec, content_hash=record.content_hash, placements=parts
            )
            entry = replace(known, order=order, updated=times, seq=seq)
        else:  # on other terms from here on
            order = replace(known.order, spec=record.spec, placements=(record.placement,))
            entry = replace(known, order=order, updated=times, seq=seq)
        self.by_placement[record.placement.placement_id] = entry.key
        return self._keep(entry)

    def _overrule(self, seq: int, at: datetime, record: DoubtResolved) -> OrderEntry:
        key = (record.account_id, record.client_order_id)
        said = record.verdict.value.lower().replace("_", " ")
        cause = Cause(Reason.RESOLVED_BY_OPERATOR, f"{said}, by {record.actor}: {record.reason}")
        overruled = DoubtOverruled(record.placement_id, cause)
        return self._change(seq, at, key, overruled, self.orders[key].updated)

    def _change(
        self, seq: int, at: datetime, key: OrderKey, event: OrderEvent, times: RecordTimes
    ) -> OrderEntry:
        entry = self.orders[key]
        order, _ = entry.order.apply(event)
        updated = replace(times, journal_time=at)
        return self._keep(replace(entry, order=order, updated=updated, seq=seq))

    def _keep(self, entry: OrderEntry) -> OrderEntry:
        key, order = entry.key, entry.order
        self.orders[key] = entry
        if order.is_open:
            self.open_orders[key] = None
        else:
            self.open_orders.pop(key, None)
        for placement in order.placements:
            if placement.venue_order_id:
                at_venue = (key[0], placement.venue, placement.venue_order_id)
                self.by_venue_order[at_venue] = key
        return entry
