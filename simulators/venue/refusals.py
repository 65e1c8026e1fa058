"""Why the venue refuses a request. Every refusal means: nothing was changed.

Refusal
├── NotListed, ContractExpired, NotTradable      the instrument
├── BadQuantity, BadPrice, BadTimeInForce        the order's own figures
├── NotBuilt                                     real venues do it, this model does not yet
├── DuplicateClientOrderId
├── IntentMismatch, NotEligible, AccountBlocked  permission
├── InsufficientBuyingPower, InsufficientOptionsBuyingPower, InsufficientQuantity
├── WashTrade
├── MarketClosed
└── NoSuchOrder, NotCancelable
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(eq=False)
class Refusal(Exception):
    """The root of all refusals."""


@dataclass(eq=False)
class NotListed(Refusal):
    symbol: str
    is_option: bool


@dataclass(eq=False)
class ContractExpired(Refusal):
    symbol: str


@dataclass(eq=False)
class NotTradable(Refusal):
    symbol: str
    is_option: bool


@dataclass(eq=False)
class BadQuantity(Refusal):
    reason: str


@dataclass(eq=False)
class BadPrice(Refusal):
    price: Decimal
    reason: str


@dataclass(eq=False)
class BadTimeInForce(Refusal):
    reason: str


@dataclass(eq=False)
class NotBuilt(Refusal):
    what: str


@dataclass(eq=False)
class DuplicateClientOrderId(Refusal):
    client_order_id: str


@dataclass(eq=False)
class IntentMismatch(Refusal):
    inferred: str
    specified: str


@dataclass(eq=False)
class NotEligible(Refusal):
    reason: str


@dataclass(eq=False)
class AccountBlocked(Refusal):
    flag: str


@dataclass(eq=False)
class InsufficientBuyingPower(Refusal):
    required: Decimal
    available: Decimal


@dataclass(eq=False)
class InsufficientOptionsBuyingPower(Refusal):
    required: Decimal
    available: Decimal


@dataclass(eq=False)
class InsufficientQuantity(Refusal):
    symbol: str
    requested: Decimal
    available: Decimal
    existing: Decimal
    held_for_orders: Decimal


@dataclass(eq=False)
class WashTrade(Refusal):
    existing_order_id: str
    reason: str


@dataclass(eq=False)
class MarketClosed(Refusal):
    reason: str


@dataclass(eq=False)
class NoSuchOrder(Refusal):
    venue_order_id: str


@dataclass(eq=False)
class NotCancelable(Refusal):
    status: str
