"""Which programs make the stack, and the settings that tie them together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from stack.children import Program

ACCOUNT_ID: Final = "main"
VENUE: Final = "alpaca"
_HOST: Final = "127.0.0.1"

# Nobody is being balanced elsewhere on one machine: the end needs no time for that.
_ROUTER_DRAIN_S: Final = "0"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports on loopback; 0 lets the system choose a free one."""

    router: int = 50050
    operations: int = 50060
    adapter: int = 50051
    simulator: int = 8081
    control: int = 8091


DEFAULT_PORTS: Final = Ports()
ANY_PORTS: Final = Ports(router=0, operations=0, adapter=0, simulator=0, control=0)


@dataclass(frozen=True, slots=True)
class Venue:
    """Where the adapter finds its broker: settings of the adapter, its tag and the account kind."""

    settings: Mapping[str, str]
    account_tag: str


def simulated_venue(port: int) -> Venue:
    """The simulated Alpaca on `port`."""
    return Venue(
        {
            "API_KEY": SIMULATED_KEY,
            "SECRET_KEY": SIMULATED_SECRET,
            "BASE_URL": f"http://{_HOST}:{port}",
        },
        account_tag="sim",
    )


PAPER_VENUE: Final = Venue({}, account_tag="paper")
"""Alpaca's paper account: keys are in the environment already, addresses are the adapter's own."""


def simulator(
    inherited: Mapping[str, str], ports: Ports, *, seed: int, skip_closed: bool
) -> Program:
    """The simulated Alpaca."""
    arguments = [
        *("--host", _HOST, "--port", str(ports.simulator), "--control-port", str(ports.control)),
        *("--seed", str(seed), *(["--skip-closed"] if skip_closed else [])),
    ]
    return Program("simulated Alpaca", "simulators.alpaca", tuple(arguments), inherited)


def adapter(inherited: Mapping[str, str], ports: Ports, state: Path, venue: Venue) -> Program:
    """The adapter of Alpaca, in paper mode whatever the environment says."""
    settings = {
        "LISTEN": f"{_HOST}:{ports.adapter}",
        "ACCOUNT_ID": ACCOUNT_ID,
        "VENUE": VENUE,
        "ACCOUNT_TAG": venue.account_tag,
        "MODE": "paper",
        "STAND_ALONE": "false",
        "FENCE_STORE_PATH": str(state / "adapter" / "fence.sqlite"),
        **venue.settings,
    }
    return _service("Alpaca adapter", "services.alpaca_adapter", inherited, "ALPACA", settings)


def router(
    inherited: Mapping[str, str], ports: Ports, state: Path, venue: Venue, adapter_address: str
) -> Program:
    """The router, with one account at one venue."""
    venues = [{"name": VENUE, "address": adapter_address, "account_tag": venue.account_tag}]
    settings = {
        "LISTEN": f"{_HOST}:{ports.router}",
        "OPERATIONS_LISTEN": f"{_HOST}:{ports.operations}",
        "ACCOUNTS": json.dumps([{"account_id": ACCOUNT_ID, "venues": venues}]),
        "JOURNAL_PATH": str(state / "router" / "journal.sqlite"),
        "DRAIN_S": _ROUTER_DRAIN_S,
    }
    return _service("router", "services.router", inherited, "ROUTER", settings)


def _service(
    name: str, module: str, inherited: Mapping[str, str], section: str, settings: Mapping[str, str]
) -> Program:
    given = {f"TANDEM_{section}_{key}": value for key, value in settings.items()}
    return Program(name, module, (), {**inherited, **given})
