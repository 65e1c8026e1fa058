"""Orders of several orders: option legs at one price (LEAN's combos), brackets, OCO and OTO."""

from __future__ import annotations

from collections import Counter

from services.common.contract.pb import types_pb2
from tests.conformance.acts import hold, holds, listed, market
from tests.conformance.answers import Answer
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.hearing import has_ended
from tests.conformance.scene import (
    BRACKET,
    BTC,
    BTO,
    BUY,
    LIMIT,
    MARKET,
    MULTI_LEG,
    OCO,
    OTO,
    SELL,
    STC,
    STO,
    Ticket,
    leg,
    spec,
)

DECK = Deck(Group.COMPOSED, given="the market is open")
_LEGS = ("type.limit", "class.multi_leg")


def _spread(b: Bench, price: str, *, closes: bool = False, qty: str = "1") -> Ticket:
    """The lower put bought and the upper put sold, or the other way round to close it."""
    if closes:
        legs = [leg(b.scene.lower_put, SELL, STC), leg(b.scene.put, BUY, BTC)]
    else:
        legs = [leg(b.scene.lower_put, BUY, BTO), leg(b.scene.put, SELL, STO)]
    made = spec("", 0, LIMIT, qty=qty, limit_price=price, legs=legs, order_class=MULTI_LEG)
    return b.ticket_for(made)


async def _open_exits(b: Bench, parent: Answer) -> list[str]:
    """Types of the live orders that belong to another, in order."""
    orders = await listed(b, "ListOrders", "orders")
    return sorted(
        types_pb2.OrderType.Name(order.spec.order_type).removeprefix("ORDER_TYPE_").lower()
        for order in orders
        if not has_ended(order)
        and (
            order.parent_venue_order_id == parent.order.venue_order_id
            or order.venue_order_id == parent.order.venue_order_id
        )
    )


@DECK.card(
    "CMB-001",
    "Short combo: a put spread sold at one price, all legs or none",
    needs=_LEGS,
    control=(Can.TRUTH,),
    expects=(
        "submit multi_leg: ACCEPTED|FILLED",
        "told: FILLED",
        "venue holds 1 and -1",
    ),
)
async def short_combo(b: Bench) -> None:
    """Sell a put spread for a credit that the market gives."""
    ticket = _spread(b, "-3.40")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    truth = await b.venue.positions()
    b.note(f"venue holds {truth.get(b.scene.lower_put)} and {truth.get(b.scene.put)}")


@DECK.card(
    "CMB-002",
    "Each leg's fill is told with its own side, instrument and price",
    needs=_LEGS,
    control=(Can.TRUTH,),
    expects=(
        "submit multi_leg: ACCEPTED|FILLED",
        "told: FILLED",
        "executions of 2 legs, as at the venue",
    ),
)
async def legs_are_told(b: Bench) -> None:
    """Sell a put spread and compare the executions that were told with the venue's."""
    ticket = _spread(b, "-3.40")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")

    async def told() -> list[tuple[str, int, str]]:
        return [
            (e.instrument.option.occ_symbol, e.side, e.last_px.value)
            for e in b.hearing.executions(ticket)
        ]

    async def both() -> bool:
        return len(set(await told())) >= 2

    await b.eventually(both, "both legs' executions")
    sides = {"buy": types_pb2.SIDE_BUY, "sell": types_pb2.SIDE_SELL}
    own = {b.scene.put, b.scene.lower_put}
    fills = [f for f in await b.venue.fills() if f.symbol in own][-2:]
    truth = Counter((f.symbol, int(sides[f.side])) for f in fills)
    assert Counter((symbol, side) for symbol, side, _ in await told()) == truth
    b.note(f"executions of {len(truth)} legs, as at the venue")


@DECK.card(
    "CMB-003",
    "Long combo: the spread is bought back",
    needs=_LEGS,
    control=(Can.TRUTH,),
    given="a put spread was sold",
    expects=("submit multi_leg: ACCEPTED|FILLED", "told: FILLED", "venue holds 0 legs"),
)
async def close_combo(b: Bench) -> None:
    """Sell a spread, then buy it back at the market's price."""
    opened = _spread(b, "-3.40")
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(opened))
    assert not answer.has_failed, answer.failure
    ticket = _spread(b, "4.20", closes=True)

    async def is_open() -> bool:
        return len(await b.venue.positions()) == 2

    await b.eventually(is_open, "the spread")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    b.note(f"venue holds {len(await b.venue.positions())} legs")


@DECK.card(
    "CMB-004",
    "Cancel combo: a spread that rests ends whole",
    needs=(*_LEGS, "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    expects=(
        "submit multi_leg: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "venue holds 0 legs",
    ),
)
async def cancel_combo(b: Bench) -> None:
    """Ask for a credit that nobody pays, cancel."""
    ticket = _spread(b, "-9.50")
    await b.works(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    b.note(f"venue holds {len(await b.venue.positions())} legs")


@DECK.card(
    "CMB-005",
    "Update a combo: its net price moves, sign and all",
    needs=(*_LEGS, "rpc.ReplaceOrder"),
    expects=(
        "submit multi_leg: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def update_combo(b: Bench) -> None:
    """Ask for a high credit, then for another one, cancel."""
    ticket = _spread(b, "-9.50")
    await b.works(ticket)
    await b.replace(ticket, limit_price="-9.20")
    await b.revised(ticket, limit_price="-9.20")
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "CMB-006",
    "Ratios with a common divisor are refused by name",
    needs=_LEGS,
    control=(Can.TRUTH,),
    expects=("submit multi_leg: refused INVALID_FIELD, effect NONE", "names order.legs"),
)
async def common_divisor(b: Bench) -> None:
    """Ask for a spread of two against two."""
    legs = [leg(b.scene.lower_put, BUY, BTO, 2), leg(b.scene.put, SELL, STO, 2)]
    made = spec("", 0, LIMIT, limit_price="-3.40", legs=legs, order_class=MULTI_LEG)
    answer = await b.submit(b.ticket_for(made))
    b.note(f"names {answer.failure.field}")


@DECK.card(
    "CMB-007",
    "One leg alone is refused by name",
    needs=_LEGS,
    control=(Can.TRUTH,),
    expects=(
        "submit multi_leg: refused INVALID_FIELD, effect NONE",
        "names order.legs",
        "placed: 0",
    ),
)
async def one_leg(b: Bench) -> None:
    """Ask for a spread of a single leg."""
    legs = [leg(b.scene.put, SELL, STO)]
    made = spec("", 0, LIMIT, limit_price="-3.40", legs=legs, order_class=MULTI_LEG)
    ticket = b.ticket_for(made)
    answer = await b.submit(ticket)
    b.note(f"names {answer.failure.field}")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "BRK-001",
    "Bracket: the profit is taken, the protection ends",
    needs=("type.limit", "class.bracket"),
    control=(Can.QUOTES, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit bracket: ACCEPTED|FILLED",
        "told: FILLED",
        "exits: limit, stop",
        "position: 0",
        "exits: ",
    ),
)
async def bracket_takes_profit(b: Bench) -> None:
    """Buy with an exit at 430 and one at 370; let the market rise."""
    answer, _ = await _bracket(b)
    await market(b, b.scene.share, "431")
    await holds(b, b.scene.share, "0")
    await _no_exits(b, answer)


@DECK.card(
    "BRK-002",
    "Bracket: the protection fills, the profit order ends",
    needs=("type.limit", "class.bracket"),
    control=(Can.QUOTES, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit bracket: ACCEPTED|FILLED",
        "told: FILLED",
        "exits: limit, stop",
        "position: 0",
        "exits: ",
        "sold below 371",
    ),
)
async def bracket_stops_loss(b: Bench) -> None:
    """Buy with an exit at 430 and one at 370; let the market fall."""
    answer, _ = await _bracket(b)
    await market(b, b.scene.share, "369")
    await holds(b, b.scene.share, "0")
    await _no_exits(b, answer)
    sold = [fill for fill in await b.venue.fills() if fill.side == "sell"]
    assert sold[-1].last_px < 371, sold
    b.note("sold below 371")


@DECK.card(
    "BRK-003",
    "Bracket: canceling the entry ends its exits",
    needs=("type.limit", "class.bracket", "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    expects=(
        "submit bracket: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "live at the venue: 0",
    ),
)
async def bracket_is_canceled(b: Bench) -> None:
    """Bid far below the market with both exits, cancel."""
    ticket = b.ticket(
        b.scene.share,
        BUY,
        LIMIT,
        limit_price="240",
        order_class=BRACKET,
        take_profit="260",
        stop_loss="220",
    )
    await b.works(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")

    async def none_lives() -> bool:
        live = ("new", "accepted", "held", "pending_new", "pending_cancel")
        return not [o for o in await b.venue.orders() if o.status in live]

    await b.eventually(none_lives, "the end of the exits")
    b.note("live at the venue: 0")


@DECK.card(
    "BRK-004",
    "A bracket without one of its exits is refused by name",
    needs=("type.limit", "class.bracket"),
    control=(Can.TRUTH,),
    expects=("submit bracket: refused INVALID_FIELD, effect NONE", "names order.stop_loss"),
)
async def bracket_needs_both(b: Bench) -> None:
    """Ask for a bracket with a take-profit alone."""
    ticket = b.ticket(
        b.scene.share, BUY, LIMIT, limit_price="240", order_class=BRACKET, take_profit="260"
    )
    answer = await b.submit(ticket)
    b.note(f"names {answer.failure.field}")


@DECK.card(
    "OCO-001",
    "One cancels the other: the filled exit ends its twin",
    needs=("type.limit", "class.oco"),
    control=(Can.QUOTES, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    given="one share is held",
    expects=("submit oco: ACCEPTED", "position: 0", "exits: "),
)
async def oco(b: Bench) -> None:
    """Place exits at 430 and 370 for what is held; let the market rise."""
    await hold(b, b.scene.share, "1")
    ticket = b.ticket(
        b.scene.share,
        SELL,
        LIMIT,
        limit_price="430",
        order_class=OCO,
        take_profit="430",
        stop_loss="370",
    )
    answer = await b.works(ticket)
    await market(b, b.scene.share, "431")
    await holds(b, b.scene.share, "0")
    await _no_exits(b, answer)


@DECK.card(
    "OTO-001",
    "One triggers the other: the exit comes alive with the entry's fill",
    needs=("type.market", "class.oto"),
    control=(Can.QUOTES, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit oto: ACCEPTED|FILLED",
        "told: FILLED",
        "exits: stop",
        "position: 0",
        "exits: ",
    ),
)
async def oto(b: Bench) -> None:
    """Buy with a protection at 370; let the market fall."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, order_class=OTO, stop_loss="370")
    answer = await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await _has_exits(b, answer, ["stop"])
    await market(b, b.scene.share, "369")
    await holds(b, b.scene.share, "0")
    await _no_exits(b, answer)


async def _bracket(b: Bench) -> tuple[Answer, Ticket]:
    ticket = b.ticket(
        b.scene.share,
        BUY,
        LIMIT,
        limit_price="401",
        order_class=BRACKET,
        take_profit="430",
        stop_loss="370",
    )
    answer = await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await _has_exits(b, answer, ["limit", "stop"])
    return answer, ticket


async def _has_exits(b: Bench, parent: Answer, wanted: list[str]) -> None:
    async def are_there() -> bool:
        return await _open_exits(b, parent) == wanted

    await b.eventually(are_there, f"exits {wanted}")
    b.note(f"exits: {', '.join(wanted)}")


async def _no_exits(b: Bench, parent: Answer) -> None:
    await _has_exits(b, parent, [])
