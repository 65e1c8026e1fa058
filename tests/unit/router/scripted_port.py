"""A venue for router tests: it does what its script says and keeps what it was asked.

It implements `VenuePort` in memory. What adapters and venues really do is tested with the real
ones (tests/simulation, tests/integration); here the router's own rules are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from services.common.domain.activities import Activity
from services.common.domain.amounts import Money
from services.common.domain.errors import Cause, ReadFailed, Reason, TandemError, Unavailable
from services.common.domain.executions import ExecSource, Execution, RecordTimes
from services.common.domain.external_orders import ExternalId
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    AccountMode,
    Balance,
    FenceOutcome,
    FenceProof,
    InstructionReport,
    Lookup,
    LookupResult,
    OrderReport,
    VenuePosition,
    VenueState,
    VenueStatus,
)
from services.router.journal.records import InstructionIntended
from services.router.routing.venue import Claim, Fenced, Pulse, VenueNews
from tests.unit.domain.orders import spec
from tests.unit.router.scripted_market import NOW, ScriptedMarket

Answer = Callable[[OrderSpec], OrderReport | TandemError]


def accepts(spec: OrderSpec) -> OrderReport:
    """The venue takes the order."""
    return report(spec, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)


def refuses(error: TandemError) -> Answer:
    """The send ends in this error."""
    return lambda spec: error


def report(spec: OrderSpec, status: OrderStatus, signal: Signal, cum: str = "0") -> OrderReport:
    return OrderReport(
        venue="",
        account_id="main",
        client_id=spec.client_order_id,
        venue_order_id=f"v-{spec.client_order_id}",
        status=status,
        signal=signal,
        raw_status=status.value.lower(),
        cum_qty=Decimal(cum),
        times=RecordTimes(venue_time=NOW, received_time=NOW),
        instrument=spec.instrument,
        side=spec.side,
        order_qty=spec.order_qty,
    )


PLACED = "o-1~al~1.0"
TAKEN = InstructionReport(OrderStatus.ACCEPTED)
OnReplace = Callable[["ScriptedPort", str, str, OrderChange], OrderReport | TandemError]


def takes_replace(
    port: ScriptedPort, placement_id: str, revision_id: str, change: OrderChange
) -> OrderReport:
    """The venue takes the revision, and the old order is replaced."""
    old = port.knows[placement_id]
    revision = replace(
        old,
        client_id=revision_id,
        venue_order_id=f"v-{revision_id}",
        order_qty=change.order_qty or old.order_qty,
        status=OrderStatus.ACCEPTED,
        signal=Signal.ACKNOWLEDGED,
        raw_status="new",
    )
    port.knows[placement_id] = replace(
        old, status=OrderStatus.REPLACED, signal=Signal.REPLACED, raw_status="replaced"
    )
    port.knows[revision_id] = revision
    return revision


def refuses_replace(
    port: ScriptedPort, placement_id: str, revision_id: str, change: OrderChange
) -> OrderReport:
    """The venue refuses the change, and the old order works on."""
    cause = Cause(Reason.INVALID_PRICE, "not on these terms")
    return replace(port.knows[placement_id], signal=Signal.REPLACE_REJECTED, cause=cause)


def fails_replace(error: TandemError) -> OnReplace:
    """The change ends in this error; nothing is changed."""
    return lambda *_: error


@dataclass
class ScriptedPort(ScriptedMarket):
    """`VenuePort` by script. `log` is shared with a file layer to see the order of things."""

    name: str
    answer: Answer = accepts
    log: list[tuple[str, str]] = field(default_factory=list)
    cash: str = "1000000"
    held: list[VenuePosition] = field(default_factory=list)
    state: VenueState = VenueState.UP
    session_id: str = "session-1"
    knows: dict[str, OrderReport] = field(default_factory=dict)
    ended: list[OrderReport] = field(default_factory=list)
    fills: list[Execution] = field(default_factory=list)
    happened: list[Activity] = field(default_factory=list)
    activities_error: TandemError | None = None
    activities_asked: list[datetime | None] = field(default_factory=list)
    sent: list[OrderSpec] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    fence_error: TandemError | None = None
    hold: asyncio.Event | None = None
    replaced: list[tuple[str, str, OrderChange]] = field(default_factory=list)
    on_replace: OnReplace = takes_replace
    replace_not_after: datetime | None = None
    instructed: list[InstructionIntended] = field(default_factory=list)
    on_exercise: InstructionReport | TandemError = TAKEN
    swallows_cancels: bool = False
    cancel_error: TandemError | None = None
    proves_absence: bool = False
    fenced: list[str] = field(default_factory=list)
    clock_offset_s: float = 0.0
    news: asyncio.Queue[VenueNews | None] = field(default_factory=asyncio.Queue)

    async def fence(self, claim: Claim) -> Fenced:
        self._require()
        if self.fence_error is not None:
            raise self.fence_error
        previous = self.claims[-1] if self.claims else None
        self.claims.append(claim)
        return Fenced(previous, self.session_id)

    async def submit(self, spec: OrderSpec, claim: Claim, session_id: str) -> OrderReport:
        self.log.append(("send", spec.client_order_id))
        self.sent.append(spec)
        self.claims.append(claim)
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answer(spec)
        if isinstance(answer, TandemError):
            raise answer
        answer = replace(answer, venue=self.name)
        self.knows[spec.client_order_id] = answer
        return answer

    async def cancel(self, placement_id: str, claim: Claim, session_id: str) -> OrderReport:
        self._require()
        self.canceled.append(placement_id)
        self.claims.append(claim)
        if self.cancel_error is not None:
            raise self.cancel_error
        placement_id = self._shown_id(placement_id)
        known = self.knows[placement_id]
        pending = replace(known, status=OrderStatus.PENDING_CANCEL, signal=Signal.PENDING_CANCEL)
        if not self.swallows_cancels:
            self.knows[placement_id] = pending
        return pending

    async def replace(
        self,
        placement_id: str,
        revision_id: str,
        change: OrderChange,
        claim: Claim,
        session_id: str,
        *,
        not_after: datetime | None = None,
    ) -> OrderReport:
        self.log.append(("replace", revision_id))
        self.replace_not_after = not_after
        self.replaced.append((placement_id, revision_id, change))
        if self.hold is not None:
            await self.hold.wait()
        answer = self.on_replace(self, placement_id, revision_id, change)
        if isinstance(answer, TandemError):
            raise answer
        return answer

    async def exercise(
        self, instruction: InstructionIntended, claim: Claim, session_id: str
    ) -> InstructionReport:
        self.instructed.append(instruction)
        if isinstance(self.on_exercise, TandemError):
            raise self.on_exercise
        return self.on_exercise

    async def find_order(self, placement_id: str) -> LookupResult:
        self._require()
        known = self.knows.get(self._shown_id(placement_id))
        return LookupResult(Lookup.ABSENT) if known is None else LookupResult(Lookup.FOUND, known)

    async def fence_order(
        self, placement_id: str, attempted_at: datetime, session_id: str, claim: Claim
    ) -> FenceProof:
        """What it knows it shows; the rest it proves absent once `proves_absence` is set."""
        found = await self.find_order(placement_id)
        if found.report is not None:
            return FenceProof(FenceOutcome.FOUND, "by script", found.report)
        if not self.proves_absence:
            return FenceProof(FenceOutcome.UNKNOWN, "not yet, by script")
        self.fenced.append(placement_id)
        return FenceProof(FenceOutcome.FENCED, "absent, by script")

    async def open_orders(self) -> Sequence[OrderReport]:
        self._require()
        return list(self.knows.values())

    async def orders(self, *, after: datetime | None = None) -> Sequence[OrderReport]:
        """What it knows and what it has forgotten as open, newest first."""
        self._require()
        return list(reversed((*self.ended, *self.knows.values())))

    async def executions(
        self, *, after: datetime | None = None, placement_id: str = ""
    ) -> Sequence[Execution]:
        self._require()
        return [
            e
            for e in reversed(self.fills)
            if self._shown_id(placement_id) in ("", e.client_id)
            and (after is None or e.times.venue_time is None or e.times.venue_time >= after)
        ]

    async def activities(self, *, after: datetime | None = None) -> Sequence[Activity]:
        self._require()
        self.activities_asked.append(after)
        if self.activities_error is not None:
            raise self.activities_error
        return [
            a
            for a in reversed(self.happened)
            if after is None or a.times.venue_time is None or a.times.venue_time >= after
        ]

    async def balance(self) -> Balance:
        self._require()
        return Balance(
            self.name,
            "PA1",
            AccountMode.PAPER,
            NOW,
            "ACTIVE",
            trading_blocked=False,
            account_blocked=False,
            suspended_by_user=False,
            cash=Money(Decimal(self.cash), "USD"),
        )

    async def positions(self) -> Sequence[VenuePosition]:
        self._require()
        return self.held

    async def status(self) -> VenueStatus:
        self._require()
        return VenueStatus(
            self.name,
            "scripted",
            "PA1",
            AccountMode.PAPER,
            self.state,
            "by script",
            NOW,
            ready=True,
            session_id=self.session_id,
            clock_offset_s=self.clock_offset_s,
        )

    async def watch(self) -> AsyncIterator[VenueNews]:
        self._require()
        yield Pulse(self.session_id)
        while True:
            item = await self.news.get()
            if item is None:
                raise ReadFailed(f"{self.name}: the stream was cut")
            yield item

    def fill(self, placement_id: str, exec_id: str, qty: str, cum: str, px: str = "8.50") -> None:
        """The venue executes, and its stream tells."""
        known = self.knows[placement_id]
        assert isinstance(known.instrument, Equity | OptionContract)
        assert known.side is not None
        execution = Execution(
            venue=self.name,
            account_id="main",
            exec_id=exec_id,
            venue_order_id=known.venue_order_id,
            client_id=placement_id,
            instrument=known.instrument,
            side=known.side,
            last_qty=Decimal(qty),
            last_px=Decimal(px),
            cum_qty=Decimal(cum),
            source=ExecSource.STREAM,
            times=RecordTimes(venue_time=NOW, received_time=NOW),
        )
        self.fills.append(execution)
        self.news.put_nowait(execution)

    def _shown_id(self, placement_id: str) -> str:
        """The id that the venue shows: of an external order, what its owner gave it."""
        external = ExternalId.parse(placement_id)
        if external is None:
            return placement_id
        vid = external.venue_order_id
        return next((i for i, r in self.knows.items() if r.venue_order_id == vid), placement_id)

    def _require(self) -> None:
        if not self.reachable:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, f"{self.name}: can't be reached")


def word(
    port: ScriptedPort, status: OrderStatus, signal: Signal, cum: str = "0", placed: str = PLACED
) -> OrderReport:
    """The venue's word on the order as it stands there from now on."""
    made = report(replace(spec(), client_order_id=placed), status, signal, cum)
    port.knows[placed] = replace(made, venue=port.name)
    return port.knows[placed]
