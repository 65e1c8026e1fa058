"""The enumerations of the contract, with the contract's names less their prefixes.

Each has UNSPECIFIED: a reply may hold a value that a newer server has and this client does not
know, and such a value is read as UNSPECIFIED. What each value means is said in the contract,
protos/tandem/v1.
"""

from __future__ import annotations

from enum import Enum


class Side(Enum):
    """Direction of an order or an execution."""

    UNSPECIFIED = "UNSPECIFIED"
    BUY = "BUY"
    SELL = "SELL"


class OrderType(Enum):
    """How the price of an order is set."""

    UNSPECIFIED = "UNSPECIFIED"
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"


class TimeInForce(Enum):
    """How long an order works."""

    UNSPECIFIED = "UNSPECIFIED"
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    OPG = "OPG"
    CLS = "CLS"


class PositionIntent(Enum):
    """Whether an order opens or closes a position. Required for options."""

    UNSPECIFIED = "UNSPECIFIED"
    BUY_TO_OPEN = "BUY_TO_OPEN"
    BUY_TO_CLOSE = "BUY_TO_CLOSE"
    SELL_TO_OPEN = "SELL_TO_OPEN"
    SELL_TO_CLOSE = "SELL_TO_CLOSE"


class OrderClass(Enum):
    """Composition of an order; UNSPECIFIED is simple."""

    UNSPECIFIED = "UNSPECIFIED"
    SIMPLE = "SIMPLE"
    BRACKET = "BRACKET"
    OCO = "OCO"
    OTO = "OTO"
    MULTI_LEG = "MULTI_LEG"


class OrderStatus(Enum):
    """Where an order stands."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING_NEW = "PENDING_NEW"
    IN_DOUBT = "IN_DOUBT"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    SUSPENDED = "SUSPENDED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    REPLACED = "REPLACED"
    UNPLACED = "UNPLACED"


class OrderOrigin(Enum):
    """Where an order comes from."""

    UNSPECIFIED = "UNSPECIFIED"
    CLIENT = "CLIENT"
    EXTERNAL = "EXTERNAL"


class OrderFilter(Enum):
    """Which orders to list; UNSPECIFIED is all."""

    UNSPECIFIED = "UNSPECIFIED"
    ALL = "ALL"
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    IN_DOUBT = "IN_DOUBT"


class OrderLookup(Enum):
    """What a look-up has found. ABSENT is information, not proof."""

    UNSPECIFIED = "UNSPECIFIED"
    FOUND = "FOUND"
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"


class ExecType(Enum):
    """Kind of an execution record."""

    UNSPECIFIED = "UNSPECIFIED"
    TRADE = "TRADE"
    CORRECT = "CORRECT"
    BUST = "BUST"
    RECONSTRUCTED = "RECONSTRUCTED"


class ExecSource(Enum):
    """Where an execution was learned."""

    UNSPECIFIED = "UNSPECIFIED"
    STREAM = "STREAM"
    QUERY = "QUERY"
    STATEMENT = "STATEMENT"


class OptionRight(Enum):
    """Call or put."""

    UNSPECIFIED = "UNSPECIFIED"
    CALL = "CALL"
    PUT = "PUT"


class ExerciseStyle(Enum):
    """When an option may be exercised."""

    UNSPECIFIED = "UNSPECIFIED"
    AMERICAN = "AMERICAN"
    EUROPEAN = "EUROPEAN"


class SettlementSession(Enum):
    """When the settlement value of an expiring option is taken."""

    UNSPECIFIED = "UNSPECIFIED"
    AM = "AM"
    PM = "PM"


class SettlementMethod(Enum):
    """What an exercise delivers."""

    UNSPECIFIED = "UNSPECIFIED"
    PHYSICAL = "PHYSICAL"
    CASH = "CASH"


class AccountMode(Enum):
    """Whether real money is at stake."""

    UNSPECIFIED = "UNSPECIFIED"
    PAPER = "PAPER"
    LIVE = "LIVE"


class PositionSource(Enum):
    """Where a position's figures come from."""

    UNSPECIFIED = "UNSPECIFIED"
    BOOKS = "BOOKS"
    VENUE = "VENUE"


class ActivityType(Enum):
    """Kind of a change of an account that is not a fill."""

    UNSPECIFIED = "UNSPECIFIED"
    ASSIGNMENT = "ASSIGNMENT"
    EXERCISE = "EXERCISE"
    EXPIRATION = "EXPIRATION"
    OPTION_DELIVERY = "OPTION_DELIVERY"
    FEE = "FEE"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    TRANSFER = "TRANSFER"
    CORPORATE_ACTION = "CORPORATE_ACTION"


class QuoteQuality(Enum):
    """How far a quote may be trusted."""

    UNSPECIFIED = "UNSPECIFIED"
    REALTIME = "REALTIME"
    DELAYED = "DELAYED"
    INDICATIVE = "INDICATIVE"
    FROZEN = "FROZEN"


class VenueState(Enum):
    """Whether a venue can be used."""

    UNSPECIFIED = "UNSPECIFIED"
    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    DRAINED = "DRAINED"
    UNKNOWN = "UNKNOWN"


class DoubtVerdict(Enum):
    """An operator's word on a placement in doubt."""

    UNSPECIFIED = "UNSPECIFIED"
    NEVER_PLACED = "NEVER_PLACED"
    ENDED = "ENDED"


class TradingState(Enum):
    """Whether orders are taken; UNSPECIFIED is read as halted."""

    UNSPECIFIED = "UNSPECIFIED"
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class AlertSeverity(Enum):
    """How urgent an alert is."""

    UNSPECIFIED = "UNSPECIFIED"
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
