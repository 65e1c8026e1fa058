"""Orders and executions: Alpaca's JSON to our records, and an order of ours to Alpaca's JSON.

Tolerant where a record still counts without a field, strict where it would be wrong: an unknown
status is live, an unknown order type is None; a fill without a price is `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog

from services.alpaca_adapter import statuses, wire_fields
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.amounts import format_decimal
from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import ExecSource, Execution, RecordTimes, Side
from services.common.domain.instruments import Instrument, InstrumentError, OptionContract
from services.common.domain.occ import parse_symbol
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import OrderReport

_log = structlog.stdlib.get_logger(__name__)

_ORDER_TYPES: Final = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
_TIMES_IN_FORCE: Final = {"day": TimeInForce.DAY, "gtc": TimeInForce.GTC}
_INTENTS: Final = {intent.value.lower(): intent for intent in PositionIntent}
_FILLS: Final = frozenset({"fill", "partial_fill"})
_REVISIONS: Final = frozenset({"trade_bust", "trade_correct"})
_NO_INTENT_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}


@dataclass(frozen=True, slots=True)
class Update:
    """One event of trade_updates: its executions, and its order as it then was."""

    event: str
    executions: tuple[Execution, ...]
    report: OrderReport


class Translator:
    """Makes records of one account at one venue; `now` is the adapter's wall clock."""

    def __init__(self, venue: str, account_id: str, now: Callable[[], datetime]) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now

    def order_report(self, order: Any, event: str = "") -> OrderReport:
        """The venue's word on one order. Raises Unreadable without ids, status or filled_qty."""
        fields = wire_fields.record(order, "an order")
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
            instrument=read_instrument(fields),
            side=_NO_INTENT_SIDES.get(wire_fields.text(fields, "side")),
            order_qty=wire_fields.lenient_decimal(fields, "qty"),
            order_type=_ORDER_TYPES.get(order_type_text(fields)),
            time_in_force=_TIMES_IN_FORCE.get(wire_fields.text(fields, "time_in_force")),
            limit_price=wire_fields.lenient_decimal(fields, "limit_price"),
            position_intent=_INTENTS.get(wire_fields.text(fields, "position_intent")),
            avg_px=wire_fields.lenient_decimal(fields, "filled_avg_price"),
            created=created_time(fields),
            cause=_rejection(status),
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
        executions: tuple[Execution, ...] = ()
        if event in _FILLS and not is_foreign(order):
            legs = wire_fields.records(fields, "legs")
            executions = (
                self._leg_executions(legs, order) if legs else (self._execution(fields, order),)
            )
        if event in _REVISIONS:
            # Alpaca's account stream is not known to carry them; what they revise stays as told.
            _log.error("execution_revised_by_venue", event_name=event, client_id=report.client_id)
        return Update(event, executions, report)

    def activity_execution(self, activity: Any, client_id: str) -> Execution | None:
        """An execution from a FILL activity; None for an asset that Tandem does not trade."""
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

    def _execution(self, fields: Record, order: Record) -> Execution:
        return self._checked(
            exec_id=wire_fields.required_text(fields, "execution_id"),
            venue_order_id=wire_fields.required_text(order, "id"),
            client_id=wire_fields.text(order, "client_order_id"),
            instrument=required_instrument(order),
            side=wire_fields.required_text(order, "side"),
            last_qty=wire_fields.required_decimal(fields, "qty"),
            last_px=wire_fields.required_decimal(fields, "price"),
            cum_qty=wire_fields.required_decimal(order, "filled_qty"),
            source=ExecSource.STREAM,
            at=wire_fields.time(fields, "timestamp"),
        )

    def _leg_executions(self, fills: list[Record], order: Record) -> tuple[Execution, ...]:
        """Those of a multi-leg order: each leg is an order of its own, nested in the parent."""
        legs = {wire_fields.text(leg, "id"): leg for leg in wire_fields.records(order, "legs")}
        return tuple(
            self._execution(
                fill,
                wire_fields.record(legs.get(wire_fields.text(fill, "order_id")), "a filled leg"),
            )
            for fill in fills
        )

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
    ) -> Execution:
        known_side = _NO_INTENT_SIDES.get(side)
        if known_side is None:
            raise Unreadable(f"an execution on side {side[:20]!r}")
        if last_qty <= 0 or (cum_qty is not None and cum_qty < last_qty):
            raise Unreadable(f"an execution of {last_qty}, {cum_qty} in all")
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
        )

    def _times(self, at: datetime | None) -> RecordTimes:
        return RecordTimes(
            venue_time=at, received_time=self._now(), trading_date=wire_fields.trading_date(at)
        )


def order_body(spec: OrderSpec) -> dict[str, str]:
    """The body of POST /v2/orders: texts only, so that no number loses a digit on the way."""
    body = {
        "symbol": wire_symbol(spec.single),
        "qty": format_decimal(spec.order_qty),
        "side": spec.side.value.lower(),
        "type": spec.order_type.value.lower(),
        "time_in_force": spec.time_in_force.value.lower(),
        "client_order_id": spec.client_order_id,
    }
    if spec.limit_price is not None:
        body["limit_price"] = format_decimal(spec.limit_price)
    if spec.position_intent is not None:
        body["position_intent"] = spec.position_intent.value.lower()
    return body


def same_content(spec: OrderSpec, order: Any) -> bool:
    """Whether the order that the venue shows is the one that was asked for, by value."""
    fields = wire_fields.record(order, "an order")
    shown = {
        "instrument": _key(read_instrument(fields)),
        "side": _NO_INTENT_SIDES.get(wire_fields.text(fields, "side")),
        "qty": wire_fields.lenient_decimal(fields, "qty"),
        "type": _ORDER_TYPES.get(order_type_text(fields)),
        "time_in_force": _TIMES_IN_FORCE.get(wire_fields.text(fields, "time_in_force")),
        "limit_price": wire_fields.lenient_decimal(fields, "limit_price"),
    }
    asked = {
        "instrument": spec.instrument.key,
        "side": spec.side,
        "qty": spec.order_qty,
        "type": spec.order_type,
        "time_in_force": spec.time_in_force,
        "limit_price": spec.limit_price,
    }
    plain = (
        wire_fields.text(fields, "order_class") in ("", "simple")
        and not wire_fields.flag(fields, "extended_hours")
        and fields.get("notional") is None
    )
    return plain and shown == asked and _same_intent(spec, fields)


def wire_symbol(instrument: Instrument) -> str:
    """The symbol as Alpaca writes it: OCC without padding."""
    return instrument.occ if isinstance(instrument, OptionContract) else instrument.symbol


def read_instrument(fields: Record) -> Instrument | None:
    """The instrument of a record; None for other asset classes, legs' parents, odd symbols."""
    symbol = wire_fields.text(fields, "symbol")
    if not symbol or is_foreign(fields):
        return None
    try:
        return parse_symbol(symbol)
    except InstrumentError:
        _log.warning("unreadable_symbol", symbol=symbol[:64])
        return None


def required_instrument(fields: Record) -> Instrument:
    """The instrument of a record that is nothing without it. Raises Unreadable."""
    instrument = read_instrument(fields)
    if instrument is None:
        raise Unreadable(f"no instrument in symbol {wire_fields.text(fields, 'symbol')[:40]!r}")
    return instrument


def is_foreign(fields: Record) -> bool:
    """Whether it is of an asset class outside of Tandem's scope: crypto and currency pairs."""
    asset_class = wire_fields.text(fields, "asset_class")
    return asset_class.startswith("crypto") or "/" in wire_fields.text(fields, "symbol")


def order_type_text(fields: Record) -> str:
    """The order type: `type`, or `order_type`, which older answers fill."""
    return wire_fields.text(fields, "type") or wire_fields.text(fields, "order_type")


def created_time(fields: Record) -> datetime | None:
    """When the order was made, by the venue."""
    return wire_fields.time(fields, "created_at") or wire_fields.time(fields, "submitted_at")


def _updated(fields: Record) -> datetime | None:
    return wire_fields.time(fields, "updated_at") or created_time(fields)


def _key(instrument: Instrument | None) -> str | None:
    return None if instrument is None else instrument.key


def _same_intent(spec: OrderSpec, fields: Mapping[str, Any]) -> bool:
    """An intent that either side leaves out says nothing against the order."""
    shown = _INTENTS.get(wire_fields.text(fields, "position_intent"))
    return spec.position_intent is None or shown is None or shown is spec.position_intent


def _rejection(status: OrderStatus) -> Cause | None:
    if status is not OrderStatus.REJECTED:
        return None
    return Cause(Reason.VENUE_REJECTED, "Alpaca rejected the order after it had taken it")
