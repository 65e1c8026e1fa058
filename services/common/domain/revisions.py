"""Placements and their revisions: a replace makes a new placement that takes an old one's place."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from services.common.domain.errors import Reason
from services.common.domain.order_events import IllegalEvent, Placement
from services.common.domain.order_status import WORKING, OrderStatus

REFUSED: Final = frozenset({OrderStatus.REJECTED, OrderStatus.UNPLACED})
"""A placement that ended so has had no effect at its venue."""


def find(placements: Sequence[Placement], placement_id: str) -> Placement | None:
    """The placement of that id, None if there is none such."""
    return next((p for p in placements if p.placement_id == placement_id), None)


def counts(placements: Sequence[Placement], placement: Placement) -> bool:
    """Whether it is more than a change of terms that came to nothing: a revision that was refused
    while the old one worked on, or a held placement that was never sent."""
    if placement.status not in REFUSED:
        return True
    if placement.is_held:
        return False
    replaced = find(placements, placement.replaces)
    if replaced is None:
        return True
    if _is_proven_absent(placement):
        return False
    return replaced.status is OrderStatus.REPLACED and not _is_passed_over(placements, placement)


def _is_passed_over(placements: Sequence[Placement], placement: Placement) -> bool:
    """Whether another revision has taken the place that it was to take, or may have: should that
    one be refused as well, this is asked again."""
    others = (p for p in placements if p is not placement and p.replaces == placement.replaces)
    return any(other.status not in REFUSED for other in others)


def _is_proven_absent(placement: Placement) -> bool:
    cause = placement.cause
    return cause is not None and cause.reason is Reason.PLACEMENT_FENCED


def is_called_in_question(placements: Sequence[Placement], placement: Placement) -> bool:
    """Whether it is a revision that was called "not sent", and its order has been replaced, and by
    no other revision. With proof that it is absent it was somebody else who replaced the order."""
    if _is_proven_absent(placement):
        return False
    replaced = find(placements, placement.replaces)
    if replaced is None or placement.status is not OrderStatus.UNPLACED:
        return False
    return replaced.status is OrderStatus.REPLACED and not _is_passed_over(placements, placement)


def chains(placements: Sequence[Placement]) -> list[list[Placement]]:
    """Placements, each with the revisions that followed it; a venue works one of a chain."""
    of: dict[str, list[Placement]] = {}
    found: list[list[Placement]] = []
    for placement in placements:
        chain = of.get(placement.replaces)
        if chain is None:
            chain = []
            found.append(chain)
        chain.append(placement)
        of[placement.placement_id] = chain
    return found


def check(
    placements: Sequence[Placement],
    old: Placement,
    revision: Placement,
    asked_qty: Decimal,
    *,
    has_fills: bool,
) -> None:
    """Raise IllegalEvent unless `revision` may take the place of `old`: a whole placement that
    works, one revision at a time, for no more than is asked for."""
    if old.venue != revision.venue or old.status not in WORKING:
        raise IllegalEvent(f"{old.placement_id} can't be replaced: {old.status.value}")
    if has_fills:
        raise IllegalEvent(f"{old.placement_id} has fills and can't be replaced as a whole")
    if any(p.replaces == old.placement_id and counts(placements, p) for p in placements):
        raise IllegalEvent(f"{old.placement_id} is being replaced already")
    if revision.order_qty > asked_qty:
        raise IllegalEvent("a revision of more than was asked for")
