"""All kinds of venues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.simulation.catalogue import kind_name
from tests.simulation.venues.alpaca import ALPACA
from tests.simulation.venues.ib import IB
from tests.simulation.venues.kind import VenueKind

KINDS: Final[Mapping[str, VenueKind]] = {"alpaca": ALPACA, "ib": IB}


def kind_of(venue: str) -> VenueKind:
    """The kind of a venue of that name."""
    return KINDS[kind_name(venue)]
