"""A plan as planning leaves it, what it goes by besides the books, and words for what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from services.common.domain.errors import Effect, ReadFailed, Reason, VenueCause
from services.router.risk.gate import Role
from services.router.routing.cover import VenueFacts
from services.router.routing.venue import VenueView

Facts = Mapping[str, VenueFacts | ReadFailed]
"""Per venue: its statement, or why it could not be read. Needed for orders that need cover."""


@dataclass(frozen=True, slots=True)
class Child:
    """A part of an order, for one venue and no other."""

    view: VenueView
    order_qty: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Venues to try, in order, and why the others were passed over.

    An exit has exactly one candidate, or it is split: then it has children, which are all sent, and
    no candidate. Neither means that no venue can take the entry now. `preferred` is where an entry
    would go if all were well, empty for an exit.
    """

    role: Role
    candidates: tuple[VenueView, ...]
    passed_over: tuple[VenueCause, ...] = ()
    preferred: str = ""
    children: tuple[Child, ...] = ()

    @property
    def is_placed(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self.candidates or self.children)


def unavailable(view: VenueView) -> VenueCause:
    """A venue that can't take the order, by what its view says."""
    return VenueCause(view.name, Reason.VENUE_UNAVAILABLE, view.why_not, Effect.NONE)


def shown(quantities: Mapping[str, Decimal]) -> str:
    """Quantities per venue for a person."""
    return ", ".join(f"{qty} at {venue}" for venue, qty in quantities.items()) or "nothing"
