"""Which programs make the stack, and the settings that tie them together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from stack.children import Program

ACCOUNT_ID: Final = "main"
_HOST: Final = "127.0.0.1"

# Nobody is being balanced elsewhere on one machine: the end needs no time for that.
_ROUTER_DRAIN_S: Final = "0"
_METRICS_PORTS: Final = {"ROUTER": 9464, "ALPACA": 9465, "IB": 9466}


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that the stack can simulate or connect to.

    `section` begins the names of its adapter's settings, after `TANDEM_`; `tag` ends in that of
    its venue account, so that placement ids at two brokers never look the same.
    """

    venue: str
    title: str
    simulator: str
    section: str
    tag: str
    simulator_module: str
    adapter_module: str

    @property
    def adapter(self) -> str:
        """What its adapter is called."""
        return f"{self.title} adapter"


ALPACA: Final = Broker(
    venue="alpaca",
    title="Alpaca",
    simulator="simulated Alpaca",
    section="ALPACA",
    tag="",
    simulator_module="simulators.alpaca",
    adapter_module="services.alpaca_adapter",
)
IB: Final = Broker(
    venue="interactive_brokers",
    title="IB",
    simulator="simulated IB Gateway",
    section="IB",
    tag="ib",
    simulator_module="simulators.ib_gateway",
    adapter_module="services.ib_adapter",
)
BROKERS: Final = (ALPACA, IB)
"""In order of preference: orders go to the first that can take them."""


@dataclass(frozen=True, slots=True)
class VenuePorts:
    """Ports on loopback of what belongs to one broker; 0 lets the system choose a free one."""

    adapter: int = 0
    simulator: int = 0
    control: int = 0


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports on loopback; 0 lets the system choose a free one."""

    router: int = 50050
    operations: int = 50060
    alpaca: VenuePorts = VenuePorts(adapter=50051, simulator=8081, control=8091)
    ib: VenuePorts = VenuePorts(adapter=50052, simulator=4002, control=4092)

    def of(self, broker: Broker) -> VenuePorts:
        """The ports of one broker's programs."""
        return self.alpaca if broker is ALPACA else self.ib


DEFAULT_PORTS: Final = Ports()
ANY_PORTS: Final = Ports(router=0, operations=0, alpaca=VenuePorts(), ib=VenuePorts())


@dataclass(frozen=True, slots=True)
class Venue:
    """One account at a broker: what its adapter needs to find it, and the tag of its orders."""

    broker: Broker
    settings: Mapping[str, str]
    account_tag: str


def simulated_venue(broker: Broker, port: int) -> Venue:
    """The broker's simulator on `port`."""
    settings = {"HOST": _HOST, "PORT": str(port)}
    if broker is ALPACA:
        settings = {
            "API_KEY": SIMULATED_KEY,
            "SECRET_KEY": SIMULATED_SECRET,
            "BASE_URL": f"http://{_HOST}:{port}",
        }
    return Venue(broker, settings, f"{broker.tag}sim")


def paper_venue(broker: Broker) -> Venue:
    """The broker's paper account: how to reach it is in the environment already."""
    return Venue(broker, {}, f"{broker.tag}paper")


def simulator(
    broker: Broker, inherited: Mapping[str, str], ports: Ports, *, seed: int, skip_closed: bool
) -> Program:
    """The broker's simulator."""
    own = ports.of(broker)
    arguments = [
        *("--host", _HOST, "--port", str(own.simulator), "--control-port", str(own.control)),
        *("--seed", str(seed), *(["--skip-closed"] if skip_closed else [])),
    ]
    return Program(broker.simulator, broker.simulator_module, tuple(arguments), inherited)


def adapter(venue: Venue, inherited: Mapping[str, str], ports: Ports, state: Path) -> Program:
    """The broker's adapter, in paper mode whatever the environment says."""
    broker = venue.broker
    folder = state_of(broker, state)
    settings = {
        "LISTEN": f"{_HOST}:{ports.of(broker).adapter}",
        "ACCOUNT_ID": ACCOUNT_ID,
        "VENUE": broker.venue,
        "ACCOUNT_TAG": venue.account_tag,
        "MODE": "paper",
        "STAND_ALONE": "false",
        "FENCE_STORE_PATH": str(folder / "fence.sqlite"),
        **({"SEND_LOG_PATH": str(folder / "send_log.sqlite")} if broker is IB else {}),
        **venue.settings,
    }
    return _service(broker.adapter, broker.adapter_module, inherited, broker.section, settings)


def router(
    inherited: Mapping[str, str], ports: Ports, state: Path, venues: Sequence[tuple[Venue, str]]
) -> Program:
    """The router, with one account; `venues` in order of preference, with their adapters."""
    behind = [
        {"name": venue.broker.venue, "address": address, "account_tag": venue.account_tag}
        for venue, address in venues
    ]
    settings = {
        "LISTEN": f"{_HOST}:{ports.router}",
        "OPERATIONS_LISTEN": f"{_HOST}:{ports.operations}",
        "ACCOUNTS": json.dumps([{"account_id": ACCOUNT_ID, "venues": behind}]),
        "JOURNAL_PATH": str(state / "router" / "journal.sqlite"),
        "DRAIN_S": _ROUTER_DRAIN_S,
    }
    return _service("router", "services.router", inherited, "ROUTER", settings)


def metrics(ports: Ports) -> dict[str, str]:
    """Settings by which each service serves its metrics: on the customary port, or on any free one
    if its own is any free one."""
    own = {"ROUTER": ports.router, **{b.section: ports.of(b).adapter for b in BROKERS}}
    return {
        f"TANDEM_{section}_METRICS_LISTEN": f"{_HOST}:{_METRICS_PORTS[section] if port else 0}"
        for section, port in own.items()
    }


def state_of(broker: Broker, state: Path) -> Path:
    """Where a broker's adapter keeps what it must not forget."""
    return state / broker.venue


def _service(
    name: str, module: str, inherited: Mapping[str, str], section: str, settings: Mapping[str, str]
) -> Program:
    given = {f"TANDEM_{section}_{key}": value for key, value in settings.items()}
    return Program(name, module, (), {**inherited, **given})
