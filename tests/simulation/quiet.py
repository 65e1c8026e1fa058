"""When a schedule is over: all are up, nothing changes, and every venue has been read since.

An event that the stream has lost is found when the adapter next reads the venue, which a pause
after "too many requests" can put off for a minute. So it is not enough that nothing happens.
"""

from __future__ import annotations

from typing import Any, Final

from simulators.control.request_log import RequestEntry
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.kinds import kind_of
from tests.simulation.world import World

# Longer than the router's rounds, in which it looks after doubts and cancels.
_UNCHANGED_S: Final = 12.0
# Between a read that shows something and the records that come of it.
_CONSEQUENCES_S: Final = 6.0


class Quiet:
    """Asked from time to time; remembers since when nothing has changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: object = None
        self._since_s = 0.0
        self._logged = dict.fromkeys(world.venues, 0)
        self._first_read_s = dict.fromkeys(world.venues, -1.0)

    def look(self, now_s: float) -> bool:
        """Whether it is over by now."""
        state = self._state()
        for name, venue in self._world.venues.items():
            self._note_reads(name, venue)
        if state is None or state != self._seen:
            self._seen, self._since_s = state, now_s
            return False
        if now_s - self._since_s < _UNCHANGED_S:
            return False
        return all(
            self._since_s < at_s <= now_s - _CONSEQUENCES_S for at_s in self._first_read_s.values()
        )

    def _state(self) -> object:
        """What must not change any more; None while something is down or behind."""
        world = self._world
        router = world.router.process
        if router is None or not all(node.is_up for node in world.nodes.values()):
            return None
        if not all(link.view().takes_entries for link in router.core.links.values()):
            return None
        ledgers = [len(v.simulated.venue.ledger.entries) for v in world.venues.values()]
        return id(router), router.core.journal.head.seq, tuple(ledgers)

    def _note_reads(self, name: str, venue: VenueProcess[Any]) -> None:
        """When the adapter last asked for what its stream had not told: it lists all orders."""
        for entry in venue.simulated.control.requests(self._logged[name]):
            if not entry.outcome:
                if _is_read(entry):
                    break  # looked at again when it has ended
                continue  # an order that is taken late can be under way for a day
            self._logged[name] = entry.seq
            if kind_of(name).reads_orders(entry):
                self._note_read(name, entry.arrived_s)

    def _note_read(self, name: str, at_s: float) -> None:
        """Keep the first read since the last change."""
        if self._first_read_s[name] <= self._since_s:
            self._first_read_s[name] = at_s


def _is_read(entry: RequestEntry) -> bool:
    return entry.method == "GET" or entry.method.startswith("req")
