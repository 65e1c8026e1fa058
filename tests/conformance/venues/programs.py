"""The programs of a stand: a simulator, its adapter and, if wanted, the router before them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stack import programs
from stack.children import Program
from stack.programs import ALPACA, IB, Broker, Ports, VenuePorts
from tests.conformance.server import Role, Server, Stand
from tests.conformance.venues.alpaca_control import AlpacaControl
from tests.conformance.venues.ib_control import IbControl
from tests.integration.system.parts import Part, scrubbed
from tests.ports import free_port

BROKERS: Final = {"alpaca": ALPACA, "ib": IB, "router": ALPACA}
VENUES: Final = tuple(BROKERS)

# Waits of production, made short; what is not here has its default. A read gets a whole second,
# so that a machine that is busy doesn't pass for a broker that is slow.
_SIMULATORS: Final = {
    "TANDEM_SIM_ALPACA_RATE_LIMIT": "100000",
    "TANDEM_SIM_ALPACA_CASH": "10000000",
    "TANDEM_SIM_ALPACA_OPTIONS_LEVEL": "3",
    "TANDEM_SIM_IB_CASH": "10000000",
    "TANDEM_SIM_IB_OPTIONS_LEVEL": "3",
    "TANDEM_SIM_IB_MESSAGES_PER_S": "0",
}
_ALPACA: Final = {
    "REST__TOTAL_TIMEOUT_S": "1.5",
    "REST__READ_TIMEOUT_S": "1.5",
    "REST__READ_DEADLINE_S": "3",
    "REST__PROBE_TIMEOUT_S": "1",
    "REST__PROBE_INTERVAL_S": "1",
    "SYNC__BACKOFF_MIN_S": "0.05",
    "SYNC__BACKOFF_MAX_S": "0.2",
    "SYNC__SILENCE_S": "1",
    "SYNC__LATE_EVENT_S": "0.2",
    "SYNC__OVERLAP_S": "5",
    "SETTLING_S": "0.5",
    "PACING__LIMIT": "100000",
    "DATA_PACING__LIMIT": "100000",
    "DRAIN_S": "0",
}
_IB: Final = {
    "CONNECTION__BACKOFF_MIN_S": "0.05",
    "CONNECTION__BACKOFF_MAX_S": "0.2",
    "CONNECTION__ANSWER_TIMEOUT_S": "3",
    "ORDERS__ACK_TIMEOUT_S": "1",
    "ORDERS__EXECUTION_WAIT_S": "1",
    "ORDERS__SILENCE_S": "1",
    "SETTLING_S": "0.5",
    "DRAIN_S": "0",
}
_ROUTER: Final = {
    "RECONNECT_MAX_S": "0.4",
    "REVIEW_S": "0.5",
    "HEARTBEAT_S": "1",
    "SILENCE_MAX_S": "3",
}


@asynccontextmanager
async def running_stand(venue: str, alone: bool) -> AsyncIterator[Stand]:
    """Start everything of a stand on free ports; end all of it, whatever happens."""
    broker = BROKERS[venue]
    folder = Path(tempfile.mkdtemp(prefix="tandem-conformance-"))
    async with AsyncExitStack() as owned:
        owned.callback(shutil.rmtree, folder, ignore_errors=True)
        made = _Made(broker, folder, alone=alone and venue != "router")
        parts = [made.simulator, made.adapter] + ([made.router] if venue == "router" else [])
        for part in parts:
            owned.push_async_callback(part.end)
            part.begin()
        for part in parts:
            await part.up()
        control = made.control()
        owned.push_async_callback(control.close)
        yield made.stand(control, behind_router=venue == "router")


class _Made:
    """The programs of one stand, on ports of their own."""

    def __init__(self, broker: Broker, folder: Path, *, alone: bool) -> None:
        for path in (programs.state_of(broker, folder), folder / "router", folder / "logs"):
            path.mkdir(parents=True, exist_ok=True)
        own = VenuePorts(adapter=free_port(), simulator=free_port(), control=free_port())
        self._broker = broker
        self._alone = alone
        self._folder = folder
        self._own = own
        self._ports = Ports(
            router=free_port(),
            operations=free_port(),
            **{"alpaca" if broker is ALPACA else "ib": own},
        )
        self._venue = programs.simulated_venue(broker, own.simulator)
        logs = folder / "logs"
        self.simulator = Part(self._simulator(), logs, _says_ready)
        self.adapter = Part(self._adapter(), logs, _says_ready)
        self.router = Part(self._router(), logs, _serves_operations)

    def control(self) -> AlpacaControl | IbControl:
        """The simulator's control."""
        kind = AlpacaControl if self._broker is ALPACA else IbControl
        return kind(f"127.0.0.1:{self._own.control}")

    def stand(self, control: AlpacaControl | IbControl, *, behind_router: bool) -> Stand:
        """What cards act on."""
        if behind_router:
            server = Server(
                f"127.0.0.1:{self._ports.router}", programs.ACCOUNT_ID, Role.ROUTER, fenced=False
            )
            process = PartProcess(self.router, self._folder / "router")
            return Stand(server, "router", self._venue.account_tag, control, process)
        server = Server(
            f"127.0.0.1:{self._own.adapter}",
            programs.ACCOUNT_ID,
            Role.ADAPTER,
            fenced=not self._alone,
            account_tag=self._venue.account_tag,
        )
        process = PartProcess(self.adapter, programs.state_of(self._broker, self._folder))
        name = "alpaca" if self._broker is ALPACA else "ib"
        return Stand(server, name, self._venue.account_tag, control, process)

    def _simulator(self) -> Program:
        inherited = {**scrubbed(), **_SIMULATORS}
        return programs.simulator(self._broker, inherited, self._ports, seed=1, skip_closed=False)

    def _adapter(self) -> Program:
        section = self._broker.section
        own = _ALPACA if self._broker is ALPACA else _IB
        quick = {f"TANDEM_{section}_{name}": value for name, value in own.items()}
        inherited = {**scrubbed(), **quick}
        program = programs.adapter(self._venue, inherited, self._ports, self._folder)
        if not self._alone:
            return program
        alone = {**program.environment, f"TANDEM_{section}_STAND_ALONE": "true"}
        return replace(program, environment=alone)

    def _router(self) -> Program:
        quick = {f"TANDEM_ROUTER_{name}": value for name, value in _ROUTER.items()}
        behind = [(self._venue, f"127.0.0.1:{self._own.adapter}")]
        return programs.router({**scrubbed(), **quick}, self._ports, self._folder, behind)


class PartProcess:
    """Implements `ServerProcess` for a program of the stand."""

    def __init__(self, part: Part, state: Path) -> None:
        self._part = part
        self._state = state

    async def kill(self) -> None:
        """End it without a word."""
        await self._part.kill()

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        code = await self._part.stop()
        assert code == 0, f"it ended with {code}"

    async def start(self) -> None:
        """Start it again with the same state, and wait until it serves."""
        await self._part.start()

    async def forget(self) -> None:
        """Take its state away."""
        shutil.rmtree(self._state)
        self._state.mkdir()


def _says_ready(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "ready"


def _serves_operations(line: Mapping[str, Any]) -> bool:
    return line.get("setting") == "TANDEM_ROUTER_OPERATIONS_LISTEN"
