"""When the adapter's view can be compared: nothing moves, and it was read since nothing moves."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.simulation.soak.client import Client
from tests.simulation.soak.stand import Stand
from tests.simulation.soak.trader import Trader
from tests.simulation.venues.alpaca import ALPACA

_UNCHANGED_S: Final = 6.0
# Between a read that shows something and what is told of it.
_CONSEQUENCES_S: Final = 8.0
# What it was told of activities may be a minute old.
_ACTIVITIES_S: Final = 75.0


class Sync:
    """Waits until all are up, nothing changes, and the adapter has read the venue since."""

    def __init__(self, stand: Stand, client: Client, trader: Trader) -> None:
        self._stand = stand
        self._client = client
        self._trader = trader
        self._logged = 0

    async def wait(self, within_s: float) -> bool:
        """Whether it came about in that time."""
        loop = asyncio.get_running_loop()
        began = since = loop.time()
        seen: object = None
        while loop.time() - began < within_s:
            state = self._state()
            if state is None or state != seen:
                seen, since = state, loop.time()
            elif loop.time() - since >= _UNCHANGED_S and self._was_read_since(since):
                await asyncio.sleep(_CONSEQUENCES_S)
                if self._state() == seen and loop.time() - began >= _ACTIVITIES_S:
                    return True
            await asyncio.sleep(1.0)
        return False

    def _state(self) -> object:
        """What must not change any more; None while something is down or under way."""
        if not (self._stand.adapter.is_up and self._client.session_id and self._trader.is_idle):
            return None
        return len(self._stand.simulated.venue.ledger.entries), self._client.session_id

    def _was_read_since(self, since_s: float) -> bool:
        """Whether the adapter has listed all orders since, and was answered."""
        found = False
        for entry in self._stand.simulated.control.requests(self._logged):
            if entry.outcome and entry.arrived_s <= since_s:
                self._logged = max(self._logged, entry.seq)
            found |= ALPACA.reads_orders(entry) and entry.arrived_s > since_s
        return found
