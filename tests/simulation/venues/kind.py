"""What the seam asks of a kind of venue: a simulator that is a node, and an adapter for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from simulators.control.request_log import RequestEntry
from tests.simulation.adapter_process import AdapterProcess, AdapterWiring
from tests.simulation.venue_process import VenueProcess


@dataclass(frozen=True, slots=True)
class VenueKind:
    """A kind of venue.

    `build` makes one from name, port and seed; its clock is the running loop's. `serve` takes
    connections and lets market time pass, run as the venue. `adapter` makes one life of its
    adapter. `reads_orders` tells of a request whether it reads all that a stream could have left
    out. With `keeps_send_log` an adapter has on its own disk what it is about to send. Where an
    order `changes_in_place`, it is placed once more under the id and number that it has.
    """

    build: Callable[[str, int, int], VenueProcess[Any]]
    serve: Callable[[VenueProcess[Any]], Coroutine[Any, Any, None]]
    adapter: Callable[[AdapterWiring], AdapterProcess[Any, Any]]
    reads_orders: Callable[[RequestEntry], bool]
    keeps_send_log: bool = False
    tells_expiry: bool = True
    changes_in_place: bool = False
