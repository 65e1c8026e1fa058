"""Orders, placements and executions for tests, with terms that a reader sees at a glance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from services.common.domain.activities import Activity, ActivityType
from services.common.domain.executions import ExecSource, Execution, RecordTimes, Side
from services.common.domain.instruments import Instrument
from services.common.domain.occ import parse_symbol
from services.common.domain.order import Order
from services.common.domain.order_events import Placement, PlacementPlanned
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce

NOW = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
PUT = "SPY241115P00400000"


def instrument(symbol: str = PUT) -> Instrument:
    return parse_symbol(symbol)


def spec(**changes: Any) -> OrderSpec:
    """Sell 10 SPY puts to open at 8.50, unless told otherwise."""
    made = OrderSpec(
        client_order_id="o-1",
        instrument=instrument(),
        side=Side.SELL,
        order_qty=Decimal(10),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal("8.50"),
        position_intent=PositionIntent.SELL_TO_OPEN,
    )
    return replace(made, **changes)


def placement(number: int = 1, qty: str = "10", **changes: Any) -> Placement:
    made = Placement(f"o-1~al~{number}.0", "alpaca", Decimal(qty), NOW, "session-1")
    return replace(made, **changes)


def sent(order_spec: OrderSpec | None = None, qty: str = "10") -> Order:
    """An order with one placement that has no answer yet."""
    order_spec = order_spec or spec()
    order = Order("main", order_spec, order_spec.content_hash())
    return order.apply(PlacementPlanned(placement(qty=qty)))[0]


def execution(
    exec_id: str = "e-1", qty: str = "4", cum: str | None = "4", **changes: Any
) -> Execution:
    made = Execution(
        venue="alpaca",
        account_id="main",
        exec_id=exec_id,
        venue_order_id="v-1",
        client_id="o-1~al~1.0",
        instrument=instrument(),
        side=Side.SELL,
        last_qty=Decimal(qty),
        last_px=Decimal("8.50"),
        cum_qty=None if cum is None else Decimal(cum),
        source=ExecSource.STREAM,
        times=RecordTimes(venue_time=NOW, received_time=NOW),
    )
    return replace(made, **changes)


def activity(
    activity_id: str = "a-1", kind: ActivityType = ActivityType.ASSIGNMENT, **changes: Any
) -> Activity:
    """A short put was assigned, unless told otherwise."""
    made = Activity(
        venue="alpaca",
        account_id="main",
        activity_id=activity_id,
        activity_type=kind,
        raw_type="OPASN",
        times=RecordTimes(venue_time=NOW, received_time=NOW),
        instrument=instrument(),
        qty=Decimal(1),
    )
    return replace(made, **changes)
