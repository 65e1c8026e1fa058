"""Orders that a venue shows and the books don't have, as orders of the books: one record each.

`external_order` takes somebody else's order in: under an id that no client can have, never sent,
never replaced, never failed over by us. `own_order` takes in one that bears a placement id of ours
which the journal does not know, as after a restore: under the client's own id, and from then on it
is an order like any other. Both only make the record, from the venue's latest report, for

    intake.adopt(own_order(report, at=clock.now(), reason=..., actor=...))

which records it and moves what is in quarantine of it into the books, in one commit. What comes
later is taken in as of any order, what it had filled before is fetched by care. An order that is
in the books already, of which only a placement is missing, is no order to adopt: record that with
`PlacementIntended`, and give the report to the intake.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import mul, sub
from services.common.domain.executions import Side
from services.common.domain.external_orders import ExternalId
from services.common.domain.instruments import OptionContract
from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import TERMINAL, OrderStatus, advance
from services.common.domain.order_terms import (
    OptionCombo,
    OrderChange,
    OrderClass,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.journal.records import OrderAdopted

ZERO: Final = Decimal(0)
_SHOWN: Final = "shown:"
_LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_PRICES: Final = {
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("limit_price", "stop_price"),
}


class NotAdoptable(Exception):
    """The books can't have this order: the message says why, for a person."""


def external_order(
    report: OrderReport, *, at: datetime, reason: str, actor: str, closes: bool = False
) -> OrderAdopted:
    """The record that takes in somebody else's order; the same order gives the same ids.

    `closes` says of an option order whose venue does not tell whether it reduces a position.
    Raises NotAdoptable for what can't be expressed, and for a multi-leg order.
    """
    if not report.venue_order_id:
        raise NotAdoptable("the venue shows no id of it")
    if _is_part_of_many(report):
        raise NotAdoptable(
            "it is a multi-leg order or a leg of one: fills of its legs are told as of orders of "
            "their own, and would not add up"
        )
    placed = ExternalId(report.account_id, report.venue, report.venue_order_id)
    spec = spec_of(report, placed.client_order_id, closes=closes)
    return _adopted(report, spec, str(placed), at, reason, actor, external=True)


def own_order(
    report: OrderReport, *, at: datetime, reason: str, actor: str, closes: bool = False
) -> OrderAdopted:
    """The record that takes in an order of ours that the journal does not know.

    The client's terms are what the venue shows of them: a repeat by the client is the same order
    if it agrees with those (`is_repeat`). Raises NotAdoptable for an id that is no placement's, and
    for what can't be expressed.
    """
    placed = PlacementId.parse(report.client_id)
    if placed is None:
        raise NotAdoptable(f"{report.client_id!r} is no placement id")
    spec = spec_of(report, placed.client_order_id, closes=closes)
    return _adopted(report, spec, report.client_id, at, reason, actor, external=False)


def shown_hash(spec: OrderSpec) -> str:
    """The content hash of an order of which only what its venue shows is known. Whether it opens
    or closes is not in it: venues show that of orders that did not say so."""
    told = OrderSpec(
        client_order_id=spec.client_order_id,
        instrument=spec.instrument,
        side=spec.side,
        order_qty=spec.order_qty,
        order_type=spec.order_type,
        time_in_force=spec.time_in_force,
        limit_price=spec.limit_price,
        stop_price=spec.stop_price,
        trail_amount=spec.trail_amount,
        trail_percent=spec.trail_percent,
        order_class=spec.order_class,
    )
    return _SHOWN + told.content_hash()


def is_repeat(content_hash: str, spec: OrderSpec) -> bool:
    """Whether an order is asked for again, with the same content as far as that is known."""
    asked = shown_hash(spec) if content_hash.startswith(_SHOWN) else spec.content_hash()
    return content_hash == asked


def spec_of(report: OrderReport, client_order_id: str, *, closes: bool = False) -> OrderSpec:
    """An order on the terms that a report shows. Raises NotAdoptable naming what is missing.

    Exits that the venue works as orders of their own are no part of it. An order by amount that
    has ended is one of the quantity that it filled.
    """
    for name, value in (
        ("instrument", report.instrument),
        ("side", _side_of(report)),
        ("quantity", qty_of(report)),
        ("order type", report.order_type),
        ("time in force", report.time_in_force),
    ):
        if value is None:
            raise NotAdoptable(f"its {name} is not told, or can't be expressed here")
    if report.order_type in _LIMITED and report.limit_price is None:
        raise NotAdoptable("its limit price is not told")
    spec = _spec(report, client_order_id, closes=closes)
    assert spec is not None, "nothing that it is made of is missing"
    return spec


def rough_spec(report: OrderReport) -> OrderSpec | None:
    """As `spec_of`, for reckoning alone: an order at the market where its price is not known.

    None if nobody can know what it trades, or how much.
    """
    return _spec(report, "external", closes=False)


def reduces(report: OrderReport, books: Books) -> bool:
    """Whether by the books all that is left of an order reduces a position at its venue."""
    if report.instrument is None or report.side is None or report.order_qty is None:
        return False
    held = books.positions.get((report.account_id, report.venue, report.instrument.key))
    opposite = ZERO if held is None else mul(held.qty, Decimal(-report.side.sign))
    return opposite >= sub(report.order_qty, report.cum_qty) and opposite > 0


def on_new_terms(order: Order, report: OrderReport) -> OrderAdopted | None:
    """The record of an external order whose owner has changed its quantity or prices; else None.

    Terms that the venue does not tell stay, and so do the distance of a trailing stop and the
    terms of an order that has ended.
    """
    placement = order.placements[-1]
    is_same = report.instrument is None or report.instrument.key == order.spec.instrument.key
    if not order.external or placement.status in TERMINAL or not is_same:
        return None
    told = {name: getattr(report, name) for name in _PRICES.get(order.spec.order_type, ())}
    change = OrderChange(order_qty=qty_of(report), **told)
    spec = order.spec.changed_by(change)
    if spec == order.spec:
        return None
    changed = replace(placement, order_qty=spec.order_qty)
    return OrderAdopted(
        order.account_id, spec, changed, report.times, "its owner has changed its terms", "venue"
    )


def qty_of(report: OrderReport) -> Decimal | None:
    """The order's quantity; None if the venue does not tell, as of an order by amount."""
    if report.order_qty is not None and report.order_qty > 0:
        return report.order_qty
    return report.cum_qty if report.status in TERMINAL and report.cum_qty > 0 else None


def is_leg(report: OrderReport) -> bool:
    """Whether it is a leg of a multi-leg order, which the venue works as an order of its own."""
    is_combo = isinstance(report.instrument, OptionCombo)
    return report.order_class is OrderClass.MULTI_LEG and bool(report.parent) and not is_combo


def _is_part_of_many(report: OrderReport) -> bool:
    is_combo = isinstance(report.instrument, OptionCombo)
    return is_combo or report.order_class is OrderClass.MULTI_LEG


def _side_of(report: OrderReport) -> Side | None:
    return Side.BUY if isinstance(report.instrument, OptionCombo) else report.side


def _spec(report: OrderReport, client_order_id: str, *, closes: bool) -> OrderSpec | None:
    side, order_qty = _side_of(report), qty_of(report)
    if report.instrument is None or side is None or order_qty is None:
        return None
    is_combo = isinstance(report.instrument, OptionCombo)
    is_priced = report.order_type not in _LIMITED or report.limit_price is not None
    order_type = report.order_type if is_priced else None
    intent = report.position_intent
    if intent is None and isinstance(report.instrument, OptionContract):
        intent = _intent(side, closes=closes)
    return OrderSpec(
        client_order_id=client_order_id,
        instrument=report.instrument,
        side=side,
        order_qty=order_qty,
        order_type=order_type or OrderType.MARKET,
        time_in_force=report.time_in_force or TimeInForce.DAY,
        limit_price=report.limit_price,
        position_intent=None if is_combo else intent,
        stop_price=report.stop_price,
        trail_amount=report.trail_amount,
        trail_percent=report.trail_percent,
        extended_hours=report.extended_hours,
        order_class=OrderClass.MULTI_LEG if is_combo else OrderClass.SIMPLE,
    )


def _intent(side: Side, *, closes: bool) -> PositionIntent:
    # Not known to close is reckoned as opening: an opening sale needs cover, a close gives some.
    return PositionIntent[f"{side.value}_TO_{'CLOSE' if closes else 'OPEN'}"]


def _adopted(
    report: OrderReport,
    spec: OrderSpec,
    placement_id: str,
    at: datetime,
    reason: str,
    actor: str,
    *,
    external: bool,
) -> OrderAdopted:
    status = advance(OrderStatus.PENDING_NEW, report.signal)
    assert status is not None, "a venue's signal on an order that was just sent is legal"
    filled = status is OrderStatus.FILLED
    placement = Placement(
        placement_id,
        report.venue,
        spec.order_qty,
        report.created or report.times.venue_time or at,
        status=status,
        venue_order_id=report.venue_order_id,
        raw_status=report.raw_status,
        reported_cum_qty=max(report.cum_qty, spec.order_qty) if filled else report.cum_qty,
        cause=report.cause,
    )
    return OrderAdopted(
        report.account_id,
        spec,
        placement,
        report.times,
        reason,
        actor,
        external=external,
        content_hash="" if external else shown_hash(spec),
    )
