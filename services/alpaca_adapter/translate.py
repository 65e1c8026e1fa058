"""Orders and executions: Alpaca's JSON to our records.

Tolerant where a record still counts without a field, strict where it would be wrong: an unknown
status is live, an unknown order type is None; a fill without a price is `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from services.alpaca_adapter import statuses, wire_fields
from services.alpaca_adapter.executions import ExecutionReader
from services.alpaca_adapter.family import Family
from services.alpaca_adapter.order_reading import read_terms
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import Execution, RecordTimes
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import OrderReport

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Update:
    """One event of trade_updates: its executions, its order as it then was, and what is nested."""

    event: str
    executions: tuple[Execution, ...]
    report: OrderReport
    nested: tuple[OrderReport, ...] = ()


class Translator:
    """Makes records of one account at one venue; `now` is the adapter's wall clock."""

    def __init__(self, venue: str, account_id: str, now: Callable[[], datetime]) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now
        self.family = Family()
        self._executions = ExecutionReader(venue, account_id, now)

    def order_report(self, order: Any, event: str = "") -> OrderReport:
        """The venue's word on one order. Raises Unreadable without ids, status or filled_qty."""
        fields = wire_fields.record(order, "an order")
        self.family.learn(fields)
        parent = self.family.parent_of(fields)
        raw_status = wire_fields.required_text(fields, "status")
        if not statuses.is_known(raw_status):
            _log.warning("unknown_order_status", raw_status=raw_status[:64])
        cum_qty = wire_fields.decimal(fields, "filled_qty") or Decimal(0)
        status, signal = statuses.read_status(raw_status, event)
        if status is OrderStatus.ACCEPTED and cum_qty > 0:
            status = OrderStatus.PARTIALLY_FILLED
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=wire_fields.text(fields, "client_order_id"),
            venue_order_id=wire_fields.required_text(fields, "id"),
            status=status,
            signal=signal,
            raw_status=raw_status,
            cum_qty=cum_qty,
            times=self._times(_updated(fields)),
            avg_px=wire_fields.lenient_decimal(fields, "filled_avg_price"),
            created=created_time(fields),
            cause=_rejection(status),
            replaces=wire_fields.text(fields, "replaces"),
            replaced_by=wire_fields.text(fields, "replaced_by"),
            parent="" if parent is None else parent.venue_order_id,
            **read_terms(fields).as_terms(),
        )

    def reports(self, order: Any) -> list[OrderReport]:
        """The reports of an order and of the legs that are nested in it, the order first."""
        fields = wire_fields.record(order, "an order")
        found = [self.order_report(fields)]
        for leg in wire_fields.records(fields, "legs"):
            found.extend(self.reports(leg))
        return found

    def update(self, data: Any) -> Update:
        """One event of the stream. Raises Unreadable for what must not be passed over."""
        fields = wire_fields.record(data, "an event")
        event = wire_fields.required_text(fields, "event")
        order = wire_fields.record(fields.get("order"), "the order of an event")
        report = self.order_report(order, event)
        if statuses.contradicts(report.raw_status, event):
            raise Unreadable(f"event {event} with an order that is {report.raw_status}")
        client_id = self.family.client_id_of(order)
        executions = self._executions.of_event(event, fields, order, client_id)
        if executions and self.family.is_orphan(order):
            raise Unreadable("a fill of an exit whose order is not known")
        return Update(event, executions, report, tuple(self.reports(order)[1:]))

    def execution_client_id(self, order: Any) -> str:
        """The client id under which executions of an order are told: that of its parent's."""
        return self.family.client_id_of(wire_fields.record(order, "an order"))

    def activity_execution(self, activity: Any, client_id: str) -> Execution | None:
        """An execution from a FILL activity; None for an asset that Tandem does not trade."""
        return self._executions.of_activity(activity, client_id)

    def _times(self, at: datetime | None) -> RecordTimes:
        return RecordTimes(
            venue_time=at, received_time=self._now(), trading_date=wire_fields.trading_date(at)
        )


def created_time(fields: Record) -> datetime | None:
    """When the order was made, by the venue."""
    return wire_fields.time(fields, "created_at") or wire_fields.time(fields, "submitted_at")


def _updated(fields: Record) -> datetime | None:
    return wire_fields.time(fields, "updated_at") or created_time(fields)


def _rejection(status: OrderStatus) -> Cause | None:
    if status is not OrderStatus.REJECTED:
        return None
    return Cause(Reason.VENUE_REJECTED, "Alpaca rejected the order after it had taken it")
