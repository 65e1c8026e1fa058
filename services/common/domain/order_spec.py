"""What a client asks for, its rules, and the hash that tells "the same content"."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import Money, format_decimal
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Instrument
from services.common.domain.order_terms import (
    OptionCombo,
    OrderChange,
    OrderClass,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
    Tradable,
)

CONTENT_HASH_VERSION: Final = 1
CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ACCOUNT_TAG: Final = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
_PLACEMENT_ID: Final = re.compile(
    r"([A-Za-z0-9._-]{1,64})~([a-z0-9]{1,8})~([1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class PlacementId:
    """`{client_order_id}~{account_tag}~{number}.{revision}`: what a venue sees of an order."""

    client_order_id: str
    account_tag: str
    number: int
    revision: int = 0

    def __str__(self) -> str:
        return f"{self.client_order_id}~{self.account_tag}~{self.number}.{self.revision}"

    @classmethod
    def parse(cls, text: str) -> PlacementId | None:
        """Read one; None if `text` is not of this form, so not an order of ours."""
        match = _PLACEMENT_ID.fullmatch(text)
        if match is None:
            return None
        return cls(match[1], match[2], int(match[3]), int(match[4]))


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """An order as asked for; `order_rules.check_order` says at the edge whether it is one.

    `order_qty` is 0 for an order by amount (`notional`), whose quantity nobody knows before it has
    filled. A multi-leg order is a BUY of its `OptionCombo`. `not_after` is wall-clock time (aware
    UTC) after which it must not leave for a venue. `venue_pin` and `venue_preference` are venue
    names, empty if not set. A `hedge` opens the opposite of what another venue holds.
    """

    client_order_id: str
    instrument: Tradable
    side: Side
    order_qty: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None = None
    position_intent: PositionIntent | None = None
    not_after: datetime | None = None
    venue_pin: str = ""
    venue_preference: str = ""
    strategy_tag: str = ""
    notional: Money | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    hedge: bool = False

    @property
    def single(self) -> Instrument:
        """The instrument of an order without legs. Refused NOT_IMPLEMENTED if it has legs."""
        if isinstance(self.instrument, OptionCombo):
            raise Refused(Reason.NOT_IMPLEMENTED, "order.legs: not implemented here yet")
        return self.instrument

    def changed_by(self, change: OrderChange) -> OrderSpec:
        """The order with other terms; whether it then keeps the rules is not asked here."""
        asked = change.asked()
        return replace(self, **asked) if asked else self

    def content_hash(self) -> str:
        """`1:` and the SHA-256 of the normalised content, in hex.

        Decimals count by value, instruments by listing; the version stands in front so that a
        later release can tell which rule made a stored hash. Terms that came after the first
        release count only where they are set, so hashes of before stay what they were.
        """
        content = {
            "client_order_id": self.client_order_id,
            "instrument": self.instrument.key,
            "side": self.side.value,
            "order_qty": format_decimal(self.order_qty),
            "order_type": self.order_type.value,
            "time_in_force": self.time_in_force.value,
            "limit_price": _text(self.limit_price),
            "position_intent": self.position_intent and self.position_intent.value,
            "not_after": self.not_after and self.not_after.astimezone(UTC).isoformat(),
            "venue_pin": self.venue_pin,
            "venue_preference": self.venue_preference,
            "strategy_tag": self.strategy_tag,
            **{name: value for name, value in self._later_terms().items() if value},
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"{CONTENT_HASH_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"

    def _later_terms(self) -> dict[str, object]:
        money, takes, stops = self.notional, self.take_profit, self.stop_loss
        simple = self.order_class is OrderClass.SIMPLE
        return {
            "notional": money and [format_decimal(money.amount), money.currency],
            "stop_price": _text(self.stop_price),
            "trail_amount": _text(self.trail_amount),
            "trail_percent": _text(self.trail_percent),
            "extended_hours": self.extended_hours,
            "hedge": self.hedge,
            "order_class": None if simple else self.order_class.value,
            "take_profit": takes and _text(takes.limit_price),
            "stop_loss": stops and [_text(stops.stop_price), _text(stops.limit_price)],
        }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)
