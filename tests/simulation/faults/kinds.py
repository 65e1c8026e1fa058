"""All kinds of faults by name, and how each is made to happen and to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Final

from tests.simulation.catalogue import kind_name
from tests.simulation.faults import anywhere, at_alpaca, at_ib
from tests.simulation.faults.strike import Strike
from tests.simulation.planned import PlannedFault
from tests.simulation.world import World

KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    **anywhere.KINDS,
    **at_alpaca.KINDS,
    **at_ib.KINDS,
}


def strike(
    world: World, fault: PlannedFault, on_strike: Callable[[Strike], None] = lambda _: None
) -> Strike:
    """Make one fault happen now, or lie in wait for its victim; as nobody, whoever calls."""
    made = Strike(world, fault, on_strike)
    Context().run(KINDS[fault.kind], made)
    if made.has_happened and not made.is_awaited and not made.is_laid:
        on_strike(made)
    return made


def heal(world: World) -> None:
    """End all faults: what was held back comes, who is down is started."""
    for venue in world.venues.values():
        venue.simulated.control.clear_faults()
        venue.simulated.control.release_events()
        venue.simulated.control.set_account(trading_blocked=False)
        if kind_name(venue.name) == "ib":
            at_ib.heal(venue)
    world.network.heal_all()
    for node in world.nodes.values():
        node.disk.on_io = None
        node.disk.delay_s = 0.0
        node.disk.fails = node.disk.fails_to_sync = False
        node.wake()
        node.start()
