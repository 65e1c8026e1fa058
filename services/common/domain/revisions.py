"""Placements and their revisions: a replace makes a new placement that takes an old one's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.common.domain.order_events import Placement
from services.common.domain.order_status import OrderStatus

REFUSED: Final = frozenset({OrderStatus.REJECTED, OrderStatus.UNPLACED})
"""A placement that ended so has had no effect at its venue."""


def find(placements: Sequence[Placement], placement_id: str) -> Placement | None:
    """The placement of that id, None if there is none such."""
    return next((p for p in placements if p.placement_id == placement_id), None)


def counts(placements: Sequence[Placement], placement: Placement) -> bool:
    """Whether it is more than a revision that was refused while the old one worked on."""
    replaced = find(placements, placement.replaces)
    if replaced is None or placement.status not in REFUSED:
        return True
    return replaced.status is OrderStatus.REPLACED


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
