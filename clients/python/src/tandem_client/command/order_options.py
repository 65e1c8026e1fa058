"""The options that say what an order is, and the order that they make. Prices say the type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import click

from tandem_client.command.arguments import MOMENT, PRICE, QUANTITY, SYMBOL
from tandem_client.command.session import Session
from tandem_client.enums import OrderClass, OrderType, PositionIntent, Side, TimeInForce
from tandem_client.instruments import Option
from tandem_client.orders import OrderSpec, StopLoss, new_client_order_id

TIMES: Final = [name.lower() for name in TimeInForce.__members__ if name != "UNSPECIFIED"]
_INTENTS: Final = {
    ("buy", "open"): PositionIntent.BUY_TO_OPEN,
    ("buy", "close"): PositionIntent.BUY_TO_CLOSE,
    ("sell", "open"): PositionIntent.SELL_TO_OPEN,
    ("sell", "close"): PositionIntent.SELL_TO_CLOSE,
}
_TERMS: Final = (
    click.argument("side", type=click.Choice(["buy", "sell"])),
    click.argument("quantity", type=QUANTITY),
    click.argument("symbol", type=SYMBOL),
    click.option("--limit", type=PRICE, metavar="PRICE", help="At this price or better."),
    click.option("--stop", type=PRICE, metavar="PRICE", help="Only once this price is touched."),
    click.option("--trail", type=PRICE, metavar="AMOUNT", help="A stop that trails by this much."),
    click.option("--trail-percent", type=PRICE, metavar="PERCENT", help="The same in percent."),
    click.option("--market", is_flag=True, help="At whatever price; must be said."),
    click.option("--take-profit", type=PRICE, metavar="PRICE", help="Exit at this limit."),
    click.option("--stop-loss", type=PRICE, metavar="PRICE", help="Exit once this is touched."),
    click.option("--stop-loss-limit", type=PRICE, metavar="PRICE", help="Limit of that exit."),
    click.option("--intent", type=click.Choice(["open", "close"]), help="Required for options."),
    click.option("--tif", type=click.Choice(TIMES), default="day", show_default=True),
    click.option("--venue", default="", help="Only this venue may get it."),
    click.option("--prefer", default="", help="Try this venue first."),
    click.option("--strategy", default="", help="A label of yours."),
    click.option("--not-after", type=MOMENT, metavar="TIME", help="It must not leave after this."),
    click.option("--hedge", is_flag=True, help="Against a position whose venue can't be reached."),
    click.option("--extended-hours", is_flag=True, help="May work outside regular hours."),
)


def order_terms(function: Any) -> Any:
    """Add them to a command, which takes them by name."""
    for add in reversed(_TERMS):
        function = add(function)
    return function


def id_for(session: Session, given: str | None, what: str = "client_order_id") -> str:
    """The given id, or a new one, told before anything is sent."""
    if given is not None:
        return given
    minted = new_client_order_id()
    session.complain(f"{what} {minted}")
    return minted


def spec_of(terms: dict[str, Any], make_id: Callable[[], str]) -> OrderSpec:
    """The order that the options name; UsageError for those that don't go together."""
    order_type = type_of(terms)
    stop_loss = _stop_loss(terms["stop_loss"], terms["stop_loss_limit"])
    side, intent = terms["side"], terms["intent"]
    if intent is None and isinstance(terms["symbol"], Option):
        raise click.UsageError("an option needs --intent open or --intent close")
    return OrderSpec(
        client_order_id=make_id(),
        instrument=terms["symbol"],
        side=Side[side.upper()],
        order_qty=terms["quantity"],
        order_type=order_type,
        order_class=_class_of(terms["take_profit"], stop_loss),
        time_in_force=TimeInForce[terms["tif"].upper()],
        position_intent=_INTENTS[side, intent] if intent else PositionIntent.UNSPECIFIED,
        limit_price=terms["limit"],
        stop_price=terms["stop"],
        trail_amount=terms["trail"],
        trail_percent=terms["trail_percent"],
        take_profit_price=terms["take_profit"],
        stop_loss=stop_loss,
        venue_pin=terms["venue"],
        venue_preference=terms["prefer"],
        strategy_tag=terms["strategy"],
        not_after=terms["not_after"],
        extended_hours=terms["extended_hours"],
        hedge=terms["hedge"],
    )


def type_of(terms: dict[str, Any]) -> OrderType:
    """The order type that the prices name."""
    limit, stop = terms["limit"], terms["stop"]
    trails = [terms[name] for name in ("trail", "trail_percent") if terms[name] is not None]
    if terms["market"] and (limit is not None or stop is not None or trails):
        raise click.UsageError("--market goes with no price")
    if trails and (limit is not None or stop is not None or len(trails) > 1):
        raise click.UsageError("say either --trail or --trail-percent, and no other price")
    if trails:
        return OrderType.TRAILING_STOP
    if terms["market"]:
        return OrderType.MARKET
    if limit is None and stop is None:
        raise click.UsageError("say --limit PRICE, --stop PRICE, --trail AMOUNT or --market")
    if stop is None:
        return OrderType.LIMIT
    return OrderType.STOP if limit is None else OrderType.STOP_LIMIT


def _stop_loss(stop: Decimal | None, limit: Decimal | None) -> StopLoss | None:
    if stop is None and limit is not None:
        raise click.UsageError("--stop-loss-limit needs --stop-loss")
    return None if stop is None else StopLoss(stop, limit)


def _class_of(take_profit: Decimal | None, stop_loss: StopLoss | None) -> OrderClass:
    """An entry with both exits is a bracket, with one of them one that triggers the other."""
    if take_profit is None and stop_loss is None:
        return OrderClass.UNSPECIFIED
    both = take_profit is not None and stop_loss is not None
    return OrderClass.BRACKET if both else OrderClass.OTO
