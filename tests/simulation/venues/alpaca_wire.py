"""The wire between an adapter and its simulated Alpaca, under the unmodified alpaca-py.

REST goes through a `requests` adapter that gives requests to the simulator's own protocol code,
over the simulated network: both ways are seeded, can be partitioned, and what was sent arrives even
if the sender has died. The stream uses the loop's sockets and needs nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import requests

from simulators.alpaca.frontend import Frontend
from simulators.alpaca.http import Reply
from tests.simulation.incarnation import Incarnation, current_node
from tests.simulation.network import Network, Route
from tests.simulators.in_loop import InLoopAdapter

Leaves = Callable[[str, str, bytes], None]
"""Told of method, path and body of each request as it leaves."""


class VenueWire(InLoopAdapter):
    """The transport of one adapter's sessions towards the venue that lives as `venue`."""

    def __init__(
        self, frontend: Frontend, network: Network, venue: Incarnation, leaves: Leaves
    ) -> None:
        super().__init__(frontend, latency_s=0.0)
        self._leaves = leaves
        self._network = network
        self._venue = venue

    async def _exchange(self, request: requests.PreparedRequest) -> Reply:
        """Send, and wait for what comes back; giving up does not call the request back."""
        body = request.body or b""
        path = request.path_url.partition("?")[0]
        self._leaves(
            request.method or "", path, body.encode() if isinstance(body, str) else bytes(body)
        )
        route = self._network.route(current_node(), self._venue.node)
        back: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._venue.spawn(self._carry(request, route, back), f"carry {request.method}")
        return await back

    async def _carry(
        self, request: requests.PreparedRequest, route: Route, back: asyncio.Future[Reply]
    ) -> None:
        await self._network.passage(route)
        reply = await super()._exchange(request)
        await self._network.passage(route)
        if not back.done():
            back.set_result(reply)
