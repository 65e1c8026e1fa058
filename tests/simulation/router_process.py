"""A router as a node: the real core with its journal on a simulated disk, served without gRPC."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.common.contract.pb import (
    broker_service_pb2,
    broker_service_pb2_grpc,
    operations_service_pb2_grpc,
)
from services.common.contract.status import translate
from services.common.domain.executions import Execution
from services.common.domain.reports import (
    FenceOutcome,
    FenceProof,
    Lookup,
    LookupResult,
    OrderReport,
)
from services.common.runtime.clock import Clock
from services.common.runtime.interceptors import client_interceptors, server_interceptors
from services.common.runtime.tasks import TaskOwner
from services.router.core import AccountWiring, CoreSettings, RouterCore, VenueWiring
from services.router.journal.sqlite import SqliteJournal
from services.router.routing.care import CareSettings
from services.router.routing.link import LinkSettings
from services.router.routing.venue import Claim
from services.router.routing.venue_client import ClientSettings, VenueClient
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.checkers.absence import Listing
from tests.simulation.disk import Disk
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.local_grpc.frames import Begin
from tests.simulation.local_grpc.server import LocalServer
from tests.simulation.network import Network
from tests.simulation.virtual_pool import VirtualPool

BROKER_PORT = 50050
OPERATIONS_PORT = 50060
_DEFAULT_DEADLINE_S = 30.0
_READ_TIMEOUT_S = 10.0
_COMMIT_TIMEOUT_S = 10.0
_MARGIN_S = 0.2


@dataclass(frozen=True, slots=True)
class AdapterAddress:
    """Where a venue's adapter is reached."""

    name: str
    tag: str
    port: int


@dataclass(frozen=True, slots=True)
class RouterWiring:
    """What one life of the router is given.

    `exits` is called when its process would end, `requested` with operation and client_order_id of
    what a client asks for, `sends` with operation, placement_id and venue of what is sent, the
    others with what an adapter has told, and when it was asked; see `checkers/absence.py`.
    """

    adapters: Sequence[AdapterAddress]
    network: Network
    disk: Disk
    clock: Clock
    rng: random.Random
    exits: Callable[[str], None]
    requested: Callable[[str, str], None]
    sends: Callable[[str, str, str], None]
    told_absent: Callable[[str, str, float], None]
    told_all_open: Callable[[str, Collection[str], float], None]
    told_all_executions: Callable[[Listing], None]


class RouterProcess:
    """One life of the router. To be made and started as its incarnation."""

    def __init__(self, wiring: RouterWiring) -> None:
        self._wiring = wiring
        self.journal_store = SqliteJournal(wiring.disk.folder / "journal.db", vfs=wiring.disk.vfs)
        disk = wiring.disk
        pool = VirtualPool(
            1, slot_wait_s=_COMMIT_TIMEOUT_S, rng=wiring.rng, delay_s=lambda: disk.delay_s
        )
        self._tasks = TaskOwner("router", self._critical_end)
        self.core = RouterCore(
            CoreSettings(
                node=f"router#{wiring.disk.life}",
                version="simulated",
                link=LinkSettings(),
                care=CareSettings(round_s=5.0),
            ),
            [AccountWiring(ACCOUNT_ID, [self._venue(a) for a in wiring.adapters])],
            self.journal_store,
            clock=wiring.clock,
            rng=wiring.rng,
            run_blocking=lambda call: pool.run(call, timeout_s=_COMMIT_TIMEOUT_S),
            order_tasks=TaskOwner("orders", self._critical_end),
            stop=wiring.exits,
        )

    async def start(self) -> None:
        """Replay, then serve: what the real process does, in the same order."""
        self.core.open()
        self._tasks.start("journal", self.core.journal.run(), critical=False)
        await self.core.journal.durable()
        self.core.start_tasks(self._tasks)
        self._serve()

    def _serve(self) -> None:
        layers = server_interceptors(self._wiring.clock, _DEFAULT_DEADLINE_S, translate=translate)
        trading = LocalServer(self._wiring.network, layers, self._asked)
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(self.core.broker, trading)  # type: ignore[arg-type]
        operating = LocalServer(self._wiring.network, layers)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(
            self.core.operations,
            operating,  # type: ignore[arg-type]
        )
        trading.start(BROKER_PORT)
        operating.start(OPERATIONS_PORT)

    def _venue(self, adapter: AdapterAddress) -> VenueWiring:
        channel = LocalChannel(
            self._wiring.network,
            adapter.port,
            rng=self._wiring.rng,
            interceptors=client_interceptors(_MARGIN_S, _READ_TIMEOUT_S),
            on_begin=partial(self._sent, adapter.name),
        )
        client = _WatchedClient(self._wiring, adapter.name, channel)
        return VenueWiring(adapter.name, adapter.tag, client)

    def _asked(self, begin: Begin) -> None:
        operation, order_id = _operation_of(begin)
        if operation:
            self._wiring.requested(operation, order_id)

    def _sent(self, venue: str, begin: Begin) -> None:
        operation, order_id = _operation_of(begin)
        if operation:
            self._wiring.sends(operation, order_id, venue)

    def _critical_end(self, name: str, error: BaseException | None) -> None:
        self._wiring.exits(f"task {name} ended: {error!r}")


def _operation_of(begin: Begin) -> tuple[str, str]:
    """What a call asks for, and the order's id; "" for a call that changes no order."""
    match begin.method.rpartition("/")[2]:
        case "SubmitOrder":
            order = broker_service_pb2.SubmitOrderRequest.FromString(begin.message).order
            return "submit", order.client_order_id
        case "ReplaceOrder":
            replaced = broker_service_pb2.ReplaceOrderRequest.FromString(begin.message)
            return "replace", replaced.client_order_id
        case "CancelOrder":
            canceled = broker_service_pb2.CancelOrderRequest.FromString(begin.message)
            return "cancel", canceled.client_order_id
    return "", ""


class _WatchedClient(VenueClient):
    """The real one; what it is told of orders that are not there is passed on."""

    def __init__(self, wiring: RouterWiring, venue: str, channel: LocalChannel) -> None:
        super().__init__(ACCOUNT_ID, venue, channel, ClientSettings())
        self._wiring = wiring
        self._name = venue

    async def find_order(self, placement_id: str) -> LookupResult:
        asked_at_s = asyncio.get_running_loop().time()
        found = await super().find_order(placement_id)
        if found.lookup is Lookup.ABSENT:
            self._wiring.told_absent(self._name, placement_id, asked_at_s)
        return found

    async def fence_order(
        self, placement_id: str, attempted_at: datetime, session_id: str, claim: Claim
    ) -> FenceProof:
        asked_at_s = asyncio.get_running_loop().time()
        proof = await super().fence_order(placement_id, attempted_at, session_id, claim)
        if proof.outcome is FenceOutcome.FENCED:
            self._wiring.told_absent(self._name, placement_id, asked_at_s)
        return proof

    async def open_orders(self) -> Sequence[OrderReport]:
        asked_at_s = asyncio.get_running_loop().time()
        reports = await super().open_orders()
        listed = {report.client_id for report in reports}
        self._wiring.told_all_open(self._name, listed, asked_at_s)
        return reports

    async def executions(
        self, *, after: datetime | None = None, placement_id: str = ""
    ) -> Sequence[Execution]:
        asked_at_s = asyncio.get_running_loop().time()
        found = await super().executions(after=after, placement_id=placement_id)
        listed = frozenset((execution.client_id, execution.cum_qty) for execution in found)
        exec_ids = frozenset(execution.exec_id for execution in found)
        told = Listing(self._name, after, placement_id, asked_at_s, listed, exec_ids)
        self._wiring.told_all_executions(told)
        return found


async def forever() -> None:
    """Wait for ever, as a process that only serves does."""
    await asyncio.get_running_loop().create_future()
