"""The order that closes a position: an ordinary one, made from what is held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.common.contract.convert import (
    instrument_from_wire,
    optional_decimal_from_wire,
    optional_timestamp_from_wire,
)
from services.common.contract.convert.enums import ORDER_TYPES, TIMES_IN_FORCE
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, NotFound, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import CLIENT_ORDER_ID, OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import OrderReport, VenuePosition


@dataclass(frozen=True, slots=True)
class Closing:
    """What is asked for; `qty` None is all that no other order reserves."""

    client_order_id: str
    instrument: Instrument
    qty: Decimal | None
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    not_after: datetime | None

    @classmethod
    def from_wire(cls, request: pb.ClosePositionRequest) -> Closing:
        """Read a request. InvalidRequest naming the field."""
        if not CLIENT_ORDER_ID.fullmatch(request.client_order_id):
            raise InvalidRequest("client_order_id", "required, 1 to 64 of [A-Za-z0-9._-]")
        if not request.HasField("instrument"):
            raise InvalidRequest("instrument", "required")
        qty = optional_decimal_from_wire(request, "qty", "qty")
        if qty is not None and qty <= 0:
            raise InvalidRequest("qty", "must be above 0")
        order_type = ORDER_TYPES.required(request.order_type, "order_type")
        if order_type not in (OrderType.MARKET, OrderType.LIMIT):
            raise InvalidRequest("order_type", "a position is closed by a MARKET or LIMIT order")
        return cls(
            client_order_id=request.client_order_id,
            instrument=instrument_from_wire(request.instrument, "instrument"),
            qty=qty,
            order_type=order_type,
            time_in_force=TIMES_IN_FORCE.required(request.time_in_force, "time_in_force"),
            limit_price=optional_decimal_from_wire(request, "limit_price", "limit_price"),
            not_after=optional_timestamp_from_wire(request, "not_after", "not_after"),
        )

    def order(self, positions: Iterable[VenuePosition]) -> OrderSpec:
        """The closing order, validated.

        Raises NotFound POSITION_NOT_FOUND, Refused WOULD_CROSS_ZERO for more than is held and
        INSUFFICIENT_QTY for more than is free, InvalidRequest.
        """
        held = next((p for p in positions if p.instrument.key == self.instrument.key), None)
        if held is None or not held.qty:
            raise NotFound(Reason.POSITION_NOT_FOUND, f"nothing is held in {self.instrument.key}")
        whole = abs(held.qty)
        free = whole if held.available_qty is None else min(abs(held.available_qty), whole)
        if self.qty is not None and self.qty > whole:
            raise Refused(Reason.WOULD_CROSS_ZERO, f"{whole} are held, not {self.qty}")
        qty = free if self.qty is None else self.qty
        if not free or qty > free:
            text = f"of {whole} that are held, open orders reserve all but {free}"
            raise Refused(Reason.INSUFFICIENT_QTY, text)
        spec = self._spec(Side.SELL if held.qty > 0 else Side.BUY, qty)
        check_order(spec)
        return spec

    def is_same(self, report: OrderReport) -> bool:
        """Whether an order that exists is the one that this asks for, as far as it shows."""
        return (
            report.instrument is not None
            and report.instrument.key == self.instrument.key
            and (self.qty is None or report.order_qty in (None, self.qty))
            and report.order_type in (None, self.order_type)
            and report.time_in_force in (None, self.time_in_force)
            and report.limit_price == self.limit_price
            and (report.position_intent is None or not report.position_intent.opens)
        )

    def _spec(self, side: Side, qty: Decimal) -> OrderSpec:
        intent = None
        if isinstance(self.instrument, OptionContract):
            closes_long = side is Side.SELL
            intent = PositionIntent.SELL_TO_CLOSE if closes_long else PositionIntent.BUY_TO_CLOSE
        return OrderSpec(
            self.client_order_id,
            self.instrument,
            side,
            qty,
            self.order_type,
            self.time_in_force,
            limit_price=self.limit_price,
            position_intent=intent,
            not_after=self.not_after,
        )
