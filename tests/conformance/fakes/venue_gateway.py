"""A gateway without a broker: one account in memory that does what the test tells it to do.

It keeps the promises of `VenueGateway` (test_venue_gateway.py checks them): the last check is the
last thing before the order exists, ids are unique, canceling the await doesn't stop a write that
has begun, a failed read raises. What it does with the next submit or cancel of an id is scripted
by `on_submit` and `on_cancel`; without a script it accepts. Nothing fills but by `fill`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.common.adapter.port import (
    EventSink,
    ExecutionQuery,
    LastCheck,
    OrderQuery,
    SessionChanged,
    VenueEvent,
    VenueGateway,
)
from services.common.domain.amounts import Money, average_price
from services.common.domain.errors import (
    Cause,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.executions import ExecSource, Execution, RecordTimes
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.domain.market import MarketClock, Quote
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.reports import (
    AccountMode,
    Balance,
    Lookup,
    LookupResult,
    OrderReport,
    VenuePosition,
    VenueState,
    VenueStatus,
)
from services.common.runtime.clock import Clock
from tests.conformance.fakes.scripts import OnCancel, OnSubmit, within

__all__ = ["FakeVenueGateway", "OnCancel", "OnSubmit"]


@dataclass(slots=True)
class _Held:
    report: OrderReport
    content_hash: str


class FakeVenueGateway(VenueGateway):
    """Implements `VenueGateway`. Everything happens on the event loop's thread."""

    def __init__(
        self,
        sink: EventSink,
        clock: Clock,
        *,
        venue: str = "fake",
        account_id: str = "main",
        broker: str = "fake",
        venue_account_id: str = "FAKE-1",
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._venue = venue
        self._account_id = account_id
        self._broker = broker
        self._venue_account_id = venue_account_id
        self._session_id = ""
        self._sessions = 0
        self._held: dict[str, _Held] = {}
        self._executions: list[Execution] = []
        self._on_submit: dict[str, OnSubmit] = {}
        self._on_cancel: dict[str, OnCancel] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._writes: set[asyncio.Task[OrderReport]] = set()
        self._untold: dict[str, list[VenueEvent]] = {}
        self.sent: list[str] = []
        """Ids in the order in which their bytes left; a cancel as "cancel <id>"."""
        self.hanging: list[str] = []
        """Ids whose submit waits for `release` now."""
        self.read_failure: ReadFailed | None = None
        self.lookup_unknown = ""
        self.cash = Decimal("100000")
        self.position_list: list[VenuePosition] = []
        self.quote_list: list[Quote] = []

    # -- what a test tells it ----------------------------------------------------------------

    def on_submit(self, client_id: str, behaviour: OnSubmit) -> None:
        """Script the next submit under this id."""
        self._on_submit[client_id] = behaviour

    def on_cancel(self, client_id: str, behaviour: OnCancel) -> None:
        """Script the next cancel of this id."""
        self._on_cancel[client_id] = behaviour

    def release(self, client_id: str) -> None:
        """Let a submit that hangs go on."""
        self._gate(client_id).set()

    def tell_late(self, client_id: str) -> None:
        """Publish the events of an order that was taken without an answer."""
        self._sink.publish(*self._untold.pop(client_id))

    def begin_session(self, reason: str = "connected") -> str:
        """Start a new venue session and give its id."""
        self._sessions += 1
        self._session_id = f"session-{self._sessions}"
        self._sink.publish(SessionChanged(self._session_id, reason), self._status(VenueState.UP))
        return self._session_id

    def lose_session(self, reason: str = "stream gap") -> None:
        """End the venue session."""
        self._session_id = ""
        self._sink.publish(SessionChanged("", reason), self._status(VenueState.DOWN, reason))

    def fill(self, client_id: str, qty: Decimal, price: Decimal) -> Execution:
        """Fill a part of an order and publish the execution, then the order."""
        report = self._held[client_id].report
        assert isinstance(report.instrument, Equity | OptionContract)
        assert report.side is not None
        assert report.order_qty is not None
        cum_qty = report.cum_qty + qty
        done = cum_qty >= report.order_qty
        execution = Execution(
            venue=self._venue,
            account_id=self._account_id,
            exec_id=f"exec-{len(self._executions) + 1}",
            venue_order_id=report.venue_order_id,
            client_id=client_id,
            instrument=report.instrument,
            side=report.side,
            last_qty=qty,
            last_px=price,
            cum_qty=cum_qty,
            source=ExecSource.STREAM,
            times=self._times(),
        )
        self._executions.append(execution)
        status = OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED
        signal = Signal.FILLED if done else Signal.ACKNOWLEDGED
        fills = [(e.last_qty, e.last_px) for e in self._executions if e.client_id == client_id]
        changed = self._change(
            client_id, status, signal, cum_qty=cum_qty, avg_px=average_price(fills)
        )
        self._sink.publish(execution, changed)
        return execution

    def end_cancel(self, client_id: str) -> OrderReport:
        """Let a requested cancel succeed and publish it."""
        report = self._change(client_id, OrderStatus.CANCELED, Signal.CANCELED)
        self._sink.publish(report)
        return report

    # -- the port ----------------------------------------------------------------------------

    @property
    def venue(self) -> str:
        return self._venue

    @property
    def account_id(self) -> str:
        return self._account_id

    @property
    def session_id(self) -> str:
        return self._session_id

    async def run(self) -> None:
        self.begin_session()
        await asyncio.Event().wait()

    async def status(self) -> VenueStatus:
        return self._status(VenueState.UP if self._session_id else VenueState.DOWN)

    async def balance(self) -> Balance:
        self._fail_reads()
        cash = Money(self.cash, "USD")
        return Balance(
            venue=self._venue,
            venue_account_id=self._venue_account_id,
            mode=AccountMode.PAPER,
            as_of=self._clock.now(),
            raw_status="ACTIVE",
            trading_blocked=False,
            account_blocked=False,
            suspended_by_user=False,
            cash=cash,
            equity=cash,
            buying_power=cash,
        )

    async def positions(self) -> Sequence[VenuePosition]:
        self._fail_reads()
        return tuple(self.position_list)

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        return await self._written(self._submit(spec, last_check))

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        behaviour = self._on_cancel.pop(client_id, OnCancel.ACCEPT)
        if behaviour is OnCancel.NOT_SENT:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "the venue can't be reached")
        last_check()
        self.sent.append(f"cancel {client_id}")
        held = self._held.get(client_id)
        if held is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"no order {client_id}")
        if held.report.status in TERMINAL:
            raise Refused(Reason.ORDER_ENDED, f"it is {held.report.status.value}")
        report = self._change(client_id, OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL)
        if behaviour is OnCancel.DOUBT:
            raise OutcomeUnknown("no answer to the cancel")
        self._sink.publish(report)
        return report

    async def find_order(
        self, *, client_id: str = "", venue_order_id: str = "", attempted_at: datetime | None = None
    ) -> LookupResult:
        assert bool(client_id) != bool(venue_order_id), "exactly one id"
        self._fail_reads()
        if self.lookup_unknown:
            return LookupResult(Lookup.UNKNOWN, reason=self.lookup_unknown)
        for held in self._held.values():
            report = held.report
            if client_id == report.client_id or venue_order_id == report.venue_order_id:
                return LookupResult(Lookup.FOUND, report)
        return LookupResult(Lookup.ABSENT)

    async def orders(self, query: OrderQuery) -> Sequence[OrderReport]:
        self._fail_reads()
        fitting = [
            held.report
            for held in self._held.values()
            if not (query.open_only and held.report.status in TERMINAL)
            and (query.instrument is None or held.report.instrument == query.instrument)
            and within(held.report.created, query.after, query.before)
        ]
        return tuple(reversed(fitting))

    async def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        self._fail_reads()
        fitting = [
            execution
            for execution in self._executions
            if query.venue_order_id in ("", execution.venue_order_id)
            and within(execution.times.venue_time, query.after, query.before)
        ]
        return tuple(reversed(fitting))

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        self._fail_reads()
        return tuple(quote for quote in self.quote_list if quote.instrument in instruments)

    async def market_clock(self) -> MarketClock:
        self._fail_reads()
        now = self._clock.now()
        later = timedelta(hours=6)
        return MarketClock(
            venue_time=now,
            is_open=True,
            next_open=now + 3 * later,
            next_close=now + later,
            trading_date=now.date(),
        )

    async def close(self) -> None:
        for task in self._writes:
            task.cancel()
        await asyncio.gather(*self._writes, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------

    async def _written(self, work: Coroutine[Any, Any, OrderReport]) -> OrderReport:
        """Run in a task of its own: canceling the await must not stop a write."""
        task = asyncio.create_task(work)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        client_id = spec.client_order_id
        behaviour = self._on_submit.pop(client_id, OnSubmit.ACCEPT)
        if behaviour is OnSubmit.NOT_SENT:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "the venue can't be reached")
        if behaviour is OnSubmit.HANG_BEFORE_WRITE:
            await self._hang(client_id)
        last_check()
        self.sent.append(client_id)
        if behaviour is OnSubmit.DOUBT_LOST:
            raise OutcomeUnknown("no answer from the venue")
        if behaviour is OnSubmit.FAULT:
            raise RuntimeError("the gateway broke")
        known = self._held.get(client_id)
        if known is not None:
            return _same_order(known, spec)
        report = self._take(spec, behaviour is OnSubmit.REJECT)
        if behaviour is OnSubmit.DOUBT_TAKEN:
            self._untold[client_id] = [report]
            raise OutcomeUnknown("no answer from the venue")
        if behaviour is OnSubmit.HANG_AFTER_WRITE:
            await self._hang(client_id)
        self._sink.publish(report)
        return report

    def _take(self, spec: OrderSpec, reject: bool) -> OrderReport:
        report = OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=spec.client_order_id,
            venue_order_id=f"venue-{len(self._held) + 1}",
            status=OrderStatus.REJECTED if reject else OrderStatus.ACCEPTED,
            signal=Signal.REJECTED if reject else Signal.ACKNOWLEDGED,
            raw_status="rejected" if reject else "accepted",
            cum_qty=Decimal(0),
            times=self._times(),
            instrument=spec.instrument,
            side=spec.side,
            order_qty=spec.order_qty,
            order_type=spec.order_type,
            time_in_force=spec.time_in_force,
            limit_price=spec.limit_price,
            position_intent=spec.position_intent,
            created=self._clock.now(),
            cause=Cause(Reason.VENUE_REJECTED, "the script says so", "42") if reject else None,
        )
        self._held[spec.client_order_id] = _Held(report, spec.content_hash())
        return report

    def _change(
        self,
        client_id: str,
        status: OrderStatus,
        signal: Signal,
        *,
        cum_qty: Decimal | None = None,
        avg_px: Decimal | None = None,
    ) -> OrderReport:
        held = self._held[client_id]
        held.report = replace(
            held.report,
            status=status,
            signal=signal,
            raw_status=status.value.lower(),
            cum_qty=held.report.cum_qty if cum_qty is None else cum_qty,
            avg_px=held.report.avg_px if avg_px is None else avg_px,
            times=self._times(),
        )
        return held.report

    def _status(self, state: VenueState, reason: str = "") -> VenueStatus:
        return VenueStatus(
            venue=self._venue,
            broker=self._broker,
            venue_account_id=self._venue_account_id,
            mode=AccountMode.PAPER,
            state=state,
            reason=reason,
            since=self._clock.now(),
            ready=state is VenueState.UP,
            session_id=self._session_id,
        )

    def _times(self) -> RecordTimes:
        now = self._clock.now()
        return RecordTimes(venue_time=now, received_time=now, trading_date=now.date())

    async def _hang(self, client_id: str) -> None:
        self.hanging.append(client_id)
        await self._gate(client_id).wait()
        self.hanging.remove(client_id)

    def _gate(self, client_id: str) -> asyncio.Event:
        return self._gates.setdefault(client_id, asyncio.Event())

    def _fail_reads(self) -> None:
        if self.read_failure is not None:
            raise self.read_failure


def _same_order(known: _Held, spec: OrderSpec) -> OrderReport:
    if known.content_hash != spec.content_hash():
        raise Refused(Reason.CLIENT_ORDER_ID_REUSED, f"{spec.client_order_id} is another order")
    return known.report
