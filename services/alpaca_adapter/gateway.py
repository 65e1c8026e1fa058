"""`VenueGateway` for one Alpaca account: puts the parts together and tells how the venue is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import structlog

from services.alpaca_adapter.account_mode import Admission
from services.alpaca_adapter.activity_poll import ActivityPoll
from services.alpaca_adapter.activity_reads import ActivityReads
from services.alpaca_adapter.market_data import MarketData
from services.alpaca_adapter.market_listings import MarketListings
from services.alpaca_adapter.mutations import Mutations
from services.alpaca_adapter.previews import Previews
from services.alpaca_adapter.probe import Probe, judged, judged_account
from services.alpaca_adapter.quote_streams import QuoteStreams
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.rest import AlpacaRest, Api
from services.alpaca_adapter.trade_updates import TradeUpdates
from services.alpaca_adapter.unproven import Unproven
from services.alpaca_adapter.venue_reads import VenueReads
from services.alpaca_adapter.venue_watch import VenueWatch
from services.common.adapter.port import (
    ActivityQuery,
    BarQuery,
    ContractQuery,
    EventSink,
    ExecutionQuery,
    LastCheck,
    OrderQuery,
    VenueEvent,
    VenueGateway,
)
from services.common.domain.activities import Activity
from services.common.domain.errors import ReadFailed, Reason, TandemError
from services.common.domain.executions import Execution
from services.common.domain.instruments import Instrument, OptionContract
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
    AccountMode,
    Balance,
    CancelAllOutcome,
    InstructionReport,
    Lookup,
    LookupResult,
    OrderReport,
    Preview,
    VenuePosition,
    VenueState,
    VenueStatus,
)
from services.common.runtime.clock import Clock

_log = structlog.stdlib.get_logger(__name__)

BROKER: Final = "alpaca"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of; wired in `bootstrap`."""

    rest: AlpacaRest
    reader: Reader
    watch: VenueWatch
    admission: Admission
    reads: VenueReads
    mutations: Mutations
    previews: Previews
    unproven: Unproven
    market_data: MarketData
    market_listings: MarketListings
    activities: ActivityReads
    activity_poll: ActivityPoll
    quote_streams: QuoteStreams


MakeUpdates = Callable[[EventSink, Callable[[], Awaitable[None]], Callable[[], None]], TradeUpdates]
"""Makes the session keeper: told where to publish, how to admit, and what to call on a change."""


class _Hearing:
    """Passes events on, and takes from them which orders the venue has shown."""

    def __init__(self, sink: EventSink, parts: Parts) -> None:
        self._sink = sink
        self._parts = parts

    def publish(self, *events: VenueEvent) -> None:
        reports = [event for event in events if isinstance(event, OrderReport)]
        for report in reports:
            self._parts.unproven.found(report.client_id)
        self._parts.reads.learn(reports)
        self._sink.publish(*events)


class AlpacaGateway(VenueGateway):
    """One Alpaca account. Used on the event loop's thread only."""

    def __init__(
        self,
        parts: Parts,
        make_updates: MakeUpdates,
        sink: EventSink,
        clock: Clock,
        *,
        venue: str,
        account_id: str,
        mode: AccountMode,
        probe_s: float,
    ) -> None:
        self._parts = parts
        self._sink = sink
        self._clock = clock
        self._venue = venue
        self._account_id = account_id
        self._mode = mode
        self._probe_s = probe_s
        self._probe = Probe(VenueState.UNKNOWN, "not probed yet")
        self._shown = (VenueState.UNKNOWN, "")
        self._since: datetime = clock.now()
        self._updates = make_updates(_Hearing(sink, parts), self.admit, self._session_changed)

    @property
    def venue(self) -> str:
        """The venue's name in the settings."""
        return self._venue

    @property
    def account_id(self) -> str:
        """The logical account."""
        return self._account_id

    @property
    def session_id(self) -> str:
        """The current session, empty while there is none."""
        return self._updates.session_id

    @property
    def entitlements(self) -> tuple[str, ...]:
        """Which feeds of market data are asked, as far as Alpaca gives them."""
        feeds = self._parts.market_data.feeds_in_use()
        return (f"stock_feed={feeds[Api.STOCKS]}", f"option_feed={feeds[Api.OPTIONS]}")

    async def admit(self) -> None:
        """Ask which account this is, and open or shut the way for orders by the answer.

        Raises Refused WRONG_ACCOUNT_MODE and Unavailable CREDENTIALS_REFUSED, which no reconnect
        mends, and ReadFailed for what may pass. Done at each connect of the stream as well.
        """
        account = await self._parts.admission.check()
        self._probe = judged_account(account, self._venue, self._mode, self._clock.now())

    async def run(self) -> None:
        """Keep the session until canceled.

        Raises Refused WRONG_ACCOUNT_MODE or Unavailable CREDENTIALS_REFUSED if the account must
        not, or can't, be traded: no reconnect mends that.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._updates.run(), name="trade_updates")
                tasks.create_task(self._parts.activity_poll.run(), name="activities")
                for api, feed in self._parts.quote_streams.feeds.items():
                    tasks.create_task(feed.run(), name=f"quotes.{api.value}")
        except BaseExceptionGroup as group:
            ours = group.subgroup(TandemError)
            if ours is None:
                raise
            error: BaseException = ours
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from group

    async def status(self) -> VenueStatus:
        """Ask for the account now, once; never raises for the venue's sake."""
        began = self._clock.monotonic()
        try:
            answer = await self._parts.reader.once("/account", within_s=self._probe_s)
        except ReadFailed as error:
            # Without a request for the probe nothing new is known.
            if error.reason is not Reason.BUDGET_EXHAUSTED:
                self._probe = Probe(VenueState.DOWN, error.message)
        else:
            took_s = self._clock.monotonic() - began
            now = self._clock.now()
            self._probe = judged(answer, self._venue, self._mode, now, took_s)
        return self._status()

    async def balance(self) -> Balance:
        """The account's figures."""
        return await self._parts.reads.balance()

    async def positions(self) -> Sequence[VenuePosition]:
        """All open positions, crypto left out."""
        return await self._parts.reads.positions()

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """See the port. Nothing is sent before the account was found to be the right one."""
        return await self._parts.mutations.submit(spec, last_check)

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """See the port."""
        return await self._parts.mutations.replace(client_id, new_client_id, change, last_check)

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """See the port."""
        return await self._parts.mutations.cancel(client_id, last_check)

    async def cancel_found(self, venue_order_id: str, last_check: LastCheck) -> OrderReport:
        """See the port."""
        return await self._parts.mutations.cancel_found(venue_order_id, last_check)

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """See the port."""
        return await self._parts.mutations.cancel_all(instrument, last_check)

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """See the port."""
        return await self._parts.mutations.exercise(contract, qty, last_check)

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """See the port."""
        return await self._parts.mutations.do_not_exercise(contract, last_check)

    async def preview(self, spec: OrderSpec) -> Preview:
        """What an order would cost, estimated."""
        return await self._parts.previews.preview(spec)

    def settled_for_s(self, client_id: str) -> float | None:
        """See the port; None while there is no session, or if sends have been forgotten."""
        unproven = self._parts.unproven
        if not self.session_id or unproven.forgot:
            return None
        ended_at = unproven.must_have_ended_at(client_id)
        since = max(self._updates.session_began_at, ended_at or 0.0)
        return self._clock.monotonic() - since

    async def find_order(
        self,
        *,
        client_id: str = "",
        venue_order_id: str = "",
        attempted_at: datetime | None = None,
    ) -> LookupResult:
        """Look one order up; exactly one id is given."""
        if bool(client_id) == bool(venue_order_id):
            raise ValueError("give one of client_id and venue_order_id")
        result = await self._parts.reads.find_order(client_id, venue_order_id)
        if result.lookup is Lookup.FOUND and result.report is not None:
            self._parts.unproven.found(result.report.client_id)
        return result

    async def orders(self, query: OrderQuery) -> Sequence[OrderReport]:
        """All orders that fit, newest first, read to the end."""
        return await self._parts.reads.orders(query)

    async def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        """All executions that fit, newest first, read to the end."""
        return await self._parts.reads.executions(query)

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""
        return await self._parts.market_data.quotes(instruments)

    async def bars(self, query: BarQuery) -> Bars:
        """Bars of one instrument."""
        return await self._parts.market_data.bars(query)

    async def option_contracts(self, query: ContractQuery) -> Sequence[ListedOption]:
        """Listed options, those that have ended included if their day is asked for."""
        return await self._parts.market_listings.option_contracts(query)

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        """Quotes with greeks; an option without a quote is left out."""
        return await self._parts.market_data.snapshots(contracts)

    async def activities(self, query: ActivityQuery) -> Sequence[Activity]:
        """All activities that fit, newest first; fills are none of them."""
        return await self._parts.activities.activities(query)

    def stream_quotes(self, instruments: Sequence[Instrument]) -> AsyncIterator[StreamedQuote]:
        """Quotes as they change, while `run` does."""
        return self._parts.quote_streams.stream(instruments)

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""
        return await self._parts.reads.market_clock()

    async def market_calendar(self, start: date, end: date) -> Sequence[MarketDay]:
        """Trading days with their hours."""
        return await self._parts.market_listings.days(start, end)

    async def close(self) -> None:
        """Close connections that are idle; those in use end with their calls."""
        self._parts.rest.close()

    # -- how the venue is --------------------------------------------------------------------

    def _session_changed(self) -> None:
        self._status()
        if self.session_id:
            self._parts.activity_poll.soon()

    def _state(self) -> tuple[VenueState, str]:
        admission, probe = self._parts.admission, self._probe
        if admission.is_wrong:
            return VenueState.DRAINED, f"wrong account mode: {admission.why_not}"
        if probe.state is VenueState.UP and not self.session_id:
            return VenueState.DEGRADED, "the event stream is not in sync: no orders are sent"
        return probe.state, probe.reason

    def _status(self) -> VenueStatus:
        """The status as of the last probe; told to the feed if it is another than before."""
        state, reason = self._state()
        changed = (state, self.session_id) != self._shown
        if changed:
            self._shown, self._since = (state, self.session_id), self._clock.now()
        updates, watch = self._updates, self._parts.watch
        left = watch.requests_left
        status = VenueStatus(
            venue=self._venue,
            broker=BROKER,
            venue_account_id=self._parts.admission.account_number,
            mode=self._mode,
            state=state,
            reason=reason,
            since=self._since,
            ready=bool(self.session_id) and self._parts.admission.is_admitted,
            session_id=self.session_id,
            session_since=updates.session_since,
            requests_remaining=None if left is None else left.remaining,
            requests_limit=None if left is None else left.limit,
            requests_reset=None if left is None else left.reset,
            probe_s=self._probe.took_s,
            clock_offset_s=watch.venue_clock.offset_s,
        )
        if changed:
            self._sink.publish(status)
        return status
