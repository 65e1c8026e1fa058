"""`VenueGateway`: what an adapter must be able to ask of its broker, in our words.

A gateway is a translator with no opinions. It keeps no books, retries no mutation, and says
exactly what the broker said; the servicers in this package put the contract on top of it.

Mutations answer in one of four ways, and in no other:

* an `OrderReport`: the broker's own word, a rejection included (status REJECTED, with a cause);
* `Unavailable` or `Refused`: effect NONE, nothing left for the broker, or the broker itself
  said that it did nothing (a 429, say);
* `OutcomeUnknown`: the bytes may have left and no definite answer came;
* cancellation of the awaiting task: the work itself must not stop; see `submit`.

Reads answer with everything that was asked for, or raise `ReadFailed`; never with a part, never
with an empty list because something failed.

Methods with a body here may be left out by a gateway: they then answer that they are not offered,
and `Capabilities.not_offered` must name their RPCs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from services.common.domain.activities import Activity, ActivityType
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Execution
from services.common.domain.instruments import Instrument, OptionContract, OptionRight
from services.common.domain.market import (
    Bars,
    ListedOption,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    Quote,
    StreamedQuote,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    Balance,
    CancelAllOutcome,
    InstructionReport,
    LookupResult,
    OrderReport,
    Preview,
    VenuePosition,
    VenueStatus,
)

LastCheck = Callable[[], None]
"""Called by the gateway in the worker that writes, right before the first byte leaves, with
nothing that waits in between. It raises `Refused` (effect NONE) if fence, session, `not_after` or
deadline forbid the write by now. It is synchronous, quick, and safe to call from a thread."""


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders to list: open or all, created at or after `after`, before `before`."""

    open_only: bool = False
    after: datetime | None = None
    before: datetime | None = None
    instrument: Instrument | None = None


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """Which executions to list."""

    after: datetime | None = None
    before: datetime | None = None
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Which activities to list; no types means all of them, fills never."""

    activity_types: tuple[ActivityType, ...] = ()
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class BarQuery:
    """Bars of one instrument that begin at or after `start` and before `end`."""

    instrument: Instrument
    bar_length_s: float
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """Listed options of an underlying; a bound that is None does not bound."""

    underlying: str
    expiry_from: date | None = None
    expiry_to: date | None = None
    strike_from: Decimal | None = None
    strike_to: Decimal | None = None
    right: OptionRight | None = None


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """The venue session began anew (`session_id` set) or was lost (`session_id` empty)."""

    session_id: str
    reason: str


VenueEvent = OrderReport | Execution | Activity | VenueStatus | SessionChanged


class EventSink(Protocol):
    """Where a gateway puts what it hears; the event feed. Never blocks, never raises."""

    def publish(self, *events: VenueEvent) -> None:
        """Take events in the order in which they must be told, all or none of them."""


class VenueGateway(Protocol):
    """One account at one broker."""

    @property
    def venue(self) -> str:
        """The venue's name in the settings."""

    @property
    def account_id(self) -> str:
        """The logical account."""

    @property
    def session_id(self) -> str:
        """The current venue session, empty while there is none.

        A session is minted when the event stream is authorised *and* what happened since the last
        known event was read and published; it ends with any gap.
        """

    async def run(self) -> None:
        """Connect, keep connected, publish events; until canceled. Raises only on a fault that
        no reconnect can mend (wrong credentials, wrong account kind)."""

    async def status(self) -> VenueStatus:
        """Probe the venue now (one cheap authenticated call); never raises for a venue's sake."""

    async def balance(self) -> Balance:
        """The account's figures."""

    async def positions(self) -> Sequence[VenuePosition]:
        """All open positions."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """Send an order under `spec.client_order_id` (the id that the venue will see), once.

        Canceling the await does not stop a write that has begun; its outcome is then told by the
        event stream only. The caller therefore awaits it from a task that it does not cancel.
        The caller has taken this request from the pacer already; other requests that a mutation
        needs (look-ups) the gateway takes itself, before the last check or after the write.
        """

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """Ask for the end of the order under `client_id`.

        Answers with the order as it is after the request was accepted (PENDING_CANCEL, or ended);
        a request is not an end. Raises `Refused` ORDER_ENDED if it had ended before, `NotFound`
        ORDER_NOT_FOUND if the venue does not know it. Paced as `submit`.
        """

    async def cancel_found(self, venue_order_id: str, last_check: LastCheck) -> OrderReport:
        """As `cancel`, for an order that was found at the venue, by the venue's own id.

        Raises `Refused` NOT_PERMITTED where the venue lets nobody but its owner cancel it.
        """
        raise Refused(
            Reason.NOT_PERMITTED,
            f"{self.venue} lets nobody cancel an order but who has placed it: cancel "
            f"{venue_order_id} there",
        )

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """Ask for other terms of the order under `client_id`; the new one is `new_client_id`.

        Answers with the *new* revision as the venue shows it; where that can't be told apart from
        the old one yet, with what the venue shows under `new_client_id` after a look-up. Raises
        `Refused` ORDER_ENDED, CHANGE_IN_PROGRESS (a cancel or replace is pending, or the order has
        fills and the venue can't replace those safely), `NotFound`; a refusal by the venue that
        leaves the old revision live is an OrderReport of the old one with REPLACE_REJECTED. Paced
        as `submit`.
        """
        raise not_offered("ReplaceOrder")

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """Ask for the end of every open order, of one instrument if given. Paced as `submit`.

        `last_check` is called before each write; what it forbids is among the failures.
        """
        raise not_offered("CancelAllOrders")

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """Instruct the venue to exercise long contracts, all of them if `qty` is None; once."""
        raise not_offered("ExerciseOption")

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """Instruct the venue not to exercise long contracts at expiry; once."""
        raise not_offered("DoNotExercise")

    async def preview(self, spec: OrderSpec) -> Preview:
        """What the order would cost; sends nothing."""
        raise not_offered("PreviewOrder")

    def settled_for_s(self, client_id: str) -> float | None:
        """Seconds for which the venue could have brought up what was sent under `client_id`.

        They count on the monotonic clock from the later of the start of the current session and
        the end of the last write under this id by this process, and are what absence needs (see
        `absence`). None: the gateway can't tell, and absence is never proven.
        """
        return None

    @property
    def records_since(self) -> datetime | None:
        """Since when the adapter knows by its own records what it sent; None if it needs none.

        Of what was sent before, absence is never proven.
        """
        return None

    async def find_order(
        self,
        *,
        client_id: str = "",
        venue_order_id: str = "",
        attempted_at: datetime | None = None,
    ) -> LookupResult:
        """Look one order up; exactly one id is given. A failed read raises ReadFailed.

        `attempted_at` (wall clock) is when it was first sent, at the earliest, if that is known: it
        helps a gateway that would have to know of sends before its own records began.
        """

    async def orders(self, query: OrderQuery) -> Sequence[OrderReport]:
        """All orders that fit, newest first, read to the end."""

    async def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        """All executions that fit, newest first, read to the end."""

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""

    async def market_calendar(self, start: date, end: date) -> Sequence[MarketDay]:
        """Trading days from `start` to `end`, both included, oldest first."""
        raise not_offered("GetMarketCalendar")

    async def activities(self, query: ActivityQuery) -> Sequence[Activity]:
        """All activities that fit, newest first, read to the end."""
        raise not_offered("ListActivities")

    async def bars(self, query: BarQuery) -> Bars:
        """Bars, oldest first, read to the end; never one that has not ended unless it is live."""
        raise not_offered("GetBars")

    async def option_contracts(self, query: ContractQuery) -> Sequence[ListedOption]:
        """All listed options that fit, by expiry, strike and right, read to the end."""
        raise not_offered("ListOptionContracts")

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        """Quote, last trade and greeks; a contract without a quote is left out."""
        raise not_offered("GetOptionSnapshots")

    def stream_quotes(self, instruments: Sequence[Instrument]) -> AsyncIterator[StreamedQuote]:
        """Quotes as they change, until the iterator is closed. Conflated: a slow reader gets the
        latest of each instrument. Raises ReadFailed where the venue gives no stream of them."""
        raise not_offered("StreamQuotes")

    async def close(self) -> None:
        """Release what is held; within a bounded time."""


def not_offered(method: str) -> Refused:
    """What a gateway says to an RPC that it does not offer: UNIMPLEMENTED, effect NONE."""
    return Refused(Reason.NOT_IMPLEMENTED, f"{method}: not offered by this adapter")
