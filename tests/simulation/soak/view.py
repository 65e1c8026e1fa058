"""The adapter's view, as somebody has it who keeps what he is told and nothing else.

Orders stand as last told, by the venue's ids; executions are kept by order and cumulative quantity,
since stream and list may give one execution two ids; activities by their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from services.common.contract.convert import instrument_from_wire
from services.common.contract.pb import types_pb2
from services.common.domain.instruments import multiplier_of

_ZERO: Final = Decimal(0)
_HISTORY_MAX: Final = 60
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ToldOrder:
    """An order as last told."""

    venue_order_id: str
    client_id: str
    status: str
    raw_status: str
    cum_qty: Decimal
    symbol: str = ""
    side: str = ""

    @property
    def is_open(self) -> bool:
        return self.status not in ("FILLED", "CANCELED", "REJECTED", "EXPIRED", "REPLACED")


@dataclass(frozen=True, slots=True)
class ToldExecution:
    """An execution: `signed_qty` is what the position changes by, `cash` what the cash does."""

    exec_id: str
    venue_order_id: str
    client_id: str
    symbol: str
    signed_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal
    cash: Decimal
    has_fees: bool = False

    @property
    def key(self) -> tuple[str, Decimal]:
        """What makes it the same execution under any id."""
        return (self.venue_order_id, self.cum_qty)


@dataclass(frozen=True, slots=True)
class ToldActivity:
    """An activity, as far as books need it."""

    activity_id: str
    kind: str
    symbol: str
    qty: Decimal
    net_amount: Decimal


@dataclass(slots=True)
class View:
    """Fill it by `take_order`, `take_execution`, `take_activity`; `now` is for the histories.

    `wrong` collects what can't be: an execution told twice by one process (but once more with
    its fees, if it was told without), or two ways. `latest` is
    the latest time of the venue's that was told.
    """

    now: Callable[[], float]
    orders: dict[str, ToldOrder] = field(default_factory=dict)
    by_client_id: dict[str, str] = field(default_factory=dict)
    executions: dict[tuple[str, Decimal], ToldExecution] = field(default_factory=dict)
    activities: dict[str, ToldActivity] = field(default_factory=dict)
    histories: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    latest: datetime = _NEVER
    _open: dict[str, ToldOrder] = field(default_factory=dict)
    _positions: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    _told_by: dict[tuple[str, Decimal], str] = field(default_factory=dict)

    def take_order(self, order: Any) -> ToldOrder:
        """An order of the contract, from an event, a list or an answer."""
        told = ToldOrder(
            venue_order_id=order.venue_order_id,
            client_id=order.placement_id or order.spec.client_order_id,
            status=types_pb2.OrderStatus.Name(order.status).removeprefix("ORDER_STATUS_"),
            raw_status=order.raw_status,
            cum_qty=_decimal(order.cum_qty),
            symbol=_symbol(order.spec),
            side=types_pb2.Side.Name(order.spec.side).removeprefix("SIDE_"),
        )
        before = self.orders.get(told.venue_order_id)
        if told.is_open:
            self._open[told.venue_order_id] = told
        else:
            self._open.pop(told.venue_order_id, None)
        self.orders[told.venue_order_id] = told
        self.by_client_id[told.client_id] = told.venue_order_id
        if before != told:
            self._note(told.venue_order_id, f"{told.status} ({told.raw_status}) {told.cum_qty}")
        self._see(order.updated)
        return told

    def take_execution(self, execution: Any, source: str) -> None:
        """An execution from `source`: the id of a feed, or "" if it was listed."""
        instrument = instrument_from_wire(execution.instrument, "")
        sign = 1 if execution.side == types_pb2.SIDE_BUY else -1
        signed_qty = sign * _decimal(execution.last_qty)
        last_px = _decimal(execution.last_px)
        told = ToldExecution(
            exec_id=execution.exec_id,
            venue_order_id=execution.venue_order_id,
            client_id=execution.placement_id or execution.client_order_id,
            symbol=instrument.key,
            signed_qty=signed_qty,
            last_px=last_px,
            cum_qty=_decimal(execution.cum_qty),
            cash=-signed_qty * last_px * multiplier_of(instrument),
            has_fees=bool(execution.fees),
        )
        self._note(told.venue_order_id, f"execution {told.exec_id} {signed_qty} to {told.cum_qty}")
        self._see(execution.times)
        known = self.executions.get(told.key)
        adds_fees = known is not None and told.has_fees and not known.has_fees
        if source and self._told_by.get(told.key) == source and not adds_fees:
            self.wrong.append(f"told twice by one process: {told}")
        elif known is not None and (known.signed_qty, known.last_px) != (signed_qty, last_px):
            self.wrong.append(f"told two ways: {known} and {told}")
        self._told_by[told.key] = source or self._told_by.get(told.key, "")
        if known is None or adds_fees:
            self.executions[told.key] = told
        if known is None:
            self._positions[told.symbol] += signed_qty

    def take_activity(self, activity: Any) -> None:
        """An activity; the same id again is the same one."""
        has_instrument = activity.HasField("instrument")
        told = ToldActivity(
            activity_id=activity.activity_id,
            kind=activity.raw_type,
            symbol=instrument_from_wire(activity.instrument, "").key if has_instrument else "",
            qty=_decimal(activity.qty),
            net_amount=_decimal(activity.net_amount.amount),
        )
        known = self.activities.setdefault(told.activity_id, told)
        if known != told:
            self.wrong.append(f"told two ways: {known} and {told}")
        elif known is told and moves_position(told):
            self._positions[told.symbol] += told.qty

    def held(self, symbol: str) -> Decimal:
        """The position by what was told."""
        return self._positions.get(symbol, _ZERO)

    @property
    def positions(self) -> dict[str, Decimal]:
        """All positions that are not flat, by what was told."""
        return {symbol: qty for symbol, qty in sorted(self._positions.items()) if qty}

    @property
    def cash_moved(self) -> Decimal:
        """By how much the cash has changed, by what was told."""
        traded = sum((e.cash for e in self.executions.values()), _ZERO)
        return traded + sum((a.net_amount for a in self.activities.values()), _ZERO)

    @property
    def fees(self) -> Decimal:
        """What was paid in fees."""
        return -sum((a.net_amount for a in self.activities.values() if a.kind == "FEE"), _ZERO)

    def open_orders(self) -> list[ToldOrder]:
        """Those whose end was not told."""
        return list(self._open.values())

    def open_sides(self, symbol: str) -> set[str]:
        """BUY and SELL, as far as orders for the symbol are open."""
        return {order.side for order in self._open.values() if order.symbol == symbol}

    def _note(self, venue_order_id: str, text: str) -> None:
        history = self.histories[venue_order_id]
        if len(history) < _HISTORY_MAX:
            history.append(f"{self.now():10.3f} told: {text}")

    def _see(self, times: Any) -> None:
        if times.HasField("venue_time"):
            self.latest = max(self.latest, times.venue_time.ToDatetime(tzinfo=UTC))


def moves_position(activity: ToldActivity) -> bool:
    """Whether its quantity changes the position; that of a dividend says what was held."""
    return bool(activity.symbol) and not activity.kind.startswith("DIV")


def _symbol(spec: Any) -> str:
    return instrument_from_wire(spec.instrument, "").key if spec.HasField("instrument") else ""


def _decimal(message: Any) -> Decimal:
    return Decimal(message.value or 0)
