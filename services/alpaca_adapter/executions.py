"""Executions: from events of the stream, from the legs of one, and from FILL activities.

A bust or a correction is an execution record of its own that names the one it is about; it has no
cumulative quantity, since it does not add to the order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.order_words import SIDES
from services.alpaca_adapter.symbols import is_foreign, required_instrument
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.executions import ExecSource, ExecType, Execution, RecordTimes
from services.common.domain.instruments import Instrument

_log = structlog.stdlib.get_logger(__name__)

_FILLS: Final = frozenset({"fill", "partial_fill"})
_REVISIONS: Final = {"trade_bust": ExecType.BUST, "trade_correct": ExecType.CORRECT}


class ExecutionReader:
    """Makes executions of one account at one venue; `now` is the adapter's wall clock."""

    def __init__(self, venue: str, account_id: str, now: Callable[[], datetime]) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now

    def of_event(
        self, event: str, fields: Record, order: Record, client_id: str
    ) -> tuple[Execution, ...]:
        """Those of an event of the stream, often none; told under `client_id`. Unreadable."""
        if event in _REVISIONS:
            return self._revision(event, fields, order, client_id)
        if event not in _FILLS or is_foreign(order):
            return ()
        legs = wire_fields.records(fields, "legs")
        if legs:
            return self._leg_executions(legs, order, client_id)
        return (self._execution(fields, order, client_id),)

    def of_activity(self, activity: Any, client_id: str) -> Execution | None:
        """The execution of a FILL activity; None for an asset that Tandem does not trade."""
        fields = wire_fields.record(activity, "an activity")
        if is_foreign(fields):
            return None
        return self._checked(
            exec_id=wire_fields.required_text(fields, "id"),
            venue_order_id=wire_fields.required_text(fields, "order_id"),
            client_id=client_id,
            instrument=required_instrument(fields),
            side=wire_fields.required_text(fields, "side"),
            last_qty=wire_fields.required_decimal(fields, "qty"),
            last_px=wire_fields.required_decimal(fields, "price"),
            cum_qty=wire_fields.decimal(fields, "cum_qty"),
            source=ExecSource.QUERY,
            at=wire_fields.required_time(fields, "transaction_time"),
        )

    def _execution(self, fields: Record, order: Record, client_id: str) -> Execution:
        return self._checked(
            exec_id=wire_fields.required_text(fields, "execution_id"),
            venue_order_id=wire_fields.required_text(order, "id"),
            client_id=client_id,
            instrument=required_instrument(order),
            side=wire_fields.required_text(order, "side"),
            last_qty=wire_fields.required_decimal(fields, "qty"),
            last_px=wire_fields.required_decimal(fields, "price"),
            cum_qty=wire_fields.required_decimal(order, "filled_qty"),
            source=ExecSource.STREAM,
            at=wire_fields.time(fields, "timestamp"),
        )

    def _leg_executions(
        self, fills: list[Record], order: Record, client_id: str
    ) -> tuple[Execution, ...]:
        """Those of a multi-leg order: each leg is an order of its own, nested in the parent."""
        legs = {wire_fields.text(leg, "id"): leg for leg in wire_fields.records(order, "legs")}
        return tuple(
            self._execution(
                fill,
                wire_fields.record(legs.get(wire_fields.text(fill, "order_id")), "a filled leg"),
                client_id,
            )
            for fill in fills
        )

    def _revision(
        self, event: str, fields: Record, order: Record, client_id: str
    ) -> tuple[Execution, ...]:
        """A bust or correction, if it names what it is about and how much that was."""
        of = wire_fields.text(fields, "previous_execution_id")
        exec_id = wire_fields.text(fields, "execution_id")
        _log.error("execution_revised_by_venue", event_name=event, client_id=client_id, of=of)
        of = of or exec_id
        qty = wire_fields.lenient_decimal(fields, "qty")
        price = wire_fields.lenient_decimal(fields, "price")
        if not of or qty is None or price is None or is_foreign(order):
            return ()
        revision = self._checked(
            exec_id=exec_id if exec_id != of else f"{event}:{of}",
            venue_order_id=wire_fields.required_text(order, "id"),
            client_id=client_id,
            instrument=required_instrument(order),
            side=wire_fields.required_text(order, "side"),
            last_qty=abs(qty),
            last_px=price,
            cum_qty=None,
            source=ExecSource.STREAM,
            at=wire_fields.time(fields, "timestamp"),
            exec_type=_REVISIONS[event],
            exec_ref_id=of,
        )
        return (revision,)

    def _checked(
        self,
        *,
        exec_id: str,
        venue_order_id: str,
        client_id: str,
        instrument: Instrument,
        side: str,
        last_qty: Decimal,
        last_px: Decimal,
        cum_qty: Decimal | None,
        source: ExecSource,
        at: datetime | None,
        exec_type: ExecType = ExecType.TRADE,
        exec_ref_id: str = "",
    ) -> Execution:
        known_side = SIDES.get(side)
        if known_side is None:
            raise Unreadable(f"an execution on side {side[:20]!r}")
        if last_qty <= 0:
            raise Unreadable(f"an execution of {last_qty}")
        return Execution(
            venue=self._venue,
            account_id=self._account_id,
            exec_id=exec_id,
            venue_order_id=venue_order_id,
            client_id=client_id,
            instrument=instrument,
            side=known_side,
            last_qty=last_qty,
            last_px=last_px,
            cum_qty=cum_qty,
            source=source,
            times=self._times(at),
            exec_type=exec_type,
            exec_ref_id=exec_ref_id,
        )

    def _times(self, at: datetime | None) -> RecordTimes:
        return RecordTimes(
            venue_time=at, received_time=self._now(), trading_date=wire_fields.trading_date(at)
        )
