"""Why the venue refuses a request. Every refusal means: nothing was changed.

Refusal
├── NotListed, ContractExpired, NotTradable      the instrument
├── BadQuantity, BadPrice, BadTimeInForce        the order's own figures
├── BadOrder, BelowMinimum                       what kinds of orders there are
├── NotBuilt                                     real venues do it, this model does not yet
├── DuplicateClientOrderId
├── IntentMismatch, NotEligible, AccountBlocked  permission
├── InsufficientBuyingPower, InsufficientOptionsBuyingPower, InsufficientQuantity
├── WashTrade
├── MarketClosed
└── NoSuchOrder, NotCancelable, NotReplaceable, BadReplace
"""

from dataclasses import dataclass, field
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
class BadOrder(Refusal):
    """A rule of the venue's about kinds of orders; `figures` are those that it is about."""

    reason: str
    figures: dict[str, Decimal] = field(default_factory=dict)


@dataclass(eq=False)
class BelowMinimum(Refusal):
    cost_basis: Decimal
    minimum: Decimal


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


@dataclass(eq=False)
class NotReplaceable(Refusal):
    status: str


@dataclass(eq=False)
class BadReplace(Refusal):
    reason: str
