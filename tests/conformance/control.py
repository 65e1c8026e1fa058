"""What a card may ask of the venue behind a server, in words that fit any broker.

A real account can do none of it. A simulator does what its broker can do to a client; what a
broker can't do at all (an HTTP status on IB's socket) is a limit with a reason, and makes a skip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol


class Can(Enum):
    """What a control may be able to do."""

    TRUTH = "tell its own books and what was asked of it"
    QUOTES = "set quotes"
    CLOCK = "move the market's clock"
    FILL = "fill an order"
    REJECT = "reject an order that was accepted"
    CANCEL_BY_HAND = "cancel an order by its owner's hand"
    PLACE_BY_HAND = "place an order by its owner's hand"
    ACCOUNT = "block the account"
    OPTION_EVENTS = "assign, exercise and expire options"
    LOSE_REPLY = "take a change and lose the reply"
    LOSE_REQUEST = "lose a change without effect, silently"
    REFUSE_CONNECTION = "refuse the connection of a request"
    ERROR_AFTER = "answer with a server error after the effect"
    ERROR_BEFORE = "answer with a server error without effect"
    BAD_BODY = "answer with a body that can't be read"
    RATE_LIMIT = "say that there were too many requests"
    DELAY = "take its time"
    VANISH = "confirm an order that it never has"
    STALL = "take an order and never bring it to market"
    FORGET_CANCEL = "confirm a cancel and forget it"
    REFUSE_LATER = "confirm a change and refuse it later"
    FAIL_READS = "fail reads"
    HANG_READS = "never answer reads"
    ODD_STATUS = "show a status that nobody knows"
    DROP_EVENT = "lose an event"
    DUPLICATE_EVENT = "tell an event twice"
    REORDER_EVENTS = "tell events in reverse"
    HOLD_EVENTS = "hold events back"
    GARBLE_EVENT = "spoil an event"
    DROP_STREAM = "cut the event stream"
    REFUSE_STREAM = "refuse the event stream"
    SHARED_EXEC_IDS = "give executions the same ids on the stream and in lists"
    DIVIDENDS = "pay a dividend"
    CUT_AFTER = "take so many changes and lose the connection with the others in it"
    SUSPEND = "suspend an order, and let it work again"
    REFUSE_REPLACE = "refuse a change of an order at once"
    NOTICE = "remark on an order that it takes"
    CORRECT = "correct an execution, or take it back"
    DOUBLE_REPLACE = "leave the order of before beside the changed one"
    OWN_LINK = "lose the link that it has behind the connection"
    RESTART = "restart, and issue its order numbers again"
    RELOGIN = "be another account from one moment to the next"
    DELAYED_DATA = "give delayed market data"


class Sends(Enum):
    """Which change a fault is about."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    REPLACE = "replace"
    EXERCISE = "exercise"
    CANCEL_ALL = "cancel all"


class Reads(Enum):
    """Which read a fault is about."""

    ORDERS = "orders"
    LOOK_UP = "one order"
    EXECUTIONS = "executions"
    POSITIONS = "positions"
    ACCOUNT = "account"
    CLOCK = "clock"
    QUOTES = "quotes"
    CONTRACTS = "contracts"


class Body(Enum):
    """What is wrong with a body."""

    HTML = "html"
    EMPTY = "empty"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order in the venue's own books."""

    client_id: str
    venue_order_id: str
    symbol: str
    side: str
    status: str
    order_qty: Decimal | None
    cum_qty: Decimal
    limit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class VenueFill:
    """A fill in the venue's own books."""

    client_id: str
    symbol: str
    side: str
    last_qty: Decimal
    last_px: Decimal


class VenueControl(Protocol):
    """The control of one simulated venue.

    `of` is what the client ids of the orders begin with that a fault is about; empty for any.
    Each fault strikes once unless `times` says otherwise.
    """

    @property
    def limits(self) -> Mapping[Can, str]:
        """What it can't do, and why."""

    @property
    def renames(self) -> bool:
        """Whether a changed order has the client id of the change; else it keeps its first one."""

    # -- truth -------------------------------------------------------------------------------

    async def orders(self, of: str = "") -> Sequence[VenueOrder]:
        """The orders in its books, oldest first."""

    async def fills(self, of: str = "") -> Sequence[VenueFill]:
        """The fills in its books, oldest first."""

    async def positions(self) -> Mapping[str, Decimal]:
        """What the account holds, by symbol."""

    async def cash(self) -> Decimal:
        """What the account has."""

    async def sends(self, of: str, change: Sends = Sends.SUBMIT) -> int:
        """How often this change of such orders was asked for, whatever became of it."""

    async def lookups(self, of: str) -> int:
        """How often such orders were looked up by client id."""

    # -- the market and the account ----------------------------------------------------------

    async def now(self) -> datetime:
        """Market time."""

    async def set_clock(self, at: datetime) -> None:
        """Move market time; what lies between happens."""

    async def quote(self, symbol: str, bid: str, ask: str, *, frozen: bool = False) -> None:
        """Set a quote."""

    async def fill(self, order: str, qty: str, px: str, *, even_if_ended: bool = False) -> None:
        """Fill a part of an order, whatever the market says."""

    async def reject(self, order: str) -> None:
        """Reject an order that was accepted."""

    async def cancel_by_hand(self, order: str) -> None:
        """Cancel an order without the server's doing."""

    async def place_by_hand(
        self, symbol: str, side: str, qty: str, limit_price: str | None = None
    ) -> str:
        """Place an order without the server's doing; its venue order id."""

    async def account(self, **flags: Any) -> None:
        """Set flags of the account: trading_blocked, account_blocked, options_level, …"""

    async def assign(self, symbol: str, qty: str) -> None:
        """Assign short contracts now."""

    async def option_activities(self, *, at_once: bool) -> None:
        """Whether option events are in the activities at once, or the next day as on paper."""

    async def charge_fee(self, amount: str) -> None:
        """Charge the account a fee."""

    async def pay_dividend(self, symbol: str, per_share: str) -> None:
        """Pay a dividend on what is held."""

    # -- faults of changes and reads ---------------------------------------------------------

    async def lose_reply(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change takes effect; its reply is lost: cut off, or never coming (`hang`)."""

    async def lose_request(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change never reaches the books, and nobody says so."""

    async def refuse_connection(self, change: Sends, of: str = "") -> None:
        """The request's connection is refused or reset before the effect."""

    async def error_after(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """The change takes effect and is answered with a server error."""

    async def error_before(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """The change takes no effect and is answered with a server error."""

    async def bad_body(self, change: Sends, body: Body, of: str = "") -> None:
        """The change takes effect; its answer can't be read."""

    async def rate_limit(self, change: Sends, of: str = "") -> None:
        """The change takes no effect: too many requests."""

    async def delay(self, change: Sends, seconds: float, of: str = "") -> None:
        """The change takes effect, and its answer so much later."""

    async def delay_effect(self, change: Sends, seconds: float, of: str = "") -> None:
        """The change takes effect so much later: it is on its way meanwhile."""

    async def vanish(self, of: str = "") -> None:
        """A submit is confirmed and never in the books."""

    async def forget_cancel(self, of: str = "") -> None:
        """A cancel is confirmed, and nothing comes of it."""

    async def refuse_later(self, change: Sends, of: str = "") -> None:
        """A submit, replace or cancel is confirmed, and refused a moment later."""

    async def stall(self, of: str = "") -> None:
        """A submit is taken, and the order never comes to market by itself."""

    async def fail_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads fail on the venue's side; 0 for all of them until faults are cleared."""

    async def hang_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads are never answered."""

    async def limit_reads(self, what: Reads, *, times: int) -> None:
        """Reads are answered with "too many requests"."""

    async def odd_status(self, change: Sends, of: str = "") -> None:
        """The answer shows a status that nobody knows."""

    async def cut_after(self, count: int) -> None:
        """So many more changes arrive and are not answered; then the connection is lost, and with
        it whatever else was written to it."""

    async def suspend(self, order: str) -> None:
        """An order that works is suspended: it is live, and trades only if it is resumed."""

    async def resume(self, order: str) -> None:
        """A suspended order works again."""

    async def refuse_replace(self, of: str = "") -> None:
        """A change of an order is refused at once."""

    async def remark(self, of: str = "") -> None:
        """Something is said of the next order; it is taken all the same."""

    async def correct(self, exec_id: str, px: str) -> None:
        """An execution was at another price."""

    async def bust(self, exec_id: str) -> None:
        """An execution never was."""

    async def double_replace(self) -> None:
        """The next change leaves the order of before live beside the changed one."""

    async def lose_link(self) -> None:
        """The venue's own link is lost; it says so."""

    async def restore_link(self) -> None:
        """The venue's own link is back; it says so."""

    async def restart(self) -> None:
        """It ends all connections, and issues order numbers again that it has issued before."""

    async def become(self, account: str) -> None:
        """From now on whoever connects finds that account."""

    async def delay_data(self, *, delayed: bool) -> None:
        """Whether market data come delayed, and say so."""

    # -- faults of events --------------------------------------------------------------------

    async def drop_event(self, of: str, event: str = "*", *, times: int = 1) -> None:
        """Events are lost. `event` is fill, partial_fill, new, canceled …, or * for any."""

    async def duplicate_event(self, of: str, event: str = "*", *, times: int = 1) -> None:
        """Events come twice."""

    async def reorder_events(self, of: str, *, times: int) -> None:
        """So many events come in reverse."""

    async def hold_events(self, of: str, *, times: int) -> None:
        """So many events wait until they are released."""

    async def release_events(self) -> None:
        """What was held is told."""

    async def garble_event(self, of: str, event: str = "*") -> None:
        """An event can't be read."""

    async def drop_stream(self) -> None:
        """The event stream is cut."""

    async def refuse_stream(self, *, times: int) -> None:
        """So many attempts to open the event stream are refused."""

    async def share_exec_ids(self, *, shared: bool) -> None:
        """Whether stream and lists give one execution one id."""

    async def clear_faults(self) -> None:
        """Nothing goes wrong any more."""

    async def restore(self) -> None:
        """No faults, nothing held back, first quotes, a free account."""

    async def tidy(self) -> bool:
        """No faults, no open orders, no positions, first quotes; False if that can't be had."""
