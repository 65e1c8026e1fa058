"""Combinations (BAG): from IB's legs to the venue's, and how they are shown."""

from simulators.ib_gateway.contracts import con_id_of, ib_symbol
from simulators.ib_gateway.wire import Field
from simulators.venue.orders import Order

_BAG_CON_ID = 28812380
"""The conId that every combination has at IB."""


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
