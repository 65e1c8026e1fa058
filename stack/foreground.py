"""The stack in the foreground: simulated, or on a real paper account."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from stack import environment
from stack.children import StackFailed
from stack.programs import ALPACA, IB, Broker, Ports, metrics, paper_venue
from stack.running import RESTART_AFTER_S, Addresses, Stack

_CREDENTIALS: Final = ("TANDEM_ALPACA_API_KEY", "TANDEM_ALPACA_SECRET_KEY")
_GATEWAY: Final = ("TANDEM_IB_HOST", "TANDEM_IB_PORT")
_LIVE_KEY: Final = "AK"
"""What Alpaca's live key ids begin with; paper ones begin with PK."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: `state` is the folder of journal, fence store and logs; `fresh` puts it aside.

    A service that is killed starts again after `restart_after_s`. With `metrics` each service has
    a page for Prometheus; spans go to the collector `otlp` (http://host:4318), if it is given.
    """

    paper: bool
    state: Path
    ports: Ports
    fresh: bool = False
    metrics: bool = False
    otlp: str = ""
    restart_after_s: float = RESTART_AFTER_S


async def run(
    console: Console, environ: Mapping[str, str], options: RunOptions, own: list[Stack]
) -> int:
    """Keep the stack up until a signal; services that are killed start again.

    StackFailed if a part can't start or ends by itself.
    """
    paper = paper_brokers(environ) if options.paper else ()
    earlier = _prepare(options)
    async with Stack(
        options.state,
        lambda line: console.print(f"  {line}", soft_wrap=True),
        restart_after_s=options.restart_after_s,
    ) as stack:
        own.append(stack)
        console.print("Starting:")
        addresses = await _start(stack, environ, options, paper)
        show_guide(console, addresses, options, earlier=earlier)
        await stack.watch()
    raise AssertionError("a watch ends by an error only")


def paper_brokers(environ: Mapping[str, str]) -> tuple[Broker, ...]:
    """The brokers whose paper accounts the environment tells how to reach, in order of preference.

    Raises StackFailed if there is none, if a part is missing, or for the key of a live account.
    """
    ib = (IB,) if any(environ.get(name) for name in _GATEWAY) else ()
    given = [name for name in _CREDENTIALS if environ.get(name) or environ.get(f"{name}_FILE")]
    if ib and not given:
        return ib
    missing = [name for name in _CREDENTIALS if name not in given]
    if missing:
        raise StackFailed(
            f"a paper account at Alpaca needs {' and '.join(missing)} in the environment, one at "
            f"Interactive Brokers {' or '.join(_GATEWAY)} of a running paper Gateway"
        )
    if environ.get(_CREDENTIALS[0], "").strip().upper().startswith(_LIVE_KEY):
        raise StackFailed(
            f"{_CREDENTIALS[0]} is the key of a live account; this runs paper accounts only"
        )
    return (ALPACA, *ib)


async def _start(
    stack: Stack, environ: Mapping[str, str], options: RunOptions, paper: tuple[Broker, ...]
) -> Addresses:
    if options.paper:
        inherited = environment.for_paper(environ)
        venues = [paper_venue(broker) for broker in paper]
    else:
        inherited = environment.for_simulation(environ)
        # The ids that a venue gives come of the seed. The journal outlives the simulators, and a
        # second one that gave the first one's execution ids would have its fills taken for repeats.
        seed = secrets.randbelow(2**31)
        simulators = await stack.start_simulators(
            inherited, options.ports, seed=seed, skip_closed=True
        )
        venues = [simulator.venue for simulator in simulators]
    if options.metrics:
        inherited |= metrics(options.ports)
    if options.otlp:
        inherited["TANDEM_OTLP_ENDPOINT"] = options.otlp
    return await stack.start_services(venues, inherited, options.ports, wait_for_all=False)


def _prepare(options: RunOptions) -> bool:
    """Put earlier state aside if asked to; whether there is earlier state to go on from."""
    journal = options.state / "router" / "journal.sqlite"
    if options.fresh and options.state.exists():
        aside = options.state.with_name(f"{options.state.name}.{time.strftime('%Y%m%d-%H%M%S')}")
        options.state.rename(aside)
    return journal.exists()


def show_guide(
    console: Console, addresses: Addresses, options: RunOptions, *, earlier: bool
) -> None:
    """Say how to talk to the stack; each command stays one line, whatever the terminal's width."""
    console.print(_guide(addresses, options, earlier=earlier), soft_wrap=True)


def _guide(addresses: Addresses, options: RunOptions, *, earlier: bool) -> str:
    lines = [
        "",
        "Tandem is up. Ctrl-C ends it. In another terminal:",
        "",
        *(f"  {line}" for line in _commands(addresses, paper=options.paper)),
        "",
        "Kill an adapter or the router, and see what becomes of your orders. What was",
        f"killed starts again after {options.restart_after_s:g} s.",
        f"State and logs are in {options.state}; the next run goes on from there.",
    ]
    if options.paper:
        names = " and ".join(addresses.adapters)
        lines.append(f"These are your paper accounts: orders go to {names}.")
    elif earlier:
        lines += [
            "The journal of the last run goes on, but the simulated venues start anew: what",
            "that run left open or held is in Tandem's books and not at the venues. To begin",
            "anew with all: make run ARGS=--fresh (the old state is put aside).",
        ]
    else:
        lines.append("The simulated venues live in November 2024 and forget all when they end.")
    return "\n".join(lines)


def _commands(addresses: Addresses, *, paper: bool) -> list[str]:
    variables = []
    if addresses.router != "127.0.0.1:50050":
        variables.append(f"export TANDEM_ADDRESS={addresses.router}")
    if addresses.operations != "127.0.0.1:50060":
        variables.append(f"export TANDEM_OPERATIONS_ADDRESS={addresses.operations}")
    tandem = ".venv/bin/tandem"
    symbols, order = (
        "SPY SPY241115P00400000",
        "sell 1 SPY241115P00400000 --limit 8.50 --intent open",
    )
    if paper:  # where that put has expired, and nothing should fill by chance
        symbols, order = "SPY", "buy 1 SPY --limit 100"
    return [
        *variables,
        f"{tandem} status",
        f"{tandem} quotes {symbols}",
        f"{tandem} submit {order} --id my-1 --wait 10",
        f"{tandem} order my-1",
        f"{tandem} positions",
        f"{tandem} watch",
        f'{tandem} halt --reason "looking at something"',
    ]
