"""What must hold right before a mutation's first byte leaves: fence, session, tombstone, time.

The same rules are asked twice: early, so that what is hopeless takes no budget, and in the worker
that writes. They read memory and clocks only, from any thread, and raise with effect NONE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.common.adapter.fence_store import FenceClaim, FenceStore
from services.common.adapter.port import VenueGateway
from services.common.domain.errors import InvalidRequest, Reason, Refused, Unavailable
from services.common.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which a mutation may go out.

    `claim` is None if it came without a fence. `expected_session_id` must be the current venue
    session if it is not empty; a fenced call that is no cancel needs it. `deadline_at` is the
    caller's deadline in the clock's monotonic seconds, None for none.
    """

    claim: FenceClaim | None = None
    expected_session_id: str = ""
    deadline_at: float | None = None

    @property
    def leader(self) -> tuple[str, tuple[int, int]] | None:
        """Which router in which term sent it; None without a fence."""
        return None if self.claim is None else (self.claim.journal_id, self.claim.term)


class Rules:
    """The rules over one gateway and its fence store."""

    def __init__(self, gateway: VenueGateway, store: FenceStore, clock: Clock) -> None:
        self._gateway = gateway
        self._store = store
        self._clock = clock

    def check_send(self, client_id: str, not_after: datetime | None, terms: Terms) -> None:
        """Raise unless an order, or a new revision of one, may leave under `client_id` now.

        An instruction, which has no id at the venue, comes with an empty one.
        """
        if terms.claim is not None and not terms.expected_session_id:
            raise InvalidRequest("expected_session_id", "required on a fenced call")
        self._check_common(terms)
        if not self._gateway.session_id:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "there is no session with the venue now")
        if self._store.is_buried(client_id):
            raise Refused(Reason.PLACEMENT_FENCED, f"{client_id} was fenced off; it is never sent")
        if not_after is not None and self._clock.now() > not_after:
            raise Refused(
                Reason.NOT_AFTER_PASSED, f"it was not to leave after {not_after.isoformat()}"
            )

    def check_cancel(self, terms: Terms) -> None:
        """Raise unless a cancel may leave now.

        It needs no session unless the caller names one: an order must be cancelable while the
        event stream is down.
        """
        self._check_common(terms)

    def _check_common(self, terms: Terms) -> None:
        self._store.check(terms.claim)
        session_id = self._gateway.session_id
        if terms.expected_session_id and terms.expected_session_id != session_id:
            now = f"the venue session is {session_id}" if session_id else "there is no session now"
            raise Refused(Reason.STALE_SESSION, f"{now}, not {terms.expected_session_id}")
        if terms.deadline_at is not None and self._clock.monotonic() >= terms.deadline_at:
            raise Refused(Reason.DEADLINE_TOO_SHORT, "the deadline passed before it could leave")
