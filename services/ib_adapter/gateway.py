"""`VenueGateway` for one account at IB: puts the parts together and tells how the venue is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog

from services.common.adapter.port import (
    ActivityQuery,
    EventSink,
    ExecutionQuery,
    LastCheck,
    OrderQuery,
)
from services.common.domain.activities import Activity
from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Unavailable,
)
from services.common.domain.executions import Execution
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    AccountMode,
    Balance,
    CancelAllOutcome,
    InstructionReport,
    LookupResult,
    OrderReport,
    Preview,
    VenuePosition,
    VenueState,
    VenueStatus,
)
from services.common.runtime.clock import Clock
from services.common.runtime.tasks import TaskOwner
from services.ib_adapter.account_reads import AccountReads
from services.ib_adapter.activities import Activities
from services.ib_adapter.cancel_all import CancelAll
from services.ib_adapter.cancels import Cancels
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.family_ends import FamilyEnds
from services.ib_adapter.free_qty import FreeQty
from services.ib_adapter.instructions import Instructions
from services.ib_adapter.market import Market
from services.ib_adapter.market_gateway import MarketGateway
from services.ib_adapter.order_entry import OrderEntry
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.previews import Previews
from services.ib_adapter.replacing import Replacing
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_reads import RevisionReads
from services.ib_adapter.second_looks import SecondLooks
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.states import State
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads

_log = structlog.stdlib.get_logger(__name__)

BROKER: Final = "interactive_brokers"
LATE_LOOK_UPS_MAX: Final = 5

_STATES: Final = {
    State.DISCONNECTED: VenueState.DOWN,
    State.RESTARTING: VenueState.DOWN,
    State.CONNECTING: VenueState.DOWN,
    State.LOGIN_AWAITED: VenueState.DOWN,
    State.LINK_LOST: VenueState.DOWN,
    State.SYNCING: VenueState.DEGRADED,
    State.READY: VenueState.UP,
    State.WRONG_ACCOUNT: VenueState.DRAINED,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of; wired in `assembly`."""

    session: Session
    news: OrderNews
    reads: VenueReads
    revision_reads: RevisionReads
    changes: RevisionNews
    second_looks: SecondLooks
    account: AccountReads
    activities: Activities
    free_qty: FreeQty
    entry: OrderEntry
    replacing: Replacing
    cancels: Cancels
    cancel_all: CancelAll
    previews: Previews
    instructions: Instructions
    family_ends: FamilyEnds
    market: Market
    translator: Translator
    send_log: SendLog


class IbGateway(MarketGateway):
    """One account at IB. Used on the event loop's thread only."""

    def __init__(
        self,
        parts: Parts,
        sink: EventSink,
        clock: Clock,
        *,
        venue: str,
        account_id: str,
        mode: AccountMode,
    ) -> None:
        self._parts = parts
        self._market = parts.market
        self._sink = sink
        self._clock = clock
        self._venue = venue
        self._account_id = account_id
        self._mode = mode
        self._shown = (VenueState.UNKNOWN, "")
        self._since: datetime = clock.now()
        self._probe_s: float | None = None
        self._look_ups = TaskOwner("ib look-ups", lambda _name, _error: None)
        parts.session.call_on_change(self._changed)
        parts.news.on_late_refusal = self._refused_late
        parts.news.on_late_word = self._said_late
        parts.news.on_refused = parts.family_ends.refused
        parts.news.on_preview_worked = parts.previews.became_order

    @property
    def venue(self) -> str:
        """The venue's name in the settings."""
        return self._venue

    @property
    def account_id(self) -> str:
        """The logical account."""
        return self._account_id

    @property
    def session(self) -> Session:
        """The session with the Gateway, for what is wired to it."""
        return self._parts.session

    @property
    def session_id(self) -> str:
        """The current session, empty while there is none."""
        return self._parts.session.session_id

    async def admit(self) -> None:
        """Connect and find out which account this is; the connection is kept for `run`.

        Raises Refused WRONG_ACCOUNT_MODE, which no reconnect mends, and ReadFailed for what may
        pass. Done at each connect as well.
        """
        await self._parts.session.connect()

    async def run(self) -> None:
        """Keep the session until canceled. Raises Refused WRONG_ACCOUNT_MODE for good."""
        await self._parts.session.run()

    async def status(self) -> VenueStatus:
        """Make a round trip to the Gateway now; never raises for the venue's sake."""
        try:
            self._probe_s = await self._parts.session.round_trip()
        except ReadFailed as error:
            self._probe_s = None
            _log.debug("no_round_trip", error=error.message)
        return self._status()

    async def balance(self) -> Balance:
        """The account's figures."""
        return await self._parts.account.balance()

    async def positions(self) -> Sequence[VenuePosition]:
        """All open positions in shares and options."""
        return await self._parts.free_qty.of(await self._parts.account.positions())

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """See the port. Nothing is sent unless in sync, with the right account."""
        return await self._parts.entry.submit(spec, last_check)

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """See the port. Nothing is sent unless in sync, with the right account."""
        return await self._parts.replacing.replace(client_id, new_client_id, change, last_check)

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """See the port. Sent whenever there is a connection with the right account."""
        return await self._parts.cancels.cancel(client_id, last_check)

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """See the port. All of the account, also what other clients and hands have placed; of one
        instrument what this client has placed, the others are among the failures."""
        return await self._parts.cancel_all.cancel_all(instrument, last_check)

    async def preview(self, spec: OrderSpec) -> Preview:
        """See the port. IB's own figures, where it gives them."""
        return await self._parts.previews.preview(spec)

    async def exercise(
        self, contract: OptionContract, qty: Decimal | None, last_check: LastCheck
    ) -> InstructionReport:
        """See the port. IB mostly says nothing, and then it is in doubt."""
        return await self._parts.instructions.exercise(contract, qty, last_check)

    async def do_not_exercise(
        self, contract: OptionContract, last_check: LastCheck
    ) -> InstructionReport:
        """See the port. As `exercise`."""
        return await self._parts.instructions.do_not_exercise(contract, last_check)

    def settled_for_s(self, client_id: str) -> float | None:
        """See the port; None while there is no session."""
        return self._parts.revision_reads.settled_for_s(client_id)

    @property
    def records_since(self) -> datetime | None:
        """See the port: since when the send log is kept."""
        return self._parts.send_log.created

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
        return await self._parts.revision_reads.find_order(client_id, venue_order_id, attempted_at)

    async def orders(self, query: OrderQuery) -> Sequence[OrderReport]:
        """All orders that IB lists and that fit, newest first."""
        return await self._parts.reads.orders(query)

    async def activities(self, query: ActivityQuery) -> Sequence[Activity]:
        """All activities that were derived and fit, newest first; see `activities`."""
        return self._parts.activities.listed(query)

    async def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        """All executions that IB lists and that fit, newest first."""
        return await self._parts.reads.executions(query)

    async def close(self) -> None:
        """End the connection, and what is still looked up."""
        await self._look_ups.close(cancel_s=1.0)
        await self._parts.second_looks.close()
        await self._parts.changes.close()
        await self._market.lines.close()
        self._parts.session.drop("the adapter is closing")

    # -- how the venue is --------------------------------------------------------------------

    def _refused_late(self, spec: OrderSpec, said: Said) -> None:
        """A refusal of an order that is in doubt: looked up before it is believed."""
        try:
            self._look_ups.start(
                f"refusal of {spec.client_order_id}",
                self._believe_late(spec, said),
                critical=False,
            )
        except RuntimeError:
            _log.info("refusal_not_looked_up", client_id=spec.client_order_id)

    def _said_late(self, said: Said) -> None:
        """It may be of a change that is in doubt, or was shown as taken."""
        if not self._parts.replacing.is_late_refusal(said):
            return
        try:
            self._look_ups.start(
                f"refusal of {said.ref_id}",
                self._parts.replacing.refused_late(said),
                critical=False,
            )
        except RuntimeError:
            _log.info("refusal_not_looked_up", order_id=said.ref_id)

    async def _believe_late(self, spec: OrderSpec, said: Said) -> None:
        """Tell it if the order is provably not there; as long as it may come up, look again."""
        for _ in range(LATE_LOOK_UPS_MAX):
            try:
                facts, why = await self._parts.reads.look_up(spec.client_order_id)
            except (ReadFailed, Unavailable, NotFound, OutcomeUnknown) as error:
                facts, why = None, error.message
            if facts is not None or not why:
                break
            await self._clock.sleep(self._parts.reads.settling_s)
        if facts is not None or why or not self.session_id:
            _log.warning("refusal_not_believed", client_id=spec.client_order_id, error=why)
            return
        canceled = said.effect is OrderEffect.CANCELED
        report = self._parts.translator.refused(spec, said.cause, canceled=canceled)
        self._parts.news.telling.hear_report(report)
        self._parts.news.telling.flush()

    def _changed(self) -> None:
        self._market.link.changed()
        self._status()

    def _state(self) -> tuple[VenueState, str]:
        session = self._parts.session
        if self._parts.send_log.failure:
            return VenueState.DRAINED, self._parts.send_log.failure
        return _STATES[session.state], f"{session.state.value}: {session.reason}"

    def _status(self) -> VenueStatus:
        """The status as of now; told to the feed if it is another than before."""
        session = self._parts.session
        state, reason = self._state()
        changed = (state, session.session_id) != self._shown
        if changed:
            self._shown, self._since = (state, session.session_id), self._clock.now()
        status = VenueStatus(
            venue=self._venue,
            broker=BROKER,
            venue_account_id=session.account,
            mode=self._mode,
            state=state,
            reason=reason,
            since=self._since,
            ready=bool(session.session_id) and state is VenueState.UP,
            session_id=session.session_id,
            session_since=session.session_since,
            probe_s=self._probe_s,
            clock_offset_s=session.venue_clock.offset_s,
        )
        if changed:
            self._sink.publish(status)
        return status
