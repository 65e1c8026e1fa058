"""Combinations (BAG): from IB's legs to the venue's, and how they are shown.

At IB a combination is bought or sold at a net price, and its legs say what buying it does. The
venue only buys: a sale is the purchase of the opposite legs at the negative price.
"""

from collections.abc import Callable
from decimal import Decimal

from simulators.ib_gateway.combo_request import ComboLeg
from simulators.ib_gateway.contracts import Wanted, con_id_of, ib_symbol
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.order_terms import order_type_of, side_of, time_in_force_of
from simulators.ib_gateway.problems import invalid, not_built_order
from simulators.ib_gateway.wire import Field
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.order_ties import Ties
from simulators.venue.orders import (
    NewLeg,
    NewOrder,
    Order,
    OrderClass,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)

_BAG_CON_ID = 28812380
"""The conId that every combination has at IB."""
_LEGS_MIN = 2
_TYPES = (OrderType.MARKET, OrderType.LIMIT)
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
_LEG_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_OPENS = {Side.BUY: PositionIntent.BUY_TO_OPEN, Side.SELL: PositionIntent.SELL_TO_OPEN}
_ZERO = Decimal(0)


def combo_order(
    asked: PlaceOrder, find: Callable[[Wanted], Instrument], account_id: str, ties: Ties
) -> NewOrder:
    """The order for the venue, which finds out what each leg opens or closes.

    Args:
        find: The one contract that is meant; raises Problem if there is none.

    Raises:
        Problem: It can't be one.
    """
    side, order_type, force = side_of(asked), order_type_of(asked), time_in_force_of(asked)
    if order_type not in _TYPES or force in _AUCTIONS:
        raise not_built_order(f"combination orders {asked.order_type} {asked.time_in_force}")
    limit_price = asked.limit_price if order_type is OrderType.LIMIT else None
    if order_type is OrderType.LIMIT and limit_price is None:
        raise invalid("Please enter a valid limit price")
    return NewOrder(
        account_id=account_id,
        symbol="",
        side=Side.BUY,
        order_qty=asked.qty or _ZERO,
        order_type=order_type,
        time_in_force=force,
        limit_price=limit_price * side.sign if limit_price is not None else None,
        client_order_id=asked.order_ref,
        order_class=OrderClass.MLEG,
        legs=_legs(asked.combo.legs, side, find),
        ends_at=asked.good_till,
        ties=ties,
        tag=asked,
    )


def _legs(
    legs: tuple[ComboLeg, ...], side: Side, find: Callable[[Wanted], Instrument]
) -> tuple[NewLeg, ...]:
    if len(legs) < _LEGS_MIN or len({leg.con_id for leg in legs}) < len(legs):
        raise invalid("Invalid combination legs")
    return tuple(_leg(leg, side, find) for leg in legs)


def _leg(leg: ComboLeg, side: Side, find: Callable[[Wanted], Instrument]) -> NewLeg:
    own = _LEG_SIDES.get(leg.action)
    if own is None or leg.ratio <= 0 or not leg.con_id:
        raise invalid(f"Invalid leg action, ratio or conId: {leg.action[:10]} {leg.ratio}")
    instrument = find(Wanted(con_id=leg.con_id, exchange=leg.exchange))
    if not isinstance(instrument, OptionContract):
        raise not_built_order("combinations with shares")
    side_of_leg = own if side is Side.BUY else own.opposite
    return NewLeg(instrument.symbol, Decimal(leg.ratio), _OPENS[side_of_leg])


def legs_alike(first: NewOrder, second: NewOrder) -> bool:
    """Whether two orders have the same legs, whatever these open or close."""

    def told(order: NewOrder) -> list[tuple[str, Decimal, Side]]:
        return [(leg.symbol, leg.ratio_qty, leg.position_intent.side) for leg in order.legs]

    return told(first) == told(second)


def combo_fields(order: Order) -> tuple[Field, ...]:
    """The eleven fields that name a combination in a reply."""
    symbol = ib_symbol(order.instrument)
    return (
        *(_BAG_CON_ID, symbol, "BAG", "", 0, "?", "", "SMART", "USD"),
        *(str(_BAG_CON_ID), "COMB"),
    )


def described(order: Order, *, is_sale: bool) -> str:
    """The legs as `conId|ratio` of what buying the combination buys, a sale with a minus."""
    sign = -1 if is_sale else 1
    return ",".join(
        f"{con_id_of(leg.symbol)}|{sign * leg.position_intent.side.sign * int(leg.ratio_qty)}"
        for leg in order.asked.legs
    )
