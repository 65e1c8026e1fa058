"""Books folded from records that a test lays down in a line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from services.common.domain.executions import RecordTimes
from services.common.domain.order_events import Placement, PlacementSignaled
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import Signal
from services.router.books.books import Books
from services.router.books.entries import BookEvent
from services.router.journal.records import (
    CancelIntended,
    EpochTaken,
    ExecutionBooked,
    JournalCreated,
    OrderIntended,
    PlacementIntended,
    PlacementReported,
    Record,
    TradingState,
    TradingStateSet,
)
from tests.unit.domain.orders import NOW, execution

TAGS = {"alpaca": "al", "second": "sd", "third": "td"}


class Folded:
    """Books and the records that made them. Begins ACTIVE."""

    def __init__(self) -> None:
        self.books = Books()
        self.records: list[Record] = []
        self.told: list[BookEvent] = []
        self.add(
            JournalCreated("j1"),
            TradingStateSet("", TradingState.ACTIVE, "begun", "tandem"),
            EpochTaken(1, 1, "node"),
        )

    def add(self, *records: Record) -> Folded:
        for record in records:
            self.records.append(record)
            seq = len(self.records)
            self.told += self.books.apply(seq, NOW + timedelta(seconds=seq), record)
        return self

    def order(
        self,
        spec: OrderSpec,
        venue: str = "alpaca",
        signal: Signal | None = Signal.ACKNOWLEDGED,
        *,
        account_id: str = "main",
        cum: str | None = None,
        is_held: bool = False,
    ) -> str:
        """An order at a venue, with the venue's word on it (None: no word yet); its placement."""
        placement_id = str(PlacementId(spec.client_order_id, TAGS[venue], 1))
        placement = Placement(
            placement_id, venue, spec.order_qty, NOW, "session-1", is_held=is_held
        )
        self.add(
            OrderIntended(account_id, spec, spec.content_hash(), NOW, ""),
            PlacementIntended(account_id, spec.client_order_id, placement),
        )
        if signal is not None:
            signaled = PlacementSignaled(
                placement_id,
                signal,
                venue_order_id=f"v-{placement_id}",
                cum_qty=None if cum is None else Decimal(cum),
            )
            self.add(PlacementReported(account_id, spec.client_order_id, signaled, RecordTimes()))
        return placement_id

    def cancel(self, client_order_id: str) -> None:
        self.add(CancelIntended("main", client_order_id))

    def fill(self, placement_id: str, qty: str, px: str = "8.50", **changes: Any) -> None:
        """A fill of a placement, numbered by itself."""
        client_order_id = placement_id.split("~")[0]
        account_id = changes.pop("account_id", "main")
        order = self.books.orders[account_id, client_order_id].order
        placement = order.placement(placement_id)
        assert placement is not None
        cum = order.filled_by(placement) + Decimal(qty)
        made = execution(f"e-{len(self.records)}", qty, str(cum))
        made = replace(
            made,
            account_id=account_id,
            venue=placement.venue,
            client_id=placement_id,
            instrument=order.spec.single,
            side=order.spec.side,
            last_px=Decimal(px),
            venue_order_id=f"v-{placement_id}",
            **changes,
        )
        self.add(ExecutionBooked(account_id, client_order_id, placement_id, made))

    def held(self, spec: OrderSpec, venue: str = "alpaca", px: str | None = None) -> None:
        """A position: the order, filled in full."""
        price = px or (str(spec.limit_price) if spec.limit_price is not None else "8.50")
        self.fill(self.order(spec, venue), str(spec.order_qty), price)
