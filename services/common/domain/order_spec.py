"""What a client asks for, its rules, and the hash that tells "the same content"."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from services.common.domain.amounts import format_decimal
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Side
from services.common.domain.instruments import Instrument, OptionContract


class OrderType(Enum):
    """How the price of an order is set."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(Enum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"


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


CONTENT_HASH_VERSION: Final = 1
CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ACCOUNT_TAG: Final = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
_PLACEMENT_ID: Final = re.compile(
    r"([A-Za-z0-9._-]{1,64})~([a-z0-9]{1,8})~([1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})", re.ASCII
)
_STRATEGY_TAG: Final = re.compile(r"[ -~]{0,64}", re.ASCII)
VENUE_NAME: Final = re.compile(r"[a-z0-9_]{0,32}", re.ASCII)


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
    """A single-instrument order as asked for. Build it and call `validate` at the edge.

    `not_after` is wall-clock time (aware UTC) after which it must not leave for a venue.
    `venue_pin` and `venue_preference` are venue names, empty if not set.
    """

    client_order_id: str
    instrument: Instrument
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

    def validate(self, *, placement: bool = False) -> None:
        """Raise InvalidRequest naming the field that breaks a rule.

        With `placement` the id must be a placement_id (a fenced call at an adapter), without
        it must be a client's own, in which `~` is not allowed.
        """
        self._validate_id(placement)
        if self.order_qty <= 0:
            raise InvalidRequest("order.order_qty", "must be above 0")
        self._validate_price()
        self._validate_intent()
        if not _STRATEGY_TAG.fullmatch(self.strategy_tag):
            raise InvalidRequest("order.strategy_tag", "at most 64 printable ASCII characters")
        for name in ("venue_pin", "venue_preference"):
            if not VENUE_NAME.fullmatch(getattr(self, name)):
                raise InvalidRequest(f"order.{name}", "not a venue name")

    def _validate_id(self, placement: bool) -> None:
        if placement:
            if PlacementId.parse(self.client_order_id) is None:
                raise InvalidRequest("order.client_order_id", "a fenced call needs a placement_id")
        elif not self.client_order_id:
            raise InvalidRequest("order.client_order_id", "required")
        elif not CLIENT_ORDER_ID.fullmatch(self.client_order_id):
            raise InvalidRequest("order.client_order_id", "must be 1 to 64 of [A-Za-z0-9._-]")

    def _validate_price(self) -> None:
        if self.order_type is OrderType.LIMIT and self.limit_price is None:
            raise InvalidRequest("order.limit_price", "required for a limit order")
        if self.order_type is OrderType.MARKET and self.limit_price is not None:
            raise InvalidRequest("order.limit_price", "not allowed for a market order")
        if self.limit_price is not None and self.limit_price < 0:
            raise InvalidRequest("order.limit_price", "must not be negative")

    def _validate_intent(self) -> None:
        if isinstance(self.instrument, OptionContract):
            if self.position_intent is None:
                raise InvalidRequest("order.position_intent", "required for options")
            if self.order_qty != self.order_qty.to_integral_value():
                raise InvalidRequest("order.order_qty", "contracts are whole numbers")
        if self.position_intent is not None and self.position_intent.side is not self.side:
            raise InvalidRequest("order.position_intent", f"contradicts side {self.side.value}")

    def content_hash(self) -> str:
        """`1:` and the SHA-256 of the normalised content, in hex.

        Decimals count by value, instruments by listing; the version stands in front so that a
        later release can tell which rule made a stored hash.
        """
        content = {
            "client_order_id": self.client_order_id,
            "instrument": self.instrument.key,
            "side": self.side.value,
            "order_qty": format_decimal(self.order_qty),
            "order_type": self.order_type.value,
            "time_in_force": self.time_in_force.value,
            "limit_price": None if self.limit_price is None else format_decimal(self.limit_price),
            "position_intent": self.position_intent and self.position_intent.value,
            "not_after": self.not_after and self.not_after.astimezone(UTC).isoformat(),
            "venue_pin": self.venue_pin,
            "venue_preference": self.venue_preference,
            "strategy_tag": self.strategy_tag,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"{CONTENT_HASH_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"
