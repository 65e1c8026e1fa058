"""The terms that an order is made of: types, times in force, intents, legs, exits, changes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias

from services.common.domain.executions import Side
from services.common.domain.instruments import Instrument, OptionContract


class OrderType(Enum):
    """How the price of an order is set."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"


class TimeInForce(Enum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    OPG = "OPG"
    CLS = "CLS"


class PositionIntent(Enum):
    """Whether an order opens or closes a position; required for options."""

    BUY_TO_OPEN = "BUY_TO_OPEN"
    BUY_TO_CLOSE = "BUY_TO_CLOSE"
    SELL_TO_OPEN = "SELL_TO_OPEN"
    SELL_TO_CLOSE = "SELL_TO_CLOSE"

    @property
    def side(self) -> Side:
        """The side that this intent goes with."""
        return Side.BUY if self.value.startswith("BUY") else Side.SELL

    @property
    def opens(self) -> bool:
        """Whether it opens or adds to a position."""
        return self.value.endswith("OPEN")


class OrderClass(Enum):
    """Composition of an order."""

    SIMPLE = "SIMPLE"
    BRACKET = "BRACKET"
    OCO = "OCO"
    OTO = "OTO"
    MULTI_LEG = "MULTI_LEG"


@dataclass(frozen=True, slots=True)
class OrderLeg:
    """One leg of a multi-leg order: `ratio_qty` contracts per unit of the order, 1 or more."""

    contract: OptionContract
    side: Side
    position_intent: PositionIntent
    ratio_qty: int


@dataclass(frozen=True, slots=True)
class OptionCombo:
    """What a multi-leg order trades: two to four option legs as one listing (FIX: MLEG).

    A unit is bought, at a net price: positive pays, negative receives.
    """

    legs: tuple[OrderLeg, ...]

    @property
    def key(self) -> str:
        """The identity, as text; the order of the legs does not matter."""
        parts = (
            f"{leg.position_intent.value}:{leg.ratio_qty}:{leg.contract.key}" for leg in self.legs
        )
        return "+".join(sorted(parts))


Tradable: TypeAlias = Instrument | OptionCombo
"""What an order can be for; what is held, filled and quoted is always an `Instrument`."""


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """The profit-taking exit of a bracket, OCO or OTO order, a limit order."""

    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class StopLoss:
    """The protective exit of a bracket, OCO or OTO order; a market exit without a limit."""

    stop_price: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What a replace asks for; None keeps what the order has. `order_qty` is the new total."""

    order_qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    time_in_force: TimeInForce | None = None

    def then(self, later: OrderChange) -> OrderChange:
        """This change and a later one in one."""
        return replace(self, **later.asked())

    def asked(self) -> dict[str, Any]:
        """What it asks for, by the names of an order's terms."""
        named = ((name, getattr(self, name)) for name in _CHANGEABLE)
        asked = {name: value for name, value in named if value is not None}
        if "trail_amount" in asked:  # one distance takes the place of the other
            asked.setdefault("trail_percent", None)
        elif "trail_percent" in asked:
            asked["trail_amount"] = None
        return asked


_CHANGEABLE: Final = tuple(field.name for field in fields(OrderChange))
NO_CHANGE: Final = OrderChange()
"""Asks for nothing."""
