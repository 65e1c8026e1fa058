"""The router's port to one venue account, and the view of it by which orders are planned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.common.domain.activities import Activity
from services.common.domain.executions import Execution
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    Balance,
    FenceProof,
    InstructionReport,
    LookupResult,
    OrderReport,
    VenuePosition,
    VenueStatus,
)
from services.router.journal.records import InstructionIntended
from services.router.routing.market import MarketPort


@dataclass(frozen=True, slots=True)
class Claim:
    """This router's proof that it leads, carried by each mutation (`tandem.v1.Fence`)."""

    journal_id: str
    generation: int
    epoch: int
    head_seq: int
    head_hash: bytes


@dataclass(frozen=True, slots=True)
class Fenced:
    """An adapter's answer to Fence: what it had seen before, and its venue session now."""

    previous: Claim | None
    session_id: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """The adapter's event stream is alive; its current venue session, empty if none."""

    session_id: str


VenueNews = OrderReport | Execution | Activity | VenueStatus | Pulse


@dataclass(frozen=True, slots=True)
class VenueView:
    """What planning may know of a venue.

    `ready`: fenced in this epoch with a current session, so exits and cancels may go there;
    `takes_entries`: its orders were looked up since, and nobody has drained it. `why_not` says
    what is missing, in words. `broker` is the kind of broker by its adapter's word, empty before
    the first. `is_recovering`: it was down and has not been well for long enough to be preferred.
    """

    name: str
    account_tag: str
    ready: bool
    takes_entries: bool
    why_not: str
    session_id: str
    broker: str = ""
    is_recovering: bool = False


class VenuePort(MarketPort, Protocol):
    """One venue account behind its adapter.

    Mutations answer with the venue's word (a report, rejections included), raise an error whose
    effect is NONE only if the adapter itself said so or no connection existed, and raise
    OutcomeUnknown for all else. Reads answer in full or raise ReadFailed. All have deadlines. The
    placement id of an external order (`ExternalId`) names the venue's own id: by that it is asked
    for, and canceled.
    """

    async def fence(self, claim: Claim) -> Fenced:
        """Take the adapter for this epoch. Raises Refused STALE_EPOCH if it was taken by later."""

    async def submit(self, spec: OrderSpec, claim: Claim, session_id: str) -> OrderReport:
        """Send a placement (`spec.client_order_id` is the placement_id)."""

    async def cancel(self, placement_id: str, claim: Claim, session_id: str) -> OrderReport:
        """Ask for the end of a placement."""

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
        """Ask for other terms. A report of the revision, or of the old one if it was refused."""

    async def exercise(
        self, instruction: InstructionIntended, claim: Claim, session_id: str
    ) -> InstructionReport:
        """Pass an instruction on, to exercise or not to; once."""

    async def find_order(self, placement_id: str) -> LookupResult:
        """Look a placement up."""

    async def fence_order(
        self, placement_id: str, attempted_at: datetime, session_id: str, claim: Claim
    ) -> FenceProof:
        """Have the adapter find a placement, or prove it absent and refuse it for good.

        It was sent at `attempted_at` (wall time, evidence only) in session `session_id`.
        """

    async def open_orders(self) -> Sequence[OrderReport]:
        """All orders that are live at the venue, whoever placed them."""

    async def orders(self, *, after: datetime | None = None) -> Sequence[OrderReport]:
        """All orders created since `after` that the venue lists, ended ones too, newest first."""

    async def executions(
        self, *, after: datetime | None = None, placement_id: str = ""
    ) -> Sequence[Execution]:
        """All executions since `after`, or of one placement; in any order."""

    async def activities(self, *, after: datetime | None = None) -> Sequence[Activity]:
        """All activities since `after`, in any order. ReadFailed NOT_IMPLEMENTED without any."""

    async def balance(self) -> Balance:
        """The account's figures at the venue."""

    async def positions(self) -> Sequence[VenuePosition]:
        """All positions at the venue, as it states them."""

    async def status(self) -> VenueStatus:
        """The adapter's own word on its venue."""

    def watch(self) -> AsyncIterator[VenueNews]:
        """News from now on, with a pulse at least every few seconds; ends or raises on a gap."""
