"""A venue as a node of the simulation: the oracle, whatever wire it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from simulators.control.control import SimulatorControl
from simulators.venue.venue import Venue
from tests.simulation.incarnation import Incarnation


class Simulated(Protocol):
    """What every simulator has in process."""

    @property
    def venue(self) -> Venue: ...

    @property
    def control(self) -> SimulatorControl: ...


S_co = TypeVar("S_co", bound=Simulated, covariant=True)


@dataclass(frozen=True)
class VenueProcess(Generic[S_co]):
    """One venue. It never crashes; what it does wrong, faults make it do."""

    name: str
    port: int
    life: Incarnation
    simulated: S_co
