"""Proof that an order is not at the venue and never will be by this adapter's hand.

Absence is a commitment and no observation: the venue must have said twice that it knows no such
order, in one session that has been in sync for the settling time since the last write that could
have brought it; nothing of it may be queued or in flight here; and its tombstone must be on the
disk, so that nothing ever will be. What can't be proven is UNKNOWN, which proves nothing.
"""

from __future__ import annotations

from datetime import datetime

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.port import VenueGateway
from services.common.domain.errors import ReadFailed
from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import FenceOutcome, FenceProof, Lookup, OrderReport

_LOOK_UPS: int = 2


class Absence:
    """Proves absence at one venue. `settling_s` is the venue's settling time, in seconds."""

    def __init__(
        self, gateway: VenueGateway, desk: OrderDesk, store: FenceStore, *, settling_s: float
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._store = store
        self._settling_s = settling_s

    async def prove(self, placement_id: str, attempted_at: datetime | None) -> FenceProof:
        """Find the order, or fence it off; durable before it returns.

        A look-up that fails is UNKNOWN. Raises what `FenceStore.bury` raises. Canceled, the
        tombstone may still be written, which harms nothing.
        """
        session_id = self._gateway.session_id
        try:
            report = await self._find(placement_id, attempted_at)
            if report is not None:
                return FenceProof(FenceOutcome.FOUND, "the venue shows it", report)
            missing = await self._missing(placement_id, session_id, attempted_at)
            if missing is not None:
                return missing
        except ReadFailed as error:
            text = f"the venue could not be asked: {error.message}"
            waits = self._unsettled(placement_id, session_id)
            retry_after_s = error.retry_after_s if waits is None else waits.retry_after_s
            return FenceProof(FenceOutcome.UNKNOWN, text, retry_after_s=retry_after_s)
        evidence = (
            f"the venue answered {_LOOK_UPS} look-ups with no such order, in session {session_id},"
            f" at least {self._settling_s:g} s after the last write of it here"
        )
        await self._store.bury(placement_id, evidence)
        # Something may have been let through before the tombstone stood; nothing can be after.
        return self._unsettled(placement_id, session_id) or FenceProof(
            FenceOutcome.FENCED, evidence
        )

    async def _find(
        self, placement_id: str, attempted_at: datetime | None = None
    ) -> OrderReport | None:
        found = await self._gateway.find_order(client_id=placement_id, attempted_at=attempted_at)
        if found.lookup is Lookup.UNKNOWN:
            raise ReadFailed(found.reason)
        return found.report

    async def _missing(
        self, placement_id: str, session_id: str, attempted_at: datetime | None
    ) -> FenceProof | None:
        """What is missing for a proof after the first look-up, None if nothing is."""
        began = max(self._store.created, self._gateway.records_since or self._store.created)
        if attempted_at is not None and attempted_at < began:
            text = f"it was sent before {began.isoformat()}, when what is known here begins"
            return FenceProof(FenceOutcome.UNKNOWN, text)
        unsettled = self._unsettled(placement_id, session_id)
        if unsettled is not None:
            return unsettled
        replacing = await self._replaced_now(placement_id)
        if replacing:
            text = f"{replacing} is being replaced at the venue, maybe by it"
            return FenceProof(FenceOutcome.UNKNOWN, text, retry_after_s=self._settling_s)
        report = await self._find(placement_id, attempted_at)
        if report is not None:
            return FenceProof(FenceOutcome.FOUND, "the venue shows it by now", report)
        return None

    def _unsettled(self, placement_id: str, session_id: str) -> FenceProof | None:
        if self._desk.is_in_flight(placement_id):
            text = "it is on its way from here"
            return FenceProof(FenceOutcome.UNKNOWN, text, retry_after_s=self._settling_s)
        if not session_id or self._gateway.session_id != session_id:
            return FenceProof(FenceOutcome.UNKNOWN, "there is no session, or not all the while")
        settled_s = self._gateway.settled_for_s(placement_id)
        if settled_s is None:
            return FenceProof(FenceOutcome.UNKNOWN, "this adapter can't prove absence at its venue")
        left_s = self._settling_s - settled_s
        if left_s <= 0:
            return None
        text = f"the venue has {left_s:.3g} s left to bring it up"
        return FenceProof(FenceOutcome.UNKNOWN, text, retry_after_s=left_s)

    async def _replaced_now(self, placement_id: str) -> str:
        """The revision before this one if the venue is changing it now; "" otherwise."""
        placement = PlacementId.parse(placement_id)
        if placement is None or not placement.revision:
            return ""
        before = PlacementId(
            placement.client_order_id,
            placement.account_tag,
            placement.number,
            placement.revision - 1,
        )
        report = await self._find(str(before))
        changing = report is not None and report.status is OrderStatus.PENDING_REPLACE
        return str(before) if changing else ""
