"""Ending doubts: the adapter finds a placement at its venue, or proves that it is not there.

A look-up that finds nothing proves nothing: the venue may be slow, the request still on its way.
Proof is the adapter's FENCED: the conditions for absence hold at its venue, nothing of the
placement is under way, and it refuses the id for good. Until then a placement stays in doubt,
whatever the time; asking again is harmless, after a restart too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import structlog

from services.common.domain.errors import Cause, Reason
from services.common.domain.order_events import Placement, PlacementSignaled
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import FenceOutcome, FenceProof
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink

_log = structlog.stdlib.get_logger(__name__)
_WAIT_MIN_S = 0.05

OnFenced = Callable[[OrderKey, str, Cause], Awaitable[None]]
"""Takes the proof that a placement is absent: it is to be recorded, and the order may go on."""


class Doubts:
    """Asks adapters for proof. What is kept in memory is only when to ask again.

    `monotonic` is in seconds. `on_fenced` is set before the first venue is reached.
    """

    def __init__(self, books: Books, intake: Intake, monotonic: Callable[[], float]) -> None:
        self._books = books
        self._intake = intake
        self._monotonic = monotonic
        self._due: dict[str, float] = {}
        self.on_fenced: OnFenced | None = None

    def is_due(self, placement_id: str) -> bool:
        """Whether proof may be had by now, as far as the adapter has said."""
        return self._due.get(placement_id, 0.0) <= self._monotonic()

    def wait_s(self, placement_ids: Collection[str], at_most_s: float) -> float:
        """How long it takes until proof may be had of one of these, at most so long. What is due
        already and could not be asked for waits for the venue, not for a time."""
        now = self._monotonic()
        waits = (self._due[p] - now for p in placement_ids if p in self._due)
        nearest = min((wait for wait in waits if wait > 0), default=at_most_s)
        return max(min(nearest, at_most_s), _WAIT_MIN_S)

    def keep_only(self, placement_ids: Collection[str]) -> None:
        """Forget all others: their doubts are over."""
        for placement_id in self._due.keys() - set(placement_ids):
            del self._due[placement_id]

    async def settle(self, key: OrderKey, placement: Placement, link: VenueLink) -> None:
        """Ask for proof once, and take what comes.

        Raises ReadFailed if the adapter can't be asked, which ends nothing. Canceled, the adapter
        may have fenced it, which the next time it is asked it will say again.
        """
        placement_id = placement.placement_id
        proof = await link.port.fence_order(
            placement_id, placement.attempted_at, placement.session_id, link.claim()
        )
        self._intake.looked_up(placement_id)
        self._due.pop(placement_id, None)
        _log.info(
            "doubt_asked",
            placement_id=placement_id,
            venue=link.name,
            outcome=proof.outcome.value,
            evidence=proof.evidence,
        )
        match proof.outcome:
            case FenceOutcome.FOUND:
                assert proof.report is not None, "as the converter has checked"
                self._intake.take_report(proof.report, fresh=True)
            case FenceOutcome.FENCED:
                await self._take_fenced(key, placement_id, proof)
            case FenceOutcome.UNKNOWN if proof.retry_after_s is not None:
                self._due[placement_id] = self._monotonic() + proof.retry_after_s

    async def _take_fenced(self, key: OrderKey, placement_id: str, proof: FenceProof) -> None:
        assert self.on_fenced is not None, "wired before any venue is reached"
        await self.on_fenced(key, placement_id, Cause(Reason.PLACEMENT_FENCED, proof.evidence))


def doubt_orphans(books: Books, intake: Intake) -> None:
    """On start: what was journaled and has no answer may have been sent. It is in doubt."""
    unanswered = [
        (key, placement.placement_id)
        for key in books.open_orders
        for placement in books.orders[key].order.placements
        if placement.status is OrderStatus.PENDING_NEW
    ]
    for key, placement_id in unanswered:
        cause = Cause(Reason.OUTCOME_UNKNOWN, "the router was restarted before an answer came")
        intake.take_signal(
            books.orders[key], PlacementSignaled(placement_id, Signal.DOUBTED, cause=cause)
        )
