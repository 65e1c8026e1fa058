"""What is traded in the cards, and at which prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from services.common.contract.pb import orders_pb2, types_pb2

BUY: Final = types_pb2.SIDE_BUY
SELL: Final = types_pb2.SIDE_SELL
MARKET: Final = types_pb2.ORDER_TYPE_MARKET
LIMIT: Final = types_pb2.ORDER_TYPE_LIMIT
STOP: Final = types_pb2.ORDER_TYPE_STOP
STOP_LIMIT: Final = types_pb2.ORDER_TYPE_STOP_LIMIT
TRAILING: Final = types_pb2.ORDER_TYPE_TRAILING_STOP
DAY: Final = types_pb2.TIME_IN_FORCE_DAY
GTC: Final = types_pb2.TIME_IN_FORCE_GTC
IOC: Final = types_pb2.TIME_IN_FORCE_IOC
FOK: Final = types_pb2.TIME_IN_FORCE_FOK
OPG: Final = types_pb2.TIME_IN_FORCE_OPG
CLS: Final = types_pb2.TIME_IN_FORCE_CLS
BTO: Final = types_pb2.POSITION_INTENT_BUY_TO_OPEN
BTC: Final = types_pb2.POSITION_INTENT_BUY_TO_CLOSE
STO: Final = types_pb2.POSITION_INTENT_SELL_TO_OPEN
STC: Final = types_pb2.POSITION_INTENT_SELL_TO_CLOSE
SIMPLE: Final = types_pb2.ORDER_CLASS_SIMPLE
BRACKET: Final = types_pb2.ORDER_CLASS_BRACKET
OCO: Final = types_pb2.ORDER_CLASS_OCO
OTO: Final = types_pb2.ORDER_CLASS_OTO
MULTI_LEG: Final = types_pb2.ORDER_CLASS_MULTI_LEG

_OCC_LEN: Final = 15
_TICK: Final = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Scene:
    """The instruments of a run. On a real account they are looked for first."""

    share: str = "SPY"
    other_share: str = "QQQ"
    third_share: str = "AAPL"
    put: str = "SPY241115P00400000"
    lower_put: str = "SPY241115P00390000"
    call: str = "SPY241115C00400000"
    higher_call: str = "SPY241115C00410000"


@dataclass(frozen=True, slots=True)
class Prices:
    """A quote, and prices at which an order surely rests or surely fills."""

    bid: Decimal
    ask: Decimal

    @property
    def low(self) -> str:
        """A buy at it rests."""
        return _text((self.bid * Decimal("0.6") / _TICK).to_integral_value(ROUND_FLOOR) * _TICK)

    @property
    def high(self) -> str:
        """A sale at it rests."""
        return _text((self.ask * Decimal("1.6") / _TICK).to_integral_value(ROUND_CEILING) * _TICK)

    @property
    def higher(self) -> str:
        """Rests as well, above `high`."""
        return _text(Decimal(self.high) + 1)

    @property
    def lower(self) -> str:
        """Rests as well, below `low`."""
        return _text(Decimal(self.low) - _TICK)

    @property
    def takes_ask(self) -> str:
        """A buy at it fills."""
        return _text(self.ask)

    @property
    def takes_bid(self) -> str:
        """A sale at it fills."""
        return _text(self.bid)


@dataclass(eq=False, slots=True)
class Ticket:
    """An order of a card: what is asked for, under which ids.

    `base` is what every client id of it at the venue begins with, `client_id` what the calls to
    this server name it by.
    """

    base: str
    client_id: str
    spec: orders_pb2.OrderSpec
    label: str
    revisions: list[str] = field(default_factory=list)
    """The ids of its later revisions, where each has one."""
    changes: int = 0
    """How often it was changed at a server that counts revisions by itself."""

    @property
    def current_id(self) -> str:
        """The id of its latest revision."""
        return self.revisions[-1] if self.revisions else self.client_id

    @property
    def order_qty(self) -> Decimal:
        """Quantity asked for."""
        return Decimal(self.spec.order_qty.value or "0")


def instrument(symbol: str) -> types_pb2.Instrument:
    """The share or the option of that symbol."""
    if len(symbol) > _OCC_LEN:
        return types_pb2.Instrument(option=types_pb2.Option(occ_symbol=symbol))
    return types_pb2.Instrument(equity=types_pb2.Equity(symbol=symbol))


def symbol_of(msg: types_pb2.Instrument) -> str:
    """The symbol of an instrument in an answer."""
    return msg.option.occ_symbol if msg.HasField("option") else msg.equity.symbol


def amount(value: str | int | Decimal) -> types_pb2.Decimal:
    """An amount for the wire."""
    return types_pb2.Decimal(value=str(value))


def usd(value: str) -> types_pb2.Money:
    """Dollars for the wire."""
    return types_pb2.Money(amount=amount(value), currency_code="USD")


def spec(symbol: str, side: int, order_type: int, **given: Any) -> orders_pb2.OrderSpec:
    """An order; amounts as text. A day order of one, unless told otherwise."""
    values: dict[str, Any] = {"qty": "1", "tif": DAY, **given}
    made = orders_pb2.OrderSpec(
        side=side,  # type: ignore[arg-type]
        order_type=order_type,  # type: ignore[arg-type]
        time_in_force=values.pop("tif"),
    )
    if symbol:
        made.instrument.CopyFrom(instrument(symbol))
    if (qty := values.pop("qty")) is not None:
        made.order_qty.value = qty
    _set_prices(made, values)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def leg(symbol: str, side: int, intent: int, ratio: int = 1) -> orders_pb2.OrderLeg:
    """A leg of a multi-leg order."""
    return orders_pb2.OrderLeg(
        instrument=instrument(symbol),
        side=side,  # type: ignore[arg-type]
        position_intent=intent,  # type: ignore[arg-type]
        ratio_qty=ratio,
    )


def _set_prices(made: orders_pb2.OrderSpec, values: dict[str, Any]) -> None:
    for name in ("limit_price", "stop_price", "trail_amount", "trail_percent"):
        if (text := values.pop(name, None)) is not None:
            getattr(made, name).value = text
    if (cash := values.pop("notional", None)) is not None:
        made.notional.CopyFrom(usd(cash))
    if (profit := values.pop("take_profit", None)) is not None:
        made.take_profit.limit_price.value = profit
    if (loss := values.pop("stop_loss", None)) is not None:
        made.stop_loss.stop_price.value = loss
    if (loss_limit := values.pop("stop_loss_limit", None)) is not None:
        made.stop_loss.limit_price.value = loss_limit
    if (legs := values.pop("legs", None)) is not None:
        made.legs.extend(legs)
    if (intent := values.pop("intent", None)) is not None:
        made.position_intent = intent


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")
