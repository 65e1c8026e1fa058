"""The sabotages: bugs that adapters have had elsewhere, each with the cards that should see it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from unittest import mock

from services.common.adapter import mutations_servicer, order_desk
from services.common.adapter.fence_store import FenceClaim, FenceStore
from services.common.adapter.last_check import Rules, Terms
from services.common.adapter.port import LastCheck, OrderQuery, SessionChanged, VenueEvent
from services.common.domain.amounts import Money
from services.common.domain.errors import (
    Cause,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Unavailable,
)
from services.common.domain.executions import ExecSource, Execution
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import (
    Balance,
    Lookup,
    LookupResult,
    OrderReport,
    VenueStatus,
)
from tests.conformance.sabotages.sabotage import Gateway, Sabotage, Sink


class DropsAFill(Sink):
    def told(self, event: VenueEvent) -> list[VenueEvent]:
        return [] if isinstance(event, Execution) else [event]


class DuplicatesAFill(Sink):
    def told(self, event: VenueEvent) -> list[VenueEvent]:
        if not isinstance(event, Execution):
            return [event]
        return [event, replace(event, exec_id=f"{event.exec_id}-again")]


class TellsTotalsAsFills(Sink):
    """LEAN's Alpaca brokerage: one fill replayed as three."""

    def told(self, event: VenueEvent) -> list[VenueEvent]:
        if isinstance(event, Execution) and event.cum_qty is not None:
            return [replace(event, last_qty=event.cum_qty)]
        return [event]


class DropsWhatItReads(Sink):
    """A gap that is never made up for."""

    def told(self, event: VenueEvent) -> list[VenueEvent]:
        is_read = isinstance(event, Execution) and event.source is ExecSource.QUERY
        return [] if is_read else [event]


class RevivesTheDead(Sink):
    def told(self, event: VenueEvent) -> list[VenueEvent]:
        if isinstance(event, OrderReport) and event.status is OrderStatus.FILLED:
            live = replace(event, status=OrderStatus.ACCEPTED, signal=Signal.ACKNOWLEDGED)
            return [event, live]
        return [event]


class DropsLateFills(Sink):
    """NautilusTrader: a fill after the end that it believed in."""

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self._given_up: set[str] = set()

    def told(self, event: VenueEvent) -> list[VenueEvent]:
        if isinstance(event, OrderReport) and event.status is OrderStatus.PENDING_CANCEL:
            self._given_up.add(event.client_id)
        is_late = isinstance(event, Execution) and event.client_id in self._given_up
        return [] if is_late else [event]


class HidesTheGap(Gateway):
    """The session goes on over a gap of the stream."""

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self._first = ""

    @property
    def session_id(self) -> str:
        self._first = self._first or self.real.session_id
        return self._first

    async def status(self) -> VenueStatus:
        told: VenueStatus = await self.real.status()
        return replace(told, session_id=self.session_id) if told.session_id else told


class SilencesTheGap(Sink):
    def told(self, event: VenueEvent) -> list[VenueEvent]:
        return [] if isinstance(event, SessionChanged) else [event]


class AbsentOnAFailedRead(Gateway):
    async def find_order(self, **ids: Any) -> LookupResult:
        try:
            found: LookupResult = await self.real.find_order(**ids)
        except ReadFailed:
            return LookupResult(Lookup.ABSENT)
        return found


class NothingHeldOnAFailedRead(Gateway):
    """NautilusTrader: an empty list on a socket error."""

    async def positions(self) -> Sequence[Any]:
        try:
            held: Sequence[Any] = await self.real.positions()
        except ReadFailed:
            return ()
        return held


class NoOrdersOnAFailedRead(Gateway):
    async def orders(self, query: OrderQuery) -> Sequence[Any]:
        try:
            orders: Sequence[Any] = await self.real.orders(query)
        except ReadFailed:
            return ()
        return orders


class FirstPageOnly(Gateway):
    async def orders(self, query: OrderQuery) -> Sequence[Any]:
        orders: Sequence[Any] = await self.real.orders(query)
        return orders[:50]


class BelievesThe204(Gateway):
    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        report: OrderReport = await self.real.cancel(client_id, last_check)
        return replace(report, status=OrderStatus.CANCELED, signal=Signal.CANCELED)


class TimeOutIsRejection(Gateway):
    """NautilusTrader and Hummingbot: no answer booked as a rejection."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        try:
            report: OrderReport = await self.real.submit(spec, last_check)
        except OutcomeUnknown as error:
            found = await self.real.find_order(client_id=spec.client_order_id)
            return _rejected(found, error.message)
        return report


class TimeOutIsNoEffect(Gateway):
    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        try:
            report: OrderReport = await self.real.submit(spec, last_check)
        except OutcomeUnknown as error:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, error.message) from error
        return report


class SendsAgain(Gateway):
    """alpaca-py by itself: a POST answered 504 is sent again."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        try:
            report: OrderReport = await self.real.submit(spec, last_check)
        except OutcomeUnknown:
            report = await self.real.submit(spec, last_check)
        return report


class SendsAgainUnderANewId(Gateway):
    """OpenAlgo: the retry places a second order."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        try:
            report: OrderReport = await self.real.submit(spec, last_check)
        except OutcomeUnknown:
            again = replace(spec, client_order_id=spec.client_order_id.replace("~1.0", "~2.0"))
            report = await self.real.submit(again, last_check)
        return report


class BelievesThe422(Gateway):
    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        found = await self.real.find_order(client_id=spec.client_order_id)
        if found.report is None:
            report: OrderReport = await self.real.submit(spec, last_check)
            return report
        return _rejected(found, "client_order_id must be unique")


class RoundsPrices(Gateway):
    """A price that went through a float of 32 bits."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        if spec.limit_price is not None:
            (rounded,) = struct.unpack("f", struct.pack("f", float(spec.limit_price)))
            spec = replace(spec, limit_price=Decimal(str(round(rounded, 1))))
        report: OrderReport = await self.real.submit(spec, last_check)
        return report


class TakesTheOtherSide(Gateway):
    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        turned = replace(spec, side=spec.side.opposite)
        report: OrderReport = await self.real.submit(turned, last_check)
        return report


class WaitsOutTheLimit(Gateway):
    """A submit that was answered 429 is sent again by the adapter."""

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        try:
            report: OrderReport = await self.real.submit(spec, last_check)
        except Unavailable as error:
            if error.reason is not Reason.RATE_LIMITED:
                raise
            report = await self.real.submit(spec, last_check)
        return report


class RoundsCash(Gateway):
    async def balance(self) -> Balance:
        told: Balance = await self.real.balance()
        assert told.cash is not None
        return replace(told, cash=Money(told.cash.amount + Decimal("0.005"), "USD"))


class RemembersQuotes(Gateway):
    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self._first: dict[Any, Any] = {}

    async def quotes(self, instruments: Sequence[Any]) -> Sequence[Any]:
        for quote in await self.real.quotes(instruments):
            self._first.setdefault(quote.instrument.key, quote)
        return [self._first[i.key] for i in instruments if i.key in self._first]


class ForgetsNotAfter(Rules):
    def check_send(self, client_id: str, not_after: datetime | None, terms: Terms) -> None:
        super().check_send(client_id, None, terms)


class ForgetsTheSession(Rules):
    def check_send(self, client_id: str, not_after: datetime | None, terms: Terms) -> None:
        current = replace(terms, expected_session_id=self._gateway.session_id)
        super().check_send(client_id, not_after, current)


class SendsTheBuried(FenceStore):
    def is_buried(self, placement_id: str) -> bool:
        return False


def _rejected(found: LookupResult, why: str) -> OrderReport:
    assert found.report is not None
    cause = Cause(Reason.VENUE_REJECTED, why, "40010001")
    return replace(found.report, status=OrderStatus.REJECTED, signal=Signal.REJECTED, cause=cause)


def _takes_any_epoch() -> Any:
    def check(self: FenceStore, claim: FenceClaim | None) -> None:
        del self, claim

    async def note(self: FenceStore, claim: FenceClaim) -> None:
        del self, claim

    return mock.patch.multiple(FenceStore, check=check, note=note)


SABOTAGES: Final = (
    Sabotage("drops a fill", ("LMT-002",), sink=DropsAFill),
    Sabotage("tells a fill twice", ("LMT-002",), sink=DuplicatesAFill),
    Sabotage("tells totals as fills", ("STP-007",), sink=TellsTotalsAsFills),
    Sabotage("loses what a gap hid", ("RPY-005",), sink=DropsWhatItReads),
    Sabotage("tells an ended order as live", ("LMT-002",), sink=RevivesTheDead),
    Sabotage("drops late fills", ("CNL-005",), sink=DropsLateFills),
    Sabotage("keeps the session over a gap", ("RPY-010",), HidesTheGap, SilencesTheGap),
    Sabotage("says absent on a 500", ("ASB-012",), AbsentOnAFailedRead),
    Sabotage("answers no position on a failed read", ("POS-003",), NothingHeldOnAFailedRead),
    Sabotage("answers no order on a failed read", ("LIS-004",), NoOrdersOnAFailedRead),
    Sabotage("lists one page only", ("LIS-010",), FirstPageOnly),
    Sabotage("believes a cancel at 204", ("ACN-005",), BelievesThe204),
    Sabotage("calls a time-out a rejection", ("ASB-001",), TimeOutIsRejection),
    Sabotage("calls a time-out no effect", ("ASB-001",), TimeOutIsNoEffect),
    Sabotage("sends again after a time-out", ("ASB-003",), SendsAgain),
    Sabotage("sends again under a new id", ("ASB-001",), SendsAgainUnderANewId),
    Sabotage("believes a 422 of a used id", ("IDN-001",), BelievesThe422),
    Sabotage("rounds prices", ("LMT-010",), RoundsPrices),
    Sabotage("takes the other side", ("LMT-011",), TakesTheOtherSide),
    Sabotage("sends again after a 429", ("REF-014",), WaitsOutTheLimit),
    Sabotage("rounds cash", ("VEN-006",), RoundsCash),
    Sabotage("answers old quotes", ("MDT-005",), RemembersQuotes),
    Sabotage(
        "ignores not_after",
        ("TRM-011",),
        patch=lambda: mock.patch.object(order_desk, "Rules", ForgetsNotAfter),
    ),
    Sabotage(
        "ignores the session",
        ("FNC-004",),
        patch=lambda: mock.patch.object(order_desk, "Rules", ForgetsTheSession),
    ),
    Sabotage("takes any epoch", ("FNC-002",), patch=_takes_any_epoch),
    Sabotage(
        "overlooks unknown fields",
        ("REF-011",),
        patch=lambda: mock.patch.object(mutations_servicer, "check_known_fields"),
    ),
    Sabotage("forgets its fence in a restart", ("RST-006",), forgets=True),
    Sabotage("forgets tombstones in a restart", ("RST-007",), forgets=True),
    Sabotage(
        "sends a fenced placement",
        ("FNC-007",),
        patch=lambda: mock.patch.object(FenceStore, "is_buried", SendsTheBuried.is_buried),
    ),
)
