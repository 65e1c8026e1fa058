"""The router's two servers, and what they tell of its health: leading, standing by, each venue."""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial
from typing import Final

from services.common.contract.pb import broker_service_pb2_grpc, operations_service_pb2_grpc
from services.common.contract.status import translate
from services.common.domain.errors import Refused
from services.common.runtime.health import Health, HealthBoard
from services.common.runtime.listen import insecure_listen_allowed
from services.common.runtime.server import RpcServer, ServerOptions, build_server
from services.common.runtime.shutdown import Lifecycle
from services.router.api.standby import StandbyOperations
from services.router.books.entries import VenueEntry
from services.router.books.watching import WatchEnded
from services.router.core import RouterCore
from services.router.settings import RouterSettings

BROKER: Final = "tandem.v1.BrokerService"
OPERATIONS: Final = "tandem.v1.OperationsService"
LEADING: Final = "leading"
"""The health component that tells a leader from a standby."""
_STANDBY: Final = "standby: another router leads"
_VENUES_WAIT_S: Final = 60.0


class Serving:
    """The two servers and what they tell of this process's health."""

    def __init__(self, lifecycle: Lifecycle, settings: RouterSettings, core: RouterCore) -> None:
        self._lifecycle = lifecycle
        self._settings = settings
        self._core = core
        self._board = HealthBoard(lifecycle.clock, [BROKER, OPERATIONS])
        self._operates = False
        lifecycle.on_drain("health", self._tell_draining)

    async def _tell_draining(self) -> None:
        self._board.set_draining()

    async def operations(self) -> None:
        """Serve the operations port alone: of a standby it tells who it is."""
        self._board.set_not_ready(_STANDBY)
        self._board.set_component(LEADING, Health.NOT_SERVING, _STANDBY)
        await self._serve_operations()

    async def all(self) -> None:
        """Serve the trading port, and the operations port if it is not served yet."""
        trading = self._server("LISTEN", self._settings.listen, BROKER)
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(self._core.broker, trading.grpc)
        await self._start(trading)
        if not self._operates:
            await self._serve_operations()
        show = _show_venues(self._core, self._board)
        self._lifecycle.own_tasks("health").start("venues", show, critical=True)
        self._board.set_component(LEADING, Health.SERVING, "leads")
        self._board.set_ready()

    async def _serve_operations(self) -> None:
        server = self._server("OPERATIONS_LISTEN", self._settings.operations_listen, OPERATIONS)
        front = StandbyOperations(self._core.operations, lambda: self._core.journal.epoch > 0)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(front, server.grpc)  # type: ignore[arg-type]
        await self._start(server)
        self._operates = True

    async def _start(self, server: RpcServer) -> None:
        await server.start()
        stop = partial(server.stop, self._settings.stop_grace_s)
        # Longer than the grace: calls that it cuts off are no failure to close.
        limit_s = self._settings.stop_grace_s + self._lifecycle.limits.closer_s
        self._lifecycle.on_close(f"server {server.address}", stop, limit_s)

    def _server(self, name: str, listen: str, service: str) -> RpcServer:
        options = ServerOptions(
            listen=listen,
            listen_setting=f"TANDEM_ROUTER_{name}",
            default_deadline_s=self._settings.default_deadline_s,
            insecure_listen=insecure_listen_allowed(os.environ),
        )
        return build_server(
            options,
            clock=self._lifecycle.clock,
            board=self._board,
            service_names=[service],
            translate=translate,
        )


async def _show_venues(core: RouterCore, board: HealthBoard) -> None:
    """Publish each venue as a health component of its own, as the journal tells of it."""
    with contextlib.suppress(WatchEnded):
        while True:
            with contextlib.suppress(Refused):  # fell behind: begin with what is known now
                await _follow_venues(core, board)
    await asyncio.Event().wait()  # draining: nothing more to show


async def _follow_venues(core: RouterCore, board: HealthBoard) -> None:
    subscription = core.watching.subscribe("")
    try:
        for entry in core.books.venues.values():
            _show_venue(entry, board)
        while True:
            event = await subscription.next(_VENUES_WAIT_S)
            if event is not None and isinstance(event.told, VenueEntry):
                _show_venue(event.told, board)
    finally:
        core.watching.unsubscribe(subscription)


def _show_venue(entry: VenueEntry, board: HealthBoard) -> None:
    status = Health.SERVING if entry.ready else Health.NOT_SERVING
    board.set_component(f"venue.{entry.account_id}.{entry.venue}", status, entry.reason)
