"""A running stack: starts its programs one after the other, watches them, ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tandem_client import TandemClient, VenueStatus

from stack import programs
from stack.children import Child, Program, StackFailed, describe
from stack.programs import BROKERS, Broker, Ports, Venue
from stack.readiness import START_TIMEOUT_S, Patience, orders_possible

T = TypeVar("T")

RESTART_AFTER_S: Final = 10.0
_END_GRACE_S: Final = 20.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a running stack are, host:port; adapters by venue."""

    router: str
    operations: str
    adapters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where programs find the broker, and its control; host:port."""

    broker: Broker
    address: str
    control: str

    @property
    def venue(self) -> Venue:
        """Its account, as an adapter finds it."""
        return programs.simulated_venue(self.broker, int(self.address.rpartition(":")[2]))


@dataclass(frozen=True, slots=True)
class _Service:
    """A service that can be started again where it was; `settings` name its addresses."""

    program: Program
    settings: tuple[str, ...]


class Stack:
    """Owns child processes; `async with` ends them all, in reverse order, whatever happened.

    `told` is called with one line for each step. A service that is killed while `watch` runs is
    started again after `restart_after_s`.
    """

    def __init__(
        self, state: Path, told: Callable[[str], None], *, restart_after_s: float = RESTART_AFTER_S
    ) -> None:
        self._state = state
        self._told = told
        self._restart_after_s = restart_after_s
        self._children: list[Child] = []
        self._services: dict[str, _Service] = {}

    async def __aenter__(self) -> Self:
        folders = [programs.state_of(broker, self._state) for broker in BROKERS]
        for folder in (*folders, self._state / "router", self._state / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end()

    async def start_simulators(
        self, inherited: Mapping[str, str], ports: Ports, *, seed: int, skip_closed: bool
    ) -> list[Simulator]:
        """Start the simulators of all brokers, each with a seed of its own."""
        return await _all_of(
            self._start_simulator(
                broker, inherited, ports, seed=seed + number, skip_closed=skip_closed
            )
            for number, broker in enumerate(BROKERS)
        )

    async def start_services(
        self,
        venues: Sequence[Venue],
        inherited: Mapping[str, str],
        ports: Ports,
        *,
        wait_for_all: bool,
    ) -> Addresses:
        """Start an adapter for each venue, then the router; wait until orders can be sent.

        With `wait_for_all` to every venue, else to one; StackFailed says why they can't.
        """
        adapters = await _all_of(self._start_adapter(venue, inherited, ports) for venue in venues)
        behind = list(zip(venues, adapters, strict=True))
        router, operations = await self._start_router(inherited, ports, behind)
        await self._orders_possible(router, Patience(for_all=wait_for_all))
        by_venue = {venue.broker.venue: address for venue, address in behind}
        return Addresses(router, operations, by_venue)

    async def _start_simulator(
        self,
        broker: Broker,
        inherited: Mapping[str, str],
        ports: Ports,
        *,
        seed: int,
        skip_closed: bool,
    ) -> Simulator:
        program = programs.simulator(broker, inherited, ports, seed=seed, skip_closed=skip_closed)
        child = self._start(program)
        ready = await child.says(_simulator_ready, START_TIMEOUT_S)
        self._told(f"{program.name} (process {child.pid}) on {ready[0]}, its control on {ready[1]}")
        return Simulator(broker, *ready)

    async def _start_adapter(self, venue: Venue, inherited: Mapping[str, str], ports: Ports) -> str:
        program = programs.adapter(venue, inherited, ports, self._state)
        (address,) = await self.start_service(program, f"TANDEM_{venue.broker.section}_LISTEN")
        return address

    async def _start_router(
        self, inherited: Mapping[str, str], ports: Ports, venues: Sequence[tuple[Venue, str]]
    ) -> tuple[str, str]:
        program = programs.router(inherited, ports, self._state, venues)
        settings = ("TANDEM_ROUTER_LISTEN", "TANDEM_ROUTER_OPERATIONS_LISTEN")
        trading, operations = await self.start_service(program, *settings)
        return trading, operations

    async def _orders_possible(self, router: str, patience: Patience) -> None:
        async with TandemClient(router) as client:

            async def venues() -> Sequence[VenueStatus]:
                self.check()
                return (await client.status()).venues

            try:
                await orders_possible(venues, self._told, patience)
            except TimeoutError as error:
                tail = next((c.tail() for c in self._children if "adapter" in c.name), ())
                raise StackFailed(
                    f"no orders can be sent after {patience.timeout_s:g} s: {error}", tail
                ) from None

    async def kill_program(self, name: str) -> None:
        """Kill one child, as a machine that fails would, and go on without it."""
        child = next(child for child in self._children if child.name == name)
        child.kill()
        async with asyncio.timeout(_END_GRACE_S):
            await child.ended()
        self._children.remove(child)
        self._told(f"the {name} is gone")

    def check(self) -> None:
        """Raise StackFailed if a child has ended by itself."""
        for child in self._children:
            if (code := child.exit_code()) is not None:
                raise child.failed(f"has ended by itself ({describe(code)})")

    async def watch(self) -> None:
        """Start services again that are killed; StackFailed if a child ends in another way."""
        due_at: dict[Child, float] = {}
        while True:
            now = asyncio.get_running_loop().time()
            for child in self._ended():
                if child not in due_at:
                    due_at[child] = now + self._restart_after_s
                    self._tell_of_end(child)
                elif now >= due_at[child]:
                    del due_at[child]
                    await self._start_again(child)
            await asyncio.sleep(_POLL_S)

    def _ended(self) -> list[Child]:
        """The services that were killed; StackFailed if a child has ended that can't come back."""
        ended = [(child, child.exit_code()) for child in self._children]
        for child, code in ended:
            if code is not None and not self._can_come_back(child, code):
                raise child.failed(f"has ended by itself ({describe(code)})")
        return [child for child, code in ended if code is not None]

    def _can_come_back(self, child: Child, code: int) -> bool:
        """Whether it was killed and finds its state again; by itself it ends for a reason."""
        return code < 0 and child.name in self._services

    def _tell_of_end(self, child: Child) -> None:
        how = describe(child.exit_code() or 0)
        when = f"it starts again in {self._restart_after_s:g} s"
        self._told(f"the {child.name} has ended ({how}); {when}")

    async def _start_again(self, child: Child) -> None:
        self._children.remove(child)
        service = self._services[child.name]
        try:
            await self.start_service(service.program, *service.settings)
        except StackFailed:
            if not self._ended():  # killed once more while it started: that is for the next round
                raise

    async def end(self) -> None:
        """End all children, the last started first; each in a bounded time."""
        try:
            while self._children:
                await self._children[-1].end(_END_GRACE_S)
                self._children.pop()
        finally:
            self.kill()  # if that was cut short

    def kill(self) -> None:
        """Kill all children at once."""
        for child in self._children:
            child.kill()

    def _start(self, program: Program) -> Child:
        name = program.name.lower().replace(" ", "-")
        child = Child.start(program, self._state / "logs" / f"{name}.log")
        self._children.append(child)
        return child

    async def start_service(self, program: Program, *settings: str) -> list[str]:
        """Start one that tells its addresses by their settings; wait until it is SERVING."""
        child = self._start(program)
        addresses = [
            await child.says(partial(_listening, setting=setting), START_TIMEOUT_S)
            for setting in settings
        ]
        await _serving(child, addresses[0])
        page = ""
        metrics = settings[0].removesuffix("LISTEN") + "METRICS_LISTEN"
        if program.environment.get(metrics):
            page = await child.says(partial(_listening, setting=metrics), START_TIMEOUT_S)
            page = f", its metrics on http://{page}/metrics"
        self._told(f"{program.name} (process {child.pid}) on {addresses[0]}{page}")
        bound = dict(zip(settings, addresses, strict=True))
        again = replace(program, environment={**program.environment, **bound})
        self._services[program.name] = _Service(again, settings)
        return addresses


async def _all_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do them at the same time; the first that fails ends the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _simulator_ready(line: Mapping[str, Any]) -> tuple[str, str] | None:
    if line.get("event") != "ready":
        return None
    return f"{line['host']}:{line['port']}", f"{line['host']}:{line['control_port']}"


def _listening(line: Mapping[str, Any], setting: str) -> str | None:
    if line.get("event") != "listening" or line.get("setting") != setting:
        return None
    return str(line["address"])


async def _serving(child: Child, address: str) -> None:
    """Wait until the process as a whole is SERVING by the standard health service."""
    try:
        async with asyncio.timeout(START_TIMEOUT_S), grpc.aio.insecure_channel(address) as channel:
            make_stub: Callable[[Any], Any] = health_pb2_grpc.HealthStub
            health = make_stub(channel)
            while True:
                if (code := child.exit_code()) is not None:
                    raise child.failed(f"ended while starting ({describe(code)})")
                if await _healthy(health):
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise child.failed(f"was not SERVING within {START_TIMEOUT_S:g} s") from None


async def _healthy(health: Any) -> bool:
    try:
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
